import { Injectable } from '@nestjs/common';
import type { Mode } from '../auth/caller.js';
import { Database, type Statement } from '../database/database.js';
import type { DeliveryRef } from './unsendable.repository.js';

/** How long a dispatcher that stops extending it keeps its lanes. */
export const LEASE_SECONDS = 8;

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
 * The death that ends a delivery as poison counts only for a suspect that was the only one its dispatcher had: while
 * one delivery kills, everything beside it has died no more often, so at the last death each other one is no suspect,
 * or nobody's is counted. Several deaths at once make a suspect at most.
 * Lock: the batches, SKIP LOCKED, then the deliveries in the order of their ids, as a settle takes them.
 */
const COUNT_CRASHES: Statement = {
  name: 'dispatchers_count_crashes',
  text: `
    WITH orphaned AS (
      DELETE FROM signalpost.claimed_batches b
      USING (
        SELECT c.token, c.batch FROM signalpost.claimed_batches c
        WHERE NOT EXISTS (SELECT FROM signalpost.dispatchers d WHERE d.token = c.token)
        FOR UPDATE SKIP LOCKED
      ) AS dead
      WHERE b.token = dead.token AND b.batch = dead.batch
      RETURNING b.token, b.account_ids, b.modes, b.delivery_ids, b.attempt_numbers
    ), recorded AS (
      SELECT DISTINCT a.account_id, a.mode, a.id, a.number, orphaned.token
      FROM orphaned
      CROSS JOIN LATERAL unnest(
        orphaned.account_ids, orphaned.modes, orphaned.delivery_ids, orphaned.attempt_numbers
      ) AS a (account_id, mode, id, number)
      ORDER BY a.account_id, a.mode, a.id
    ), locked AS MATERIALIZED (
      SELECT recorded.account_id, recorded.mode, recorded.id, recorded.token, q.is_suspect
      FROM recorded
      CROSS JOIN LATERAL (
        SELECT p.crash_count = 2 AS is_suspect FROM signalpost.pending_deliveries p
        WHERE p.account_id = recorded.account_id AND p.mode = recorded.mode AND p.id = recorded.id
          AND p.attempt_count = recorded.number - 1
        FOR NO KEY UPDATE
      ) AS q
    ), counted AS (
      SELECT judged.account_id, judged.mode, judged.id, count(*) AS deaths, bool_or(judged.suspects = 1) AS is_lone
      FROM (
        SELECT locked.*, count(*) FILTER (WHERE locked.is_suspect) OVER (PARTITION BY locked.token) AS suspects
        FROM locked
      ) AS judged
      GROUP BY judged.account_id, judged.mode, judged.id
    )
    UPDATE signalpost.pending_deliveries AS target
    SET crash_count = CASE
      WHEN target.crash_count < 2 THEN least(target.crash_count + counted.deaths, 2)
      WHEN counted.is_lone THEN target.crash_count + 1
      ELSE target.crash_count
    END
    FROM counted
    WHERE target.account_id = counted.account_id AND target.mode = counted.mode AND target.id = counted.id
    RETURNING target.account_id, target.mode, target.id`,
};

/**
 * A statement of its own, with a snapshot after the deletion: lanes whose owner no longer exists. Index: lanes_owned.
 */
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

  /** Which deliveries dead dispatchers had in the air, each with one more death counted. */
  async countCrashes(): Promise<DeliveryRef[]> {
    const rows = await this.database.rows<{ account_id: string; mode: Mode; id: string }>(COUNT_CRASHES, []);
    return rows.map((row) => ({ accountId: row.account_id, mode: row.mode, id: row.id }));
  }
}
