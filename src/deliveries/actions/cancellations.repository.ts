import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import type { Tenant } from '../../auth/caller.js';
import { Database, type Statement } from '../../database/database.js';
import { firstDeliveryRange } from '../delivery-rows.js';

/** An unfinished delivery that its endpoint, enabled and not deleted, would still be sent. */
export interface PendingOfEvent {
  readonly id: string;
  readonly endpoint_id: string;
}

/** One that was cancelled. */
export interface CancelledDelivery extends PendingOfEvent {
  readonly event_id: string;
  readonly operation_id: string | null;
}

const OF_EVENT = `SELECT q.id, q.endpoint_id, q.endpoint_epoch FROM signalpost.pending_deliveries q
  WHERE q.account_id = $1 AND q.mode = $2 AND q.event_id = wanted.event_id`;

// No lock: what it finds is locked by CANCEL. Index: primary key for first deliveries, pending_deliveries_resent.
const FIND: Statement = {
  name: 'cancellations.find',
  text: `SELECT owed.id, owed.endpoint_id
    FROM unnest($3::uuid[]) AS wanted (event_id)
    CROSS JOIN LATERAL (
      ${OF_EVENT} AND q.trigger = 'event' AND ${firstDeliveryRange('q.id', 'wanted.event_id')}
      UNION ALL ${OF_EVENT} AND q.trigger <> 'event'
    ) AS owed
    JOIN signalpost.webhook_endpoints w
      ON w.account_id = $1 AND w.mode = $2 AND w.id = owed.endpoint_id AND w.epoch = owed.endpoint_epoch
    WHERE w.status = 'enabled' AND w.deleted_at IS NULL`,
};

/*
 * Lock: the rows, in the order of their ids, as a settle takes them; the caller has their endpoints and lanes. Index:
 * primary key.
 * Guarantee: a row goes and its end is written in one statement; an attempt in the air is counted when it settles.
 */
const CANCEL: Statement = {
  name: 'cancellations.cancel',
  text: `WITH locked AS MATERIALIZED (
      SELECT q.id FROM signalpost.pending_deliveries q
      WHERE q.account_id = $1 AND q.mode = $2 AND q.id = ANY ($3::uuid[])
      ORDER BY q.id
      FOR UPDATE
    ), ended AS (
      DELETE FROM signalpost.pending_deliveries AS target
      USING locked
      WHERE target.account_id = $1 AND target.mode = $2 AND target.id = locked.id
      RETURNING target.*
    )
    INSERT INTO signalpost.deliveries AS kept (
      account_id, mode, id, endpoint_id, event_id, event_type, operation_id, trigger, previous_delivery_id,
      recovery_id, status, status_reason, attempt_count, ended_at)
    SELECT account_id, mode, id, endpoint_id, event_id, event_type, operation_id, trigger, previous_delivery_id,
           recovery_id, 'cancelled', 'cancelled_by_user', attempt_count, clock_timestamp()
    FROM ended
    RETURNING kept.id, kept.endpoint_id, kept.event_id, kept.operation_id`,
};

/** Ends unfinished deliveries of many events. */
@Injectable()
export class CancellationsRepository {
  constructor(private readonly database: Database) {}

  find(
    { accountId, mode }: Tenant,
    eventIds: readonly string[],
    manager: EntityManager,
  ): Promise<readonly PendingOfEvent[]> {
    return this.database.rows<PendingOfEvent>(FIND, [accountId, mode, eventIds], manager);
  }

  /** Those that had not ended meanwhile; several calls in one transaction go on in the order of the ids. */
  cancel(
    { accountId, mode }: Tenant,
    ids: readonly string[],
    manager: EntityManager,
  ): Promise<readonly CancelledDelivery[]> {
    return this.database.rows<CancelledDelivery>(CANCEL, [accountId, mode, ids], manager);
  }
}
