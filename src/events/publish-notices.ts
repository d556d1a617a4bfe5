import { Injectable, Logger, type OnApplicationShutdown } from '@nestjs/common';
import { type Tenant, tenantKey } from '../auth/caller.js';
import { Clock } from '../common/clock.js';
import { RepeatedWarning } from '../common/repeated-warning.js';
import { Database, type Statement } from '../database/database.js';
import { PUBLISH_CHANNEL, writePublishNotice } from '../database/publish-notice.js';

const NOTIFY: Statement = { name: 'publish_notify', text: `SELECT pg_notify('${PUBLISH_CHANNEL}', $1)` };

/**
 * Tells all processes, this one too, to which accounts it has published, after the commit and in a transaction of its
 * own, one at a time. Within the publish a NOTIFY would hold a lock of the whole server from before its commit is
 * made durable until after, so that all processes together had one commit at a time. What could not be told goes with
 * the next notice; until then, and for good when this process dies, others find it by their polls.
 */
@Injectable()
export class PublishNotices implements OnApplicationShutdown {
  private readonly warning: RepeatedWarning;
  /** Tenants' keys. */
  private readonly untold = new Set<string>();
  private telling: Promise<void> | null = null;

  constructor(
    private readonly database: Database,
    clock: Clock,
  ) {
    const logger = new Logger(PublishNotices.name);
    this.warning = new RepeatedWarning((message) => logger.warn(message), clock);
  }

  tell(tenants: readonly Tenant[]): void {
    for (const tenant of tenants) this.untold.add(tenantKey(tenant));
    if (this.telling === null && this.untold.size > 0) this.telling = this.tellAll();
  }

  async onApplicationShutdown(): Promise<void> {
    await this.telling;
  }

  private async tellAll(): Promise<void> {
    let keys: string[] = [];
    try {
      // Later, so that `telling` is set, and what is committed at the same time goes together.
      await Promise.resolve();
      while (this.untold.size > 0) {
        keys = [...this.untold];
        this.untold.clear();
        await this.database.rows(NOTIFY, [writePublishNotice(keys)]);
        this.warning.clear();
      }
    } catch (error) {
      keys.forEach((key) => this.untold.add(key));
      this.warning.warn(`Other processes could not be told of new events; they poll: ${(error as Error).message}`);
    } finally {
      this.telling = null;
    }
  }
}
