import { Injectable } from '@nestjs/common';
import { NIL_ACCOUNT } from '../../common/ids.js';
import { Database, type Statement } from '../../database/database.js';
import type { EndpointRef } from '../webhook-endpoint.js';

export const STATS_INTERVALS = ['hour', 'day'] as const;
export type StatsInterval = (typeof STATS_INTERVALS)[number];

/** So many attempts of an interval that ended so, within the duration of one bucket. */
export interface AttemptCount {
  readonly start: Date;
  /** '' for a success, else the code of the error or `status_3xx`, `status_4xx`, `status_5xx`. */
  readonly reason: string;
  /** See `latency-buckets.ts`. */
  readonly bucket: number;
  readonly count: number;
}

export interface Backlog {
  readonly count: number;
  /** Null: nothing is due at a known time. */
  readonly oldestDueAt: Date | null;
}

// Index: the primary key, a range of it.
const READ: Statement = {
  name: 'attempt_counts.read',
  text: `SELECT date_trunc($6, hour, 'UTC') AS start, reason, bucket, sum(count)::double precision AS count
    FROM signalpost.attempt_counts
    WHERE account_id = $1 AND mode = $2 AND endpoint_id = $3 AND hour >= $4 AND hour < $5
    GROUP BY 1, 2, 3
    ORDER BY 1, 3`,
};

// Index: pending_deliveries_due, which holds all that is asked; an epoch before the endpoint's counts as skipped.
const READ_BACKLOG: Statement = {
  name: 'attempt_counts.read_backlog',
  text: `SELECT count(*)::integer AS count, min(due_at) FILTER (WHERE due_at < 'infinity') AS oldest_due_at
    FROM signalpost.pending_deliveries
    WHERE account_id = $1 AND mode = $2 AND endpoint_id = $3 AND endpoint_epoch = $4`,
};

// Index: both primary keys; endpoints are walked in the order of theirs, deleted ones too.
const DELETE_OLD: Statement = {
  name: 'attempt_counts.delete_old',
  text: `WITH page AS MATERIALIZED (
      SELECT account_id, mode, id FROM signalpost.webhook_endpoints
      WHERE (account_id, mode, id) > ($1::uuid, $2::text, $3::uuid)
      ORDER BY account_id, mode, id
      LIMIT $4
    ), gone AS (
      DELETE FROM signalpost.attempt_counts AS target USING page
      WHERE target.account_id = page.account_id AND target.mode = page.mode AND target.endpoint_id = page.id
        AND target.hour < $5
      RETURNING 1
    )
    SELECT account_id, mode, id, (SELECT count(*)::integer FROM gone) AS deleted FROM page
    ORDER BY account_id DESC, mode DESC, id DESC LIMIT 1`,
};

@Injectable()
export class AttemptCountsRepository {
  constructor(private readonly database: Database) {}

  /** Of whole hours, from `from` (inclusive) to `until` (exclusive); the oldest interval first. */
  read(
    { accountId, mode, id }: EndpointRef,
    from: Date,
    until: Date,
    interval: StatsInterval,
  ): Promise<AttemptCount[]> {
    return this.database.rows<AttemptCount>(READ, [accountId, mode, id, from, until, interval]);
  }

  /** What waits to be sent, in the air included. @param epoch the endpoint's own */
  async readBacklog({ accountId, mode, id }: EndpointRef, epoch: number): Promise<Backlog> {
    const values = [accountId, mode, id, epoch];
    const [row] = await this.database.rows<{ count: number; oldest_due_at: Date | null }>(READ_BACKLOG, values);
    return { count: row!.count, oldestDueAt: row!.oldest_due_at };
  }

  /**
   * Deletes what is from before `hour`, of up to `limit` endpoints.
   * @param after the last endpoint of the page before; null: from the start
   * @returns the last endpoint looked at, null when there is none left, and how many rows went
   */
  async deleteOld(
    hour: Date,
    after: EndpointRef | null,
    limit: number,
  ): Promise<{ last: EndpointRef | null; deleted: number }> {
    const start = after === null ? [NIL_ACCOUNT, '', NIL_ACCOUNT] : [after.accountId, after.mode, after.id];
    const [row] = await this.database.rows<{
      account_id: string;
      mode: EndpointRef['mode'];
      id: string;
      deleted: number;
    }>(DELETE_OLD, [...start, limit, hour]);
    if (!row) return { last: null, deleted: 0 };
    return { last: { accountId: row.account_id, mode: row.mode, id: row.id }, deleted: row.deleted };
  }
}
