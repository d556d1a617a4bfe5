import { Injectable } from '@nestjs/common';
import type { Mode } from '../auth/caller.js';
import { AppConfig } from '../config/app-config.js';
import { Database, type Statement } from '../database/database.js';
import { type ParameterType, parameterList } from '../database/binary-parameters.js';
import type { LaneId } from './lane-signals.js';
import { SETTLE_DELIVERIES, settleArguments, type SettleEffect, type Settlement } from './settle-arguments.js';

/** A place in a lane's queue, which is in the order of due times, then ids. */
export interface QueuePosition {
  /** By the database's clock, since 1970. */
  readonly dueAtMs: number;
  readonly id: string;
}

export interface LaneClaim {
  readonly lane: LaneId;
  /** How many deliveries it may have claimed now. */
  readonly room: number;
  /** Whether to look for deliveries that wait for an earlier one which is gone: a new owner does not know. */
  readonly recheckWaiting: boolean;
  /** Where that look goes on, for it takes several claims when many wait; null: at the beginning. */
  readonly recheckAfter: string | null;
  /** Where the claim begins to read; null: at the head. */
  readonly after: QueuePosition | null;
  /** Requests per second as the claimer knows it; a lane with another limit gives nothing until it is known. */
  readonly rateLimit: number | null;
}

export interface ClaimedDelivery {
  readonly lane: LaneId;
  readonly id: string;
  /** Since 1970, by the database's clock. */
  readonly dueAtMs: number;
  /** The endpoint's revision; another one than before: its settings must be read again. */
  readonly revision: number;
  readonly eventId: string;
  readonly eventType: string;
  readonly operationId: string | null;
  /** Attempts so far. */
  readonly attemptCount: number;
  readonly firstAttemptAt: Date | null;
  /** Its event is past the retention, or it kills its sender: nothing of it may be sent any more. */
  readonly isUnsendable: boolean;
  /** The event's stored bytes; empty when it is unsendable. */
  readonly body: string;
}

/** How an owned lane stands after a claim. */
export interface LaneState {
  readonly lane: LaneId;
  readonly gen: string;
  /** False where the endpoint or its account takes no deliveries now. */
  readonly isOpen: boolean;
  /** Requests per second; null: no limit. */
  readonly rateLimit: number | null;
  /** Whether a run of failures, unbroken by a success, is noted for the endpoint. */
  readonly isFailing: boolean;
  /** Milliseconds until the next delivery that was not due will be; null: none. */
  readonly nextDueInMs: number | null;
  readonly revision: string;
  /** Whether operations' deliveries go one after another: the endpoint says so, or said so when some were planned. */
  readonly isOrdered: boolean;
  /** How far the look at those that wait for their turn came; null: to the end, or there was none. */
  readonly recheckedTo: string | null;
}

export interface Claim {
  readonly deliveries: readonly ClaimedDelivery[];
  /** Of the lanes owned; one that was asked for and is missing is not the claimer's. */
  readonly lanes: readonly LaneState[];
}

const CLAIM_TYPES: readonly ParameterType[] = [
  ...(['uuid', 'bigint', 'uuid[]', 'text[]', 'uuid[]', 'integer[]', 'boolean[]', 'integer[]', 'uuid[]'] as const),
  ...(['integer', 'uuid[]', 'timestamptz[]', 'uuid[]'] as const),
];

/** Lock, index and guarantee: migrations/functions/claim_deliveries.sql. */
const CLAIM: Statement = {
  name: 'claim_deliveries',
  text: `SELECT * FROM signalpost.claim_deliveries(${parameterList(CLAIM_TYPES)})`,
  types: CLAIM_TYPES,
};

/**
 * Lanes without an owner whose time has come, oldest first. Index: lanes_free. Reads only: claiming takes them, and of
 * two dispatchers that find the same lane one gets it.
 */
