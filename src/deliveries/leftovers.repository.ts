import { Injectable } from '@nestjs/common';
import type { Mode } from '../auth/caller.js';
import { NIL_ACCOUNT } from '../common/ids.js';
import { Database, type Statement } from '../database/database.js';

export interface LeftoverEndpoint {
  readonly account_id: string;
  readonly mode: Mode;
  readonly id: string;
}

/** As it stood when it was found. */
export interface FoundLeftovers extends LeftoverEndpoint {
  /** A number of 64 bits, as text; any change of the endpoint raises it. */
  readonly revision: string;
}

const FIRST: LeftoverEndpoint = { account_id: NIL_ACCOUNT, mode: 'live', id: NIL_ACCOUNT };

/** Index: webhook_endpoints_leftovers. */
const FIND: Statement = {
  name: 'leftovers_find',
  text: `SELECT account_id, mode, id, revision FROM signalpost.webhook_endpoints WHERE has_leftovers
    AND (account_id, mode, id) > ($2, $3, $4) ORDER BY account_id, mode, id LIMIT $1`,
};

/**
 * Ends unfinished deliveries that a disabling or a deletion of their endpoint left behind, some at a time.
 * Lock: the rows deleted, in the order of their ids, as a settle takes them; one that comes later finds an ended
 * delivery and records its attempt. Index: pending_deliveries_due. Guarantee: a row is deleted and its end written in
 * one statement, with the end that readers have been shown since the endpoint was disabled or deleted
 * (delivery-rows.ts), to the millisecond.
 */
const END_SOME: Statement = {
  name: 'leftovers_end_some',
  text: `
    WITH found AS MATERIALIZED (
      SELECT q.account_id, q.mode, q.id, q.endpoint_epoch < w.epoch AS is_skipped,
             CASE WHEN q.endpoint_epoch < w.epoch THEN w.epoch_ended_at ELSE w.deleted_at END
               AS ended_at
      FROM signalpost.webhook_endpoints w
      JOIN signalpost.pending_deliveries q
        ON q.account_id = w.account_id AND q.mode = w.mode AND q.endpoint_id = w.id
        AND (q.endpoint_epoch < w.epoch OR w.deleted_at IS NOT NULL)
      WHERE w.account_id = $1 AND w.mode = $2 AND w.id = $3 AND q.account_id = $1
      LIMIT $4
    ), leftover AS MATERIALIZED (
      SELECT found.*
      FROM found
      JOIN signalpost.pending_deliveries q ON q.account_id = $1 AND q.mode = found.mode AND q.id = found.id
      ORDER BY q.account_id, q.mode, q.id
      FOR UPDATE OF q
    ), ended AS (
      DELETE FROM signalpost.pending_deliveries q
      USING leftover
      WHERE q.account_id = $1 AND q.mode = leftover.mode AND q.id = leftover.id
      RETURNING q.*, leftover.is_skipped, leftover.ended_at
    )
    INSERT INTO signalpost.deliveries (
      account_id, mode, id, endpoint_id, event_id, event_type, operation_id, trigger, previous_delivery_id,
      recovery_id, status, status_reason, attempt_count, ended_at)
    SELECT account_id, mode, id, endpoint_id, event_id, event_type, operation_id, trigger, previous_delivery_id,
           recovery_id, CASE WHEN is_skipped THEN 'skipped' ELSE 'cancelled' END,
           CASE WHEN is_skipped THEN 'endpoint_disabled' ELSE 'endpoint_deleted' END, attempt_count, ended_at
    FROM ended
    RETURNING id`,
};

/*
 * A publish has its ledger's lock from before it reads the endpoints to its commit. So once this one was had, every
 * publish that saw an endpoint as it was before its disabling has committed what it planned, however long that took,
 * and later ones see it disabled. All others who plan deliveries hold the endpoint itself. Lock: the ledger, for this
 * statement alone.
 */
const AWAIT_PUBLISHES: Statement = {
  name: 'leftovers_await_publishes',
  text: `SELECT FROM signalpost.ledgers l WHERE l.account_id = $1 AND l.mode = $2 FOR SHARE`,
};

/**
 * Nothing is left, nor will be: behind `AWAIT_PUBLISHES`, unless the endpoint was changed since it was found, for it
 * may have been enabled and disabled again meanwhile. Lock: the endpoint's row. Index: primary key.
 */
const MARK_DONE: Statement = {
  name: 'leftovers_mark_done',
  text: `
    UPDATE signalpost.webhook_endpoints w
    SET has_leftovers = false
    WHERE w.account_id = $1 AND w.mode = $2 AND w.id = $3 AND w.revision = $4
      AND NOT EXISTS (
        SELECT FROM signalpost.pending_deliveries q
        WHERE q.account_id = $1 AND q.mode = $2 AND q.endpoint_id = $3
          AND (q.endpoint_epoch < w.epoch OR w.deleted_at IS NOT NULL))`,
};

/** Deliveries that nobody will send any more, because their endpoint was disabled or deleted. */
@Injectable()
export class LeftoversRepository {
  constructor(private readonly database: Database) {}

  /** In the order of account, mode and id, behind `after` if given. */
  findEndpoints(limit: number, after: LeftoverEndpoint = FIRST): Promise<FoundLeftovers[]> {
    return this.database.rows<FoundLeftovers>(FIND, [limit, after.account_id, after.mode, after.id]);
  }

  /** How many were ended; fewer than `limit`: none is left. */
  async endSome(endpoint: LeftoverEndpoint, limit: number): Promise<number> {
    const { account_id, mode, id } = endpoint;
    return (await this.database.rows(END_SOME, [account_id, mode, id, limit])).length;
  }

  /** Where some are left after all, or the endpoint was changed since it was found, it is found again. */
  async markDone({ account_id, mode, id, revision }: FoundLeftovers): Promise<void> {
    await this.database.rows(AWAIT_PUBLISHES, [account_id, mode]);
    await this.database.rows(MARK_DONE, [account_id, mode, id, revision]);
  }
}
