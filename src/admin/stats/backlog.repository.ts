import { Injectable } from '@nestjs/common';
import { Database, type Statement } from '../../database/database.js';

export interface AccountBacklog {
  readonly account_id: string;
  readonly backlog: number;
}
export interface EndpointBacklog extends AccountBacklog {
  readonly endpoint_id: string;
}

/** How the platform stands, without what happens in a second. */
export interface PlatformBacklog {
  readonly accounts: number;
  readonly backlog: number;
  readonly oldest_due_at: Date | null;
  readonly inbox_rejected: number;
  readonly top_accounts: readonly AccountBacklog[];
  readonly top_endpoints: readonly EndpointBacklog[];
}

// Reads the queue once and whole (1 M rows: half a second), the accounts and the inbox. A row of an epoch
// that has ended, or of an endpoint that was deleted, reads as skipped or cancelled already, and is nobody's backlog.
const READ: Statement = {
  name: 'platform_stats.read_backlog',
  text: `
    WITH queues AS MATERIALIZED (
      SELECT p.account_id, p.mode, p.endpoint_id, p.endpoint_epoch, count(*) AS backlog,
             min(p.due_at) FILTER (WHERE p.due_at < 'infinity') AS oldest_due_at
      FROM signalpost.pending_deliveries p
      GROUP BY p.account_id, p.mode, p.endpoint_id, p.endpoint_epoch
    ), endpoints AS MATERIALIZED (
      SELECT q.account_id, q.endpoint_id, q.backlog, q.oldest_due_at
      FROM queues q
      JOIN signalpost.webhook_endpoints w
        ON w.account_id = q.account_id AND w.mode = q.mode AND w.id = q.endpoint_id AND w.epoch = q.endpoint_epoch
      WHERE w.deleted_at IS NULL
    ), top_accounts AS (
      SELECT e.account_id, sum(e.backlog) AS backlog FROM endpoints e
      GROUP BY e.account_id ORDER BY 2 DESC, 1 LIMIT $1
    ), top_endpoints AS (
      SELECT e.account_id, e.endpoint_id, e.backlog FROM endpoints e ORDER BY e.backlog DESC, e.endpoint_id LIMIT $1
    )
    SELECT (SELECT count(*) FROM signalpost.accounts)::integer AS accounts,
           (SELECT coalesce(sum(e.backlog), 0) FROM endpoints e)::float8 AS backlog,
           (SELECT min(e.oldest_due_at) FROM endpoints e) AS oldest_due_at,
           (SELECT count(*) FROM signalpost.event_inbox i WHERE i.error IS NOT NULL)::integer AS inbox_rejected,
           (SELECT coalesce(json_agg(t), '[]') FROM top_accounts t) AS top_accounts,
           (SELECT coalesce(json_agg(t), '[]') FROM top_endpoints t) AS top_endpoints`,
};

/** What waits, over all accounts. */
@Injectable()
export class BacklogRepository {
  constructor(private readonly database: Database) {}

  /** With the `top` accounts and endpoints that have the most. */
  async read(top: number): Promise<PlatformBacklog> {
    const [row] = await this.database.rows<PlatformBacklog>(READ, [top]);
    return row!;
  }
}
