import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import { Database, type Statement } from '../database/database.js';
import type { EndedDelivery } from './expiry.repository.js';

/** How long a dispatcher that stops extending it keeps its lanes. */
export const LEASE_SECONDS = 8;
/** Deliveries that were in the air at this many deaths of dispatchers end as poison. */
export const POISON_CRASHES = 3;

const REGISTER: Statement = {
  name: 'dispatcher_register',
  text: `
    INSERT INTO signalpost.dispatchers (token, name, lease_until)
    VALUES ($1, $2, clock_timestamp() + $3 * interval '1 second')`,
};

/** A lease that has run out stays so: its lanes may be another's already. */
const EXTEND: Statement = {
  name: 'dispatcher_extend',
  text: `
    UPDATE signalpost.dispatchers
    SET lease_until = clock_timestamp() + $2 * interval '1 second'
    WHERE token = $1 AND lease_until > clock_timestamp()
    RETURNING token`,
};

const RELEASE_BATCHES: Statement = {
  name: 'dispatcher_release_batches',
  text: `DELETE FROM signalpost.claimed_batches WHERE token = $1`,
};

/** Lock: the dispatcher's row against settles that are under way (they hold it FOR KEY SHARE). */
const UNREGISTER: Statement = {
  name: 'dispatcher_unregister',
  text: `DELETE FROM signalpost.dispatchers WHERE token = $1`,
};

const DELETE_EXPIRED: Statement = {
  name: 'dispatchers_delete_expired',
  text: `
    DELETE FROM signalpost.dispatchers WHERE token IN (
      SELECT token FROM signalpost.dispatchers WHERE lease_until < clock_timestamp() FOR UPDATE SKIP LOCKED
    )
    RETURNING token`,
};

/**
 * Counts the death of their dispatcher for the deliveries that it had in the air and that still stand where they stood
 * when it claimed them. Only batches of dispatchers that are gone; deleting them in the same statement makes it once.
 */
const COUNT_CRASHES: Statement = {
  name: 'dispatchers_count_crashes',
  text: `
    WITH orphaned AS (
      DELETE FROM signalpost.claimed_batches b
      WHERE NOT EXISTS (SELECT FROM signalpost.dispatchers d WHERE d.token = b.token)
      RETURNING b.token, b.account_ids, b.modes, b.delivery_ids, b.attempt_numbers
    ), g AS (
      SELECT a.account_id, a.mode, a.id, a.number, count(DISTINCT orphaned.token) AS deaths
      FROM orphaned
      CROSS JOIN LATERAL unnest(
        orphaned.account_ids, orphaned.modes, orphaned.delivery_ids, orphaned.attempt_numbers
      ) AS a (account_id, mode, id, number)
      GROUP BY a.account_id, a.mode, a.id, a.number
    )
    UPDATE signalpost.pending_deliveries AS target
    SET crash_count = target.crash_count + g.deaths
    FROM g
    WHERE target.account_id = g.account_id AND target.mode = g.mode AND target.id = g.id
      AND target.attempt_count = g.number - 1
    RETURNING target.account_id, target.mode, target.id, target.endpoint_id, target.event_id, target.operation_id,
      target.crash_count`,
};

/** A statement of its own, with a snapshot after the deletion: lanes whose owner no longer exists. Index: lanes_owned. */
const FREE_LANES: Statement = {
  name: 'lanes_free_orphaned',
  text: `
    UPDATE signalpost.lanes AS target
    SET owner = NULL, wake_at = free.now, gen = target.gen + 1
    FROM (
      SELECT l.account_id, l.mode, l.endpoint_id, now() AS now
      FROM signalpost.lanes l
      WHERE l.owner IS NOT NULL
        AND NOT EXISTS (SELECT FROM signalpost.dispatchers d WHERE d.token = l.owner)
      FOR NO KEY UPDATE OF l SKIP LOCKED
    ) AS free
    WHERE target.account_id = free.account_id AND target.mode = free.mode AND target.endpoint_id = free.endpoint_id
    RETURNING target.endpoint_id`,
};