const FIND_READY: Statement = {
  name: 'lanes_find_ready',
  text: `
    SELECT l.account_id, l.mode, l.endpoint_id
    FROM signalpost.lanes l
    WHERE l.owner IS NULL AND l.wake_at <= now()
    ORDER BY l.wake_at
    LIMIT $1`,
};

/** What happened to the lanes of one owner since it looked last. Index: lanes_owned. */
const READ_OWNED: Statement = {
  name: 'lanes_read_owned',
  text: `SELECT l.account_id, l.mode, l.endpoint_id, l.gen FROM signalpost.lanes l WHERE l.owner = $1`,
};

/**
 * Gives lanes back with the time of their first delivery; one whose endpoint or account takes none sleeps until it is
 * woken. The wake-up cannot be lost here: the lane's generation, what it depends on and its queue are read in one
 * snapshot (what the owner knows may be old: it has been opened since), and the lane is written only if its generation,
 * which every writer of the queue raises in its own transaction, is still that when the lock is held.
 * Lock: the lanes, SKIP LOCKED: one that a writer holds stays owned until the next try.
 */
const PARK: Statement = {
  name: 'lanes_park',
  text: `
    WITH seen AS MATERIALIZED (
      SELECT l.account_id, l.mode, l.endpoint_id, l.gen,
             (
               SELECT q.due_at
               FROM signalpost.webhook_endpoints w
               JOIN signalpost.accounts a ON a.id = w.account_id
               JOIN signalpost.pending_deliveries q
                 ON q.account_id = w.account_id AND q.mode = w.mode AND q.endpoint_id = w.id
                 AND q.endpoint_epoch = w.epoch
               WHERE w.account_id = l.account_id AND w.mode = l.mode AND w.id = l.endpoint_id
                 AND w.status = 'enabled' AND w.deleted_at IS NULL AND a.status = 'active'
                 AND w.account_id = ANY ($2) AND q.account_id = ANY ($2)
               ORDER BY q.due_at LIMIT 1
             ) AS next_due_at
      FROM unnest($2::uuid[], $3::text[], $4::uuid[]) AS g (account_id, mode, endpoint_id)
      JOIN signalpost.lanes l ON l.account_id = g.account_id AND l.mode = g.mode AND l.endpoint_id = g.endpoint_id
      WHERE l.account_id = ANY ($2) AND l.owner = $1
    ), parkable AS MATERIALIZED (
      SELECT l.account_id, l.mode, l.endpoint_id, seen.next_due_at
      FROM seen
      JOIN signalpost.lanes l
        ON l.account_id = seen.account_id AND l.mode = seen.mode AND l.endpoint_id = seen.endpoint_id
      WHERE l.account_id = ANY ($2) AND l.owner = $1 AND l.gen = seen.gen
      FOR NO KEY UPDATE OF l SKIP LOCKED
    )
    UPDATE signalpost.lanes AS target
    SET owner = NULL, wake_at = coalesce(parkable.next_due_at, 'infinity')
    FROM parkable
    WHERE target.account_id = ANY ($2) AND target.account_id = parkable.account_id
      AND target.mode = parkable.mode AND target.endpoint_id = parkable.endpoint_id
    RETURNING target.account_id, target.mode, target.endpoint_id`,
};

interface ClaimRow {
  lane: number;
  id: string | null;
  due_in_ms: number | null;
  gen: string;
  open: boolean;
  rate_limit: number | null;
  failing: boolean;
  revision: string;
  event_id: string;
  event_type: string;
  operation_id: string | null;
  attempt_count: number;
  first_attempt_at: Date | null;
  body: string | null;
  due_at: Date;
  ordered: boolean;
  rechecked_to: string | null;
}

interface LaneRow {
  account_id: string;
  mode: Mode;
  endpoint_id: string;
}

/** The transitions of unfinished deliveries that a lane's owner makes, each one statement, fenced by its token. */
@Injectable()
export class LaneQueueRepository {
  constructor(
    private readonly database: Database,
    private readonly config: AppConfig,
  ) {}

