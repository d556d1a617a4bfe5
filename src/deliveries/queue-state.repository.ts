import { Injectable } from '@nestjs/common';
import { Database, type Statement } from '../database/database.js';

export interface QueueState {
  /** Unfinished deliveries, whatever they wait for. */
  readonly backlog: number;
  /**
   * How long the first of those that are due has been due; a throttled or a dead endpoint's count, too. Those of
   * suspended accounts do not: nobody is to send them.
   */
  readonly oldestDueSeconds: number;
}

/** Index: a count of the whole queue, and one probe of pending_deliveries_due a lane; not for a hot path. */
const READ: Statement = {
  name: 'queue_state.read',
  text: `
    SELECT (SELECT count(*) FROM signalpost.pending_deliveries)::double precision AS backlog,
      coalesce((
        SELECT extract(epoch FROM now() - min(first.due_at))
        FROM signalpost.lanes l
        JOIN signalpost.accounts a ON a.id = l.account_id
        JOIN signalpost.webhook_endpoints w
          ON w.account_id = l.account_id AND w.mode = l.mode AND w.id = l.endpoint_id
        CROSS JOIN LATERAL (
          SELECT p.due_at FROM signalpost.pending_deliveries p
          WHERE p.account_id = l.account_id AND p.mode = l.mode AND p.endpoint_id = l.endpoint_id
            AND p.endpoint_epoch = w.epoch
          ORDER BY p.due_at LIMIT 1
        ) AS first
        WHERE first.due_at <= now() AND a.status = 'active' AND w.status = 'enabled'
          AND w.deleted_at IS NULL
      ), 0)::double precision AS oldest_due_seconds`,
};

/** The queue as a whole, over all accounts, for metrics. */
@Injectable()
export class QueueStateRepository {
  constructor(private readonly database: Database) {}

  async read(): Promise<QueueState> {
    const [row] = await this.database.rows<{ backlog: number; oldest_due_seconds: number }>(READ, []);
    return { backlog: row!.backlog, oldestDueSeconds: row!.oldest_due_seconds };
  }
}