/**
 * Ends deliveries as poison, and wakes their lanes, for others may wait for their turn behind them. Lock: the rows
 * deleted; a concurrent settle finds nothing and changes nothing.
 */
const END_AS_POISON: Statement = {
  name: 'deliveries_end_as_poison',
  text: `
    WITH ended AS (
      DELETE FROM signalpost.pending_deliveries q
      USING unnest($1::uuid[], $2::text[], $3::uuid[]) AS g (account_id, mode, id), signalpost.webhook_endpoints w,
        signalpost.accounts a
      WHERE q.account_id = ANY ($1) AND q.account_id = g.account_id AND q.mode = g.mode AND q.id = g.id
        AND w.account_id = q.account_id AND w.mode = q.mode AND w.id = q.endpoint_id AND a.id = q.account_id
        -- What is skipped or cancelled with its endpoint stays so.
        AND q.endpoint_epoch = w.epoch AND w.deleted_at IS NULL
      RETURNING q.*, w.url, a.locale
    ), woken AS (
      UPDATE signalpost.lanes AS lane
      SET gen = lane.gen + 1, wake_at = CASE WHEN lane.owner IS NULL THEN now() ELSE lane.wake_at END
      FROM (SELECT DISTINCT account_id, mode, endpoint_id FROM ended) AS touched
      WHERE lane.account_id = touched.account_id AND lane.mode = touched.mode
        AND lane.endpoint_id = touched.endpoint_id
    ), kept AS (
    INSERT INTO signalpost.deliveries (
      account_id, mode, id, endpoint_id, event_id, event_type, operation_id, trigger, previous_delivery_id,
      recovery_id, status, status_reason, attempt_count, ended_at)
    SELECT account_id, mode, id, endpoint_id, event_id, event_type, operation_id, trigger, previous_delivery_id,
           recovery_id, 'failed', 'poison', attempt_count, clock_timestamp()
    FROM ended
    )
    SELECT account_id, mode, id, endpoint_id, event_id, operation_id, url, locale FROM ended`,
};

export interface CrashedDelivery {
  readonly account_id: string;
  readonly mode: 'test' | 'live';
  readonly id: string;
  readonly endpoint_id: string;
  readonly event_id: string;
  readonly operation_id: string | null;
  readonly crash_count: number;
}

/** Dispatchers' leases: one row a process, extended by its heartbeat; whoever finds one run out frees what it held. */
@Injectable()
export class DispatcherLeaseRepository {
  constructor(private readonly database: Database) {}

  async register(token: string, name: string): Promise<void> {
    await this.database.rows(REGISTER, [token, name, LEASE_SECONDS]);
  }

  /** False: the lease is lost, and everything it covered with it. */
  async extend(token: string): Promise<boolean> {
    return (await this.database.rows(EXTEND, [token, LEASE_SECONDS])).length === 1;
  }

  /** The end of a dispatcher that has nothing in the air any more. */
  async unregister(token: string): Promise<void> {
    await this.database.transaction(async (manager) => {
      await this.database.rows(RELEASE_BATCHES, [token], manager);
      await this.database.rows(UNREGISTER, [token], manager);
    });
    await this.freeLanes();
  }

  async deleteExpired(): Promise<number> {
    return (await this.database.rows(DELETE_EXPIRED, [])).length;
  }

  async freeLanes(): Promise<number> {
    return (await this.database.rows(FREE_LANES, [])).length;
  }

  /** What dead dispatchers had in the air, with how often that has happened to each. */
  countCrashes(manager: EntityManager): Promise<CrashedDelivery[]> {
    return this.database.rows<CrashedDelivery>(COUNT_CRASHES, [], manager);
  }

  /** Returns those that it ended. */
  endAsPoison(deliveries: readonly CrashedDelivery[], manager: EntityManager): Promise<EndedDelivery[]> {
    return this.database.rows<EndedDelivery>(
      END_AS_POISON,
      [deliveries.map((d) => d.account_id), deliveries.map((d) => d.mode), deliveries.map((d) => d.id)],
      manager,
    );
  }
}
