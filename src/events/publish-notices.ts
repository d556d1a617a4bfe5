import { Injectable, Logger, type OnApplicationShutdown } from '@nestjs/common';
import type { Tenant } from '../auth/caller.js';
import { Clock } from '../common/clock.js';
import { RepeatedWarning } from '../common/repeated-warning.js';
import { Database, type Statement } from '../database/database.js';
import { PROCESS_TAG } from '../database/process-tag.js';

/** PostgreSQL takes at most 8,000 bytes. */
const MOST_NAMED = 100;

const NOTIFY: Statement = { name: 'publish_notify', text: `SELECT pg_notify('signalpost_events', $1)` };

/** `<process>;<account> <mode>,…`; none named: too many to name, and whoever listens reads the tables. */
export function publishNotice(tenants: readonly Tenant[]): string {
  const named = tenants.length > MOST_NAMED ? [] : tenants;
  return `${PROCESS_TAG};${named.map(({ accountId, mode }) => `${accountId} ${mode}`).join(',')}`;
}

/**
 * Tells all processes to which accounts this one has published, after the commit and in a transaction of its own, one at
 * a time. Within the publish a NOTIFY would hold a lock of the whole database from before its commit is made durable
 * until after, so that all processes together had one commit at a time. What a process that died did not tell is
 * found by polls.
 */
@Injectable()
export class PublishNotices implements OnApplicationShutdown {
  private readonly warning: RepeatedWarning;
  /** By account and mode. */
  private untold = new Map<string, Tenant>();
  private telling: Promise<void> | null = null;

  constructor(
    private readonly database: Database,
    clock: Clock,
  ) {
    const logger = new Logger(PublishNotices.name);
    this.warning = new RepeatedWarning((message) => logger.warn(message), clock);
  }

  tell(tenants: readonly Tenant[]): void {
    for (const tenant of tenants) this.untold.set(`${tenant.accountId} ${tenant.mode}`, tenant);
    this.telling ??= this.tellAll().finally(() => {
      this.telling = null;
    });
  }

  async onApplicationShutdown(): Promise<void> {
    await this.telling;
  }

  private async tellAll(): Promise<void> {
    while (this.untold.size > 0) {
      const tenants = [...this.untold.values()];
      this.untold = new Map();
      try {
        await this.database.rows(NOTIFY, [publishNotice(tenants)]);
        this.warning.clear();
      } catch (error) {
        this.warning.warn(`Other processes could not be told of new events; they poll: ${(error as Error).message}`);
      }
    }
  }
}
