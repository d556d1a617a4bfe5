import { Injectable, Logger, type OnApplicationShutdown } from '@nestjs/common';
import type { Tenant } from '../auth/caller.js';
import { Clock } from '../common/clock.js';
import { RepeatedWarning } from '../common/repeated-warning.js';
import { Database, type Statement } from '../database/database.js';
import { PROCESS_TAG } from '../database/process-tag.js';
import { ledgerKey } from './ingest-snapshot.js';

/** PostgreSQL takes at most 8,000 bytes. */
const MOST_NAMED = 100;

const NOTIFY: Statement = { name: 'publish_notify', text: `SELECT pg_notify('signalpost_events', $1)` };

/**
 * Tells all processes, this one too, to which accounts it has published, after the commit and in a transaction of its own, one at
 * a time. Within the publish a NOTIFY would hold a lock of the whole database from before its commit is made durable
 * until after, so that all processes together had one commit at a time. What could not be told goes with the next
 * notice; until then, and for good when this process dies, others find it by their polls.
 */
@Injectable()
export class PublishNotices implements OnApplicationShutdown {
  private readonly warning: RepeatedWarning;
  /** Accounts and modes. */
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
    for (const tenant of tenants) this.untold.add(ledgerKey(tenant));
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
        await this.database.rows(NOTIFY, [payloadOf(keys)]);
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

/** `<process>;<account> <mode>,…`; none named: too many to name, and whoever listens reads the tables. */
function payloadOf(keys: readonly string[]): string {
  return `${PROCESS_TAG};${keys.length > MOST_NAMED ? '' : keys.join(',')}`;
}
