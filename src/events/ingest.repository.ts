import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import { type Mode, type Tenant, tenantKey } from '../auth/caller.js';
import { uuidFrom } from '../common/ids.js';
import { Database, type Statement } from '../database/database.js';
import { type ParameterType, parameterList } from '../database/binary-parameters.js';
import type { LaneId } from '../deliveries/lane-signals.js';
import {
  objectKey,
  requestKey,
  type IdempotentRequest,
  type IngestSnapshot,
  type StoredError,
  type StoredOutcome,
} from './ingest-snapshot.js';
import type { Cause, Customer, OperationState } from './operation-state.js';
import { PUBLISH_EVENTS, type PublishArguments } from './publish-arguments.js';

/** What a flush needs to know: everything its units could meet. */
export interface SnapshotRequest {
  readonly ledgers: readonly Tenant[];
  readonly operations: readonly { tenant: Tenant; id: string }[];
  readonly externalIds: readonly { tenant: Tenant; id: string }[];
  readonly requests: readonly IdempotentRequest[];
}

export interface PublishReceipt {
  /** Per ledger: its sequence before this call and the millisecond of the new ids. */
  readonly ledgers: readonly (readonly [lastSequenceBefore: number, ms: number])[];
  /** The lanes that got deliveries to send. */
  readonly lanes: readonly PlannedLane[];
}

export interface PlannedLane {
  readonly lane: LaneId;
  /** Its generation after this. */
  readonly gen: string;
  /** The endpoint's revision. */
  readonly revision: number;
  /** How many deliveries were planned for it. */
  readonly planned: number;
  /** The first of their ids: those that the offer of the call took. */
  readonly handed: readonly string[];
}

type LaneTuple = [
  accountId: string,
  mode: Mode,
  endpointId: string,
  gen: string,
  revision: number,
  planned: number,
  handed: string[],
];

interface ReceiptRow {
  readonly conflict: boolean;
  readonly sequences: readonly number[];
  readonly times: readonly number[];
  readonly lanes: readonly LaneTuple[];
}

const SNAPSHOT_TYPES: readonly ParameterType[] = [
  ...(['uuid[]', 'text[]', 'uuid[]', 'text[]', 'text[]', 'uuid[]', 'text[]', 'text[]'] as const),
  ...(['uuid[]', 'text[]', 'text[]', 'text[]', 'text[]'] as const),
];

/** Index and guarantee: migrations/functions/read_ingest_snapshot.sql. */
const READ_SNAPSHOT: Statement = {
  name: 'read_ingest_snapshot',
  text: `SELECT signalpost.read_ingest_snapshot(${parameterList(SNAPSHOT_TYPES)}) AS snapshot`,
  types: SNAPSHOT_TYPES,
};

/** Lock: the ledgers' rows, in the order of their ids, to the end of the transaction. */
const LOCK_LEDGERS: Statement = {
  name: 'ingest_lock_ledgers',
  text: `
    SELECT FROM unnest($1::uuid[], $2::text[]) AS g (account_id, mode)
    JOIN signalpost.ledgers l ON l.account_id = g.account_id AND l.mode = g.mode
    ORDER BY l.account_id, l.mode
    FOR NO KEY UPDATE OF l`,
};

/** Index: primary key. */
const READ_BODIES: Statement = {
  name: 'ingest_read_bodies',
  text: `
    SELECT e.account_id, e.id, e.body
    FROM unnest($1::uuid[], $2::text[], $3::uuid[]) AS g (account_id, mode, id)
    JOIN signalpost.events e ON e.account_id = g.account_id AND e.mode = g.mode AND e.id = g.id`,
};

interface SnapshotRow {
  now_ms: number;
  ledgers: [string, Mode, sequence: number, erasures: number][] | null;
  operations: OperationTuple[] | null;
  external_ids: [string, Mode, string, string, string][] | null;
  answers: [string, string, 'key' | 'admin', string, string, string, StoredAnswer][] | null;
}

type OperationTuple = [
  accountId: string,
  mode: Mode,
  id: string,
  kind: string,
  status: string,
  version: number,
  amount: number | null,
  currency: string | null,
  reference: string | null,
  channel: string | null,
  customer: Customer | null,
  causeCode: string | null,
  causeDescription: string | null,
  metadata: Record<string, unknown>,
  createdAtMs: number,
  updatedAtMs: number,
];

/**
 * As publish_events.sql keeps it, with the answer's ledgers: an item is [ledger (from 0), id tail, created] when its
 * event was written with the answer, [account, mode, event uuid, created] when it was known before, or an error.
 */
interface StoredAnswer {
  readonly accounts: readonly string[];
  readonly modes: readonly Mode[];
  readonly ms: readonly number[];
  readonly results: readonly (
    | [ledger: number, idTail: string, created: boolean]
    | [accountId: string, mode: Mode, eventId: string, created: boolean]
    | StoredError
  )[];
}

/** Raised by publish_events when an idempotency key has got its answer since the snapshot. */
const KEY_ANSWERED_SQLSTATE = 'SP409';

