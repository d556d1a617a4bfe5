import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import type { Tenant } from '../../auth/caller.js';
import { Database, type Statement } from '../../database/database.js';

/** An unfinished delivery as a person may act on it; what its endpoint ended already is not among them. */
export interface PendingRef {
  readonly id: string;
  readonly endpoint_id: string;
  readonly endpoint_epoch: number;
  readonly event_id: string;
  readonly operation_id: string | null;
  readonly order_key: string | null;
}

/*
 * The locks of these statements are taken in one order, within one transaction: endpoint, lane, delivery, follower.
 * A claim never waits for a lane, so it cannot hold what the lane's holder wants and want the lane as well.
 */

// Lock: the row, so that it is neither settled nor ended meanwhile. Index: primary key.
const LOCK_PENDING: Statement = {
  name: 'delivery_actions.lock_pending',
  text: `SELECT q.id, q.endpoint_id, q.endpoint_epoch, q.event_id, q.operation_id, q.order_key
    FROM signalpost.pending_deliveries q
    WHERE q.account_id = $1 AND q.mode = $2 AND q.id = $3
    FOR UPDATE`,
};

// One that waits for its turn goes on waiting; what is due already keeps its place among the due. Index: primary key.
const MAKE_DUE: Statement = {
  name: 'delivery_actions.make_due',
  text: `UPDATE signalpost.pending_deliveries AS target
    SET due_at = CASE WHEN target.due_at = 'infinity' THEN target.due_at ELSE least(target.due_at, now()) END
    WHERE target.account_id = $1 AND target.mode = $2 AND target.id = $3`,
};

// Guarantee: the row goes and its end is written in one statement; an attempt in the air is counted when it settles.
const CANCEL: Statement = {
  name: 'delivery_actions.cancel',
  text: `WITH ended AS (
      DELETE FROM signalpost.pending_deliveries AS target
      WHERE target.account_id = $1 AND target.mode = $2 AND target.id = $3
      RETURNING *
    )
    INSERT INTO signalpost.deliveries (
      account_id, mode, id, endpoint_id, event_id, event_type, operation_id, trigger, previous_delivery_id,
      recovery_id, status, status_reason, attempt_count, ended_at)
    SELECT account_id, mode, id, endpoint_id, event_id, event_type, operation_id, trigger, previous_delivery_id,
           recovery_id, 'cancelled', 'cancelled_by_user', attempt_count, clock_timestamp()
    FROM ended`,
};

// Asked while the row stands; the caller has it locked, so that its end and this happen together. Index: primary key.
const RELEASE_FOLLOWER: Statement = {
  name: 'delivery_actions.release_follower',
  text: `SELECT signalpost.release_followers(ARRAY[q])
    FROM signalpost.pending_deliveries q
    WHERE q.account_id = $1 AND q.mode = $2 AND q.id = $3`,
};

/** What a person does to one unfinished delivery. The caller holds its endpoint and has woken its lane. */
@Injectable()
export class DeliveryActionsRepository {
  constructor(private readonly database: Database) {}

  /** Null when it has ended meanwhile. */
  async lockPending({ accountId, mode }: Tenant, id: string, manager: EntityManager): Promise<PendingRef | null> {
    const [row] = await this.database.rows<PendingRef>(LOCK_PENDING, [accountId, mode, id], manager);
    return row ?? null;
  }

  async makeDue({ accountId, mode }: Tenant, id: string, manager: EntityManager): Promise<void> {
    await this.database.rows(MAKE_DUE, [accountId, mode, id], manager);
  }

  /** Ends it as `cancelled_by_user` and gives the next one of its operation its turn. */
  async cancel({ accountId, mode }: Tenant, pending: PendingRef, manager: EntityManager): Promise<void> {
    const values = [accountId, mode, pending.id];
    if (pending.order_key !== null) await this.database.rows(RELEASE_FOLLOWER, values, manager);
    await this.database.rows(CANCEL, values, manager);
  }
}
