import { Injectable } from '@nestjs/common';
import type { Mode, Tenant } from '../../auth/caller.js';
import { Database, type Statement } from '../../database/database.js';

/** An account and mode, and what of it retention has to do with. */
export interface AgeingLedger extends Tenant {
  readonly hasExpired: boolean;
  readonly hasEmptyStats: boolean;
}

/**
 * What is past the retention: events before `oldestEventId`, which no operation that began after `beganBefore` can
 * have.
 */
export interface RetentionBounds {
  readonly oldestEventId: string;
  readonly beganBefore: Date;
  /** Sums of later periods stay though they are empty: they are likely to be written again. */
  readonly emptyBefore: Date;
  /** Recoveries that ended earlier had events to send of which none is left. */
  readonly endedBefore: Date;
}

// A page of ledgers by primary key; of each, one look into operations_by_time and one walk through its sums. The inner
// questions are subqueries with a limit, which the planner cannot turn into a join over whole tables.
const LIST_LEDGERS: Statement = {
  name: 'retention.list_ledgers',
  text: `
    SELECT l.account_id, l.mode,
      (SELECT true FROM signalpost.operations o
        WHERE o.account_id = l.account_id AND o.mode = l.mode AND o.created_at < $3 AND o.last_event_id < $4
        ORDER BY o.created_at LIMIT 1) AS has_expired,
      (SELECT true FROM signalpost.operation_stats s
        WHERE s.account_id = l.account_id AND s.mode = l.mode AND s.starts_at < $5 AND s.count = 0
        ORDER BY s.period, s.starts_at LIMIT 1) AS has_empty_stats
    FROM signalpost.ledgers l
    WHERE (l.account_id, l.mode) > ($1, $2)
    ORDER BY l.account_id, l.mode
    LIMIT $6`,
};

/** Lock, index and guarantee: migrations/functions/expire_operations.sql. */
const EXPIRE_OPERATIONS: Statement = {
  name: 'retention.expire_operations',
  text: `SELECT signalpost.expire_operations($1, $2, $3, $4, $5) AS count`,
};

// Lock: rows that a publish holds are left for another day, so that neither waits for the other. A row that comes
// back while it is deleted is written anew. Index: primary key; by place, so that nothing is searched for again.
const DELETE_EMPTY_STATS: Statement = {
  name: 'retention.delete_empty_stats',
  text: `
    WITH gone AS (
      DELETE FROM signalpost.operation_stats s
      WHERE s.account_id = $1 AND s.ctid = ANY (ARRAY(
        SELECT e.ctid FROM signalpost.operation_stats e
        WHERE e.account_id = $1 AND e.mode = $2 AND e.starts_at < $3 AND e.count = 0
        ORDER BY e.period, e.starts_at LIMIT $4 FOR UPDATE SKIP LOCKED))
      RETURNING 1
    )
    SELECT count(*)::integer AS count FROM gone`,
};

// Index: external_ids_by_age. Over all accounts: upkeep. Rows never change, so their place is as good as their key.
const DELETE_EXTERNAL_IDS: Statement = {
  name: 'retention.delete_external_ids',
  text: `
    WITH gone AS (
      DELETE FROM signalpost.external_ids x
      WHERE x.ctid = ANY (ARRAY(
        SELECT e.ctid FROM signalpost.external_ids e WHERE e.event_id < $1 ORDER BY e.event_id LIMIT $2))
      RETURNING 1
    )
    SELECT count(*)::integer AS count FROM gone`,
};

// Index: recoveries_by_end. Over all accounts: upkeep. One that has ended never changes.
const DELETE_RECOVERIES: Statement = {
  name: 'retention.delete_recoveries',
  text: `
    WITH gone AS (
      DELETE FROM signalpost.recoveries r
      WHERE r.ctid = ANY (ARRAY(
        SELECT e.ctid FROM signalpost.recoveries e WHERE e.ended_at < $1 ORDER BY e.ended_at LIMIT $2))
      RETURNING 1
    )
    SELECT count(*)::integer AS count FROM gone`,
};

interface LedgerRow {
  readonly account_id: string;
  readonly mode: Mode;
  readonly has_expired: true | null;
  readonly has_empty_stats: true | null;
}

/** Takes away what events past the retention left behind outside their partitions, a bounded batch at a time. */
@Injectable()
export class RetentionRepository {
  constructor(private readonly database: Database) {}

  /** Up to `limit` ledgers after `after` in the order of their keys. */
  async listLedgers(
    after: { accountId: string; mode: string },
    { beganBefore, oldestEventId, emptyBefore }: RetentionBounds,
    limit: number,
  ): Promise<AgeingLedger[]> {
    const values = [after.accountId, after.mode, beganBefore, oldestEventId, emptyBefore, limit];
    const rows = await this.database.rows<LedgerRow>(LIST_LEDGERS, values);
    return rows.map(({ account_id, mode, has_expired, has_empty_stats }) => {
      return { accountId: account_id, mode, hasExpired: has_expired === true, hasEmptyStats: has_empty_stats === true };
    });
  }

  /** How many went; 0: none is left. */
  expireOperations({ accountId, mode }: Tenant, bounds: RetentionBounds, limit: number): Promise<number> {
    const values = [accountId, mode, bounds.beganBefore, bounds.oldestEventId, limit];
    return this.count(EXPIRE_OPERATIONS, values);
  }

  deleteEmptyStats({ accountId, mode }: Tenant, { emptyBefore }: RetentionBounds, limit: number): Promise<number> {
    return this.count(DELETE_EMPTY_STATS, [accountId, mode, emptyBefore, limit]);
  }

  deleteExternalIds({ oldestEventId }: RetentionBounds, limit: number): Promise<number> {
    return this.count(DELETE_EXTERNAL_IDS, [oldestEventId, limit]);
  }

  deleteRecoveries({ endedBefore }: RetentionBounds, limit: number): Promise<number> {
    return this.count(DELETE_RECOVERIES, [endedBefore, limit]);
  }

  private async count(statement: Statement, values: readonly unknown[]): Promise<number> {
    const [row] = await this.database.rows<{ count: number }>(statement, values);
    return row!.count;
  }
}