/** Reads what a publish must know, and writes it. */
@Injectable()
export class IngestRepository {
  constructor(private readonly database: Database) {}

  async readSnapshot(request: SnapshotRequest, manager?: EntityManager): Promise<IngestSnapshot> {
    const { ledgers, operations, externalIds, requests } = request;
    const [row] = await this.database.rows<{ snapshot: SnapshotRow }>(
      READ_SNAPSHOT,
      [
        ...tenantColumns(ledgers),
        ...tenantColumns(operations.map((operation) => operation.tenant)),
        operations.map((operation) => operation.id),
        ...tenantColumns(externalIds.map((externalId) => externalId.tenant)),
        externalIds.map((externalId) => externalId.id),
        requests.map((item) => item.accountId),
        requests.map((item) => item.mode),
        requests.map((item) => item.callerClass),
        requests.map((item) => item.path),
        requests.map((item) => item.key),
      ],
      manager,
    );
    return toSnapshot(row!.snapshot);
  }

  async lockLedgers(ledgers: readonly Tenant[], manager: EntityManager): Promise<void> {
    await this.database.rows(LOCK_LEDGERS, tenantColumns(ledgers), manager);
  }

  /**
   * Null: the database has moved on since the snapshot in a way that matters, and no event was written; `manager`'s
   * transaction, when given, can then only be undone.
   */
  async publish(values: PublishArguments, manager?: EntityManager): Promise<PublishReceipt | null> {
    try {
      const [row] = await this.database.rows<{ receipt: ReceiptRow }>(PUBLISH_EVENTS, values, manager);
      const { conflict, sequences, times, lanes } = row!.receipt;
      if (conflict) return null;
      return { ledgers: sequences.map((sequence, i) => [sequence, times[i]!]), lanes: lanes.map(toPlannedLane) };
    } catch (error) {
      if (isKeyAnswered(error)) return null;
      throw error;
    }
  }

  /** The stored bytes of events, by uuid. Events that were dropped by retention are missing. */
  async readBodies(events: readonly { tenant: Tenant; eventId: string }[]): Promise<Map<string, string>> {
    if (events.length === 0) return new Map();
    const rows = await this.database.rows<{ id: string; body: string }>(READ_BODIES, [
      ...tenantColumns(events.map((event) => event.tenant)),
      events.map((event) => event.eventId),
    ]);
    return new Map(rows.map((row) => [row.id, row.body]));
  }
}

function toPlannedLane([accountId, mode, endpointId, gen, revision, planned, handed]: LaneTuple): PlannedLane {
  return { lane: [accountId, mode, endpointId], gen, revision, planned, handed };
}

function tenantColumns(tenants: readonly Tenant[]): [string[], string[]] {
  return [tenants.map((tenant) => tenant.accountId), tenants.map((tenant) => tenant.mode)];
}

function toSnapshot(row: SnapshotRow): IngestSnapshot {
  return {
    nowMs: row.now_ms,
    ledgers: new Map(
      (row.ledgers ?? []).map(([accountId, mode, sequence, erasures]) => [
        tenantKey({ accountId, mode }),
        { sequence, erasures },
      ]),
    ),
    operations: new Map(
      (row.operations ?? []).map((tuple) => [
        objectKey({ accountId: tuple[0], mode: tuple[1] }, tuple[2]),
        toState(tuple),
      ]),
    ),
    externalIds: new Map(
      (row.external_ids ?? []).map(([accountId, mode, externalId, eventId, hash]) => [
        objectKey({ accountId, mode }, externalId),
        { eventId, contentHash: Buffer.from(hash, 'hex') },
      ]),
    ),
    answers: new Map(
      (row.answers ?? []).map(([accountId, mode, callerClass, path, key, hash, answer]) => [
        requestKey({ accountId, mode, callerClass, path, key }),
        { bodyHash: Buffer.from(hash, 'hex'), outcomes: answer.results.map((item) => toOutcome(item, answer)) },
      ]),
    ),
  };
}

function toState(tuple: OperationTuple): OperationState {
  const [, , id, kind, status, version, amount, currency, reference, channel, customer, code, description] = tuple;
  const cause: Cause | null = code === null && description === null ? null : { code, description };
  const [metadata, createdAtMs, updatedAtMs] = tuple.slice(13) as [Record<string, unknown>, number, number];
  return {
    id,
    kind,
    status,
    version,
    amount,
    currency,
    reference,
    channel,
    customer,
    cause,
    metadata,
    createdAtMs,
    updatedAtMs,
  };
}

function toOutcome(item: StoredAnswer['results'][number], { accounts, modes, ms }: StoredAnswer): StoredOutcome {
  if (!Array.isArray(item)) return { error: item };
  if (item.length === 4) {
    const [accountId, mode, eventId, created] = item;
    return { tenant: { accountId, mode }, eventId, created };
  }
  const [ledger, idTail, created] = item;
  const tenant = { accountId: accounts[ledger]!, mode: modes[ledger]! };
  return { tenant, eventId: uuidFrom(ms[ledger]!, idTail), created };
}

function isKeyAnswered(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === KEY_ANSWERED_SQLSTATE;
}