  async findReadyLanes(limit: number): Promise<LaneId[]> {
    const rows = await this.database.rows<LaneRow>(FIND_READY, [limit]);
    return rows.map(toLaneId);
  }

  async readOwned(token: string): Promise<{ lane: LaneId; gen: string }[]> {
    const rows = await this.database.rows<LaneRow & { gen: string }>(READ_OWNED, [token]);
    return rows.map((row) => ({ lane: toLaneId(row), gen: row.gen }));
  }

  /**
   * Takes the lanes that are free and claims due deliveries of those owned. `inFlight`: what is in the air for them.
   */
  async claim(token: string, batch: number, claims: readonly LaneClaim[], inFlight: readonly string[]): Promise<Claim> {
    const rows = await this.database.rows<ClaimRow>(CLAIM, [
      token,
      batch,
      ...laneColumns(claims.map((claim) => claim.lane)),
      claims.map((claim) => claim.room),
      claims.map((claim) => claim.recheckWaiting),
      claims.map((claim) => claim.rateLimit),
      inFlight,
      this.config.retentionDays,
      claims.map(({ recheckAfter }) => recheckAfter),
      claims.map(({ after }) => after && after.dueAtMs),
      claims.map(({ after }) => after && after.id),
    ]);
    const deliveries: ClaimedDelivery[] = [];
    const lanes: LaneState[] = [];
    for (const row of rows) {
      const { lane } = claims[row.lane - 1]!;
      if (row.id === null) lanes.push(toLaneState(row, lane));
      else deliveries.push(toClaimed(row, row.id, lane));
    }
    return { deliveries, lanes };
  }

  /** What became of each settlement; null when the lease is lost and nothing was written. */
  async settle(
    token: string,
    finishedBatches: readonly number[],
    settlements: readonly Settlement[],
  ): Promise<SettleEffect[] | null> {
    const values = [token, finishedBatches, ...settleArguments(settlements)];
    const [row] = await this.database.rows<{ settled: number[] | null }>(SETTLE_DELIVERIES, values);
    if (row!.settled === null) return null;
    const places = new Set(row!.settled);
    return settlements.map((_, index) => effectOf(index + 1, places));
  }

  /** Gives back the lanes that nothing was added to meanwhile; returns those. */
  async park(token: string, lanes: readonly LaneId[]): Promise<LaneId[]> {
    const rows = await this.database.rows<LaneRow>(PARK, [token, ...laneColumns(lanes)]);
    return rows.map(toLaneId);
  }
}

function effectOf(place: number, places: ReadonlySet<number>): SettleEffect {
  if (places.has(place)) return 'settled';
  return places.has(-place) ? 'recorded' : 'dropped';
}

function laneColumns(lanes: readonly LaneId[]): [string[], string[], string[]] {
  return [lanes.map((lane) => lane[0]), lanes.map((lane) => lane[1]), lanes.map((lane) => lane[2])];
}

function toLaneId(row: LaneRow): LaneId {
  return [row.account_id, row.mode, row.endpoint_id];
}

function toLaneState(row: ClaimRow, lane: LaneId): LaneState {
  return {
    lane,
    gen: row.gen,
    isOpen: row.open,
    rateLimit: row.rate_limit,
    isFailing: row.failing,
    nextDueInMs: row.due_in_ms,
    revision: row.revision,
    isOrdered: row.ordered,
    recheckedTo: row.rechecked_to,
  };
}

function toClaimed(row: ClaimRow, id: string, lane: LaneId): ClaimedDelivery {
  return {
    lane,
    id,
    dueAtMs: row.due_at.getTime(),
    revision: Number(row.revision),
    eventId: row.event_id,
    eventType: row.event_type,
    operationId: row.operation_id,
    attemptCount: row.attempt_count,
    firstAttemptAt: row.first_attempt_at,
    isUnsendable: row.body === null,
    body: row.body ?? '',
  };
}
