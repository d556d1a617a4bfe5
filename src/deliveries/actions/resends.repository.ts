import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import type { Tenant } from '../../auth/caller.js';
import { Database, type Statement } from '../../database/database.js';
import { NOTIFY_LANES } from '../../database/wake-up-notices.js';
import { deliveriesOfWantedEvents } from '../delivery-rows.js';
import type { LaneId } from '../lane-signals.js';

/** An endpoint that is not deleted, held so that neither this nor `is_enabled` changes before the transaction ends. */
export interface HeldEndpoint {
  readonly id: string;
  readonly url: string;
  readonly is_enabled: boolean;
  readonly epoch: number;
}

/** A delivery to be made. */
export interface NewDelivery {
  readonly id: string;
  readonly endpointId: string;
  readonly previousDeliveryId: string | null;
}

const HELD_COLUMNS = `w.id, w.url, w.status = 'enabled' AS is_enabled, w.epoch`;

// Lock: the row against disabling and deletion. Index: primary key.
const HOLD: Statement = {
  name: 'resends.hold',
  text: `SELECT ${HELD_COLUMNS} FROM signalpost.webhook_endpoints w
    WHERE w.account_id = $1 AND w.mode = $2 AND w.id = $3 AND w.deleted_at IS NULL
    FOR SHARE`,
};

// Lock: the rows, in the order of their ids, as a settle takes them. An account has 50 of them at most.
const HOLD_MATCHING: Statement = {
  name: 'resends.hold_matching',
  text: `SELECT ${HELD_COLUMNS} FROM signalpost.webhook_endpoints w
    WHERE w.account_id = $1 AND w.mode = $2 AND w.deleted_at IS NULL AND w.status = 'enabled'
      AND w.event_types && ARRAY[$3::text, split_part($3, '.', 1) || '.*', '*']
    ORDER BY w.id
    FOR SHARE`,
};

// The same, whatever they take.
const HOLD_ENABLED: Statement = {
  name: 'resends.hold_enabled',
  text: `SELECT ${HELD_COLUMNS} FROM signalpost.webhook_endpoints w
    WHERE w.account_id = $1 AND w.mode = $2 AND w.deleted_at IS NULL AND w.status = 'enabled'
    ORDER BY w.id
    FOR SHARE`,
};

/*
 * Every writer of the queue does this in its own transaction, before it touches a delivery. Lock: the lanes, in the
 * order of their ids, as a publish takes them.
 */
const WAKE: Statement = {
  name: 'resends.wake_lanes',
  text: `WITH locked AS MATERIALIZED (
      SELECT l.endpoint_id FROM signalpost.lanes l
      WHERE l.account_id = $1 AND l.mode = $2 AND l.endpoint_id = ANY ($3::uuid[])
      ORDER BY l.endpoint_id
      FOR NO KEY UPDATE
    )
    UPDATE signalpost.lanes AS target
    SET gen = target.gen + 1,
        wake_at = CASE WHEN target.owner IS NULL THEN least(target.wake_at, now()) ELSE target.wake_at END
    FROM locked
    WHERE target.account_id = $1 AND target.mode = $2 AND target.endpoint_id = locked.endpoint_id`,
};

// Index: those of `deliveriesOfWantedEvents`.
const FIND_LATEST: Statement = {
  name: 'resends.find_latest',
  text: `SELECT DISTINCT ON (owed.endpoint_id) owed.endpoint_id, owed.id
    FROM (SELECT $3::uuid AS event_id) AS wanted ${deliveriesOfWantedEvents('', '')}
    ORDER BY owed.endpoint_id, owed.id DESC`,
};

// Outside any order: no order_key. Index: primary keys.
const INSERT: Statement = {
  name: 'resends.insert',
  text: `INSERT INTO signalpost.pending_deliveries AS target (
      account_id, mode, id, endpoint_id, endpoint_epoch, event_id, event_type, operation_id, trigger,
      previous_delivery_id, due_at)
    SELECT w.account_id, w.mode, g.id, w.id, w.epoch, e.id, e.type, e.operation_id, $4, g.previous_id, now()
    FROM unnest($5::uuid[], $6::uuid[], $7::uuid[]) AS g (id, endpoint_id, previous_id)
    JOIN signalpost.webhook_endpoints w ON w.account_id = $1 AND w.mode = $2 AND w.id = g.endpoint_id
    JOIN signalpost.events e ON e.account_id = $1 AND e.mode = $2 AND e.id = $3
    RETURNING target.id`,
};

/** New deliveries of events that were planned once before, and the lanes that they wake. */
@Injectable()
export class ResendsRepository {
  constructor(private readonly database: Database) {}

  /** Null when there is none of this id, or it was deleted. */
  async hold({ accountId, mode }: Tenant, endpointId: string, manager: EntityManager): Promise<HeldEndpoint | null> {
    const [row] = await this.database.rows<HeldEndpoint>(HOLD, [accountId, mode, endpointId], manager);
    return row ?? null;
  }

  /** The enabled endpoints whose present event types take `eventType`. */
  holdMatching({ accountId, mode }: Tenant, eventType: string, manager: EntityManager): Promise<HeldEndpoint[]> {
    return this.database.rows<HeldEndpoint>(HOLD_MATCHING, [accountId, mode, eventType], manager);
  }

  /** All that are enabled. */
  holdEnabled({ accountId, mode }: Tenant, manager: EntityManager): Promise<HeldEndpoint[]> {
    return this.database.rows<HeldEndpoint>(HOLD_ENABLED, [accountId, mode], manager);
  }

  /** Wakes the lanes for whoever owns or takes them; the ids are for `LaneSignals` after the commit. */
  async wake(
    { accountId, mode }: Tenant,
    endpointIds: readonly string[],
    manager: EntityManager,
  ): Promise<readonly LaneId[]> {
    await this.database.rows(WAKE, [accountId, mode, endpointIds], manager);
    await this.database.rows(NOTIFY_LANES, [], manager);
    return endpointIds.map((id): LaneId => [accountId, mode, id]);
  }

  /** The newest delivery of the event to each endpoint that has one. */
  async findLatest(
    { accountId, mode }: Tenant,
    eventId: string,
    manager: EntityManager,
  ): Promise<ReadonlyMap<string, string>> {
    const values = [accountId, mode, eventId];
    const rows = await this.database.rows<{ endpoint_id: string; id: string }>(FIND_LATEST, values, manager);
    return new Map(rows.map((row) => [row.endpoint_id, row.id]));
  }

  /** How many were made: none when the event is gone. */
  async insert(
    { accountId, mode }: Tenant,
    eventId: string,
    trigger: 'retry' | 'redeliver',
    deliveries: readonly NewDelivery[],
    manager: EntityManager,
  ): Promise<number> {
    const values = [
      accountId,
      mode,
      eventId,
      trigger,
      deliveries.map(({ id }) => id),
      deliveries.map(({ endpointId }) => endpointId),
      deliveries.map(({ previousDeliveryId }) => previousDeliveryId),
    ];
    return (await this.database.rows(INSERT, values, manager)).length;
  }
}
