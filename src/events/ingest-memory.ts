import { type Tenant, tenantKey } from '../auth/caller.js';
import type { SnapshotRequest } from './ingest.repository.js';
import { objectKey, type IngestSnapshot, type LedgerState } from './ingest-snapshot.js';
import type { OperationState } from './operation-state.js';
import type { PublishPlan } from './publish-plan.js';

/** A sequence at which no ledger stands, so that publish_events checks what the plan was made from. */
const UNKNOWN_SEQUENCE = -1;
const MAX_LEDGERS = 10_000;
const MAX_OPERATIONS = 5_000;
/** Of an operation's metadata as JSON: what is longer is not kept, so that all of it stays below some 20 MB. */
const MAX_METADATA_LENGTH = 2_048;
/** After a wrong guess so many flushes read first; each further one doubles it. */
const FIRST_PAUSE_FLUSHES = 1;
const MAX_PAUSE_FLUSHES = 64;
/** So long this process counts the time on by itself after a look at the database's clock. */
const CLOCK_MS = 10_000;
/** An answer that was longer on its way says too little of what the clock shows now. */
const MAX_WAY_MS = 200;
/** So long an operation is remembered: what is personal in it does not stay for as long as nobody publishes much. */
const MAX_AGE_MS = 10 * 60_000;

interface RememberedLedger {
  /** How often it was erased when it was last written to. */
  erasures: number;
  pauseFlushes: number;
  readsLeft: number;
}

interface RememberedOperation {
  readonly state: OperationState;
  /** Of its ledger at that time. */
  readonly erasures: number;
  readonly atMs: number;
}

/**
 * What this process wrote last, to plan the next flush from without asking the database first: operations that it does
 * not know are taken for new ones. The guess is proven under the ledgers' locks before anything is written, as that of
 * any plan whose ledger has moved on; a wrong one costs a round trip, so where they are frequent there are few of them.
 * Its time is the database's, never ahead of it: by a clock of their own two processes would find a report stale that
 * came after the one before.
 */
export class IngestMemory {
  private readonly ledgers = new Map<string, RememberedLedger>();
  /** The oldest first. */
  private readonly operations = new Map<string, RememberedOperation>();
  private clock: { readonly databaseMs: number; readonly monotonicMs: number } | null = null;

  /** Null: the database is to be asked. */
  guess({ ledgers, operations }: SnapshotRequest, monotonicMs: number): IngestSnapshot | null {
    this.dropOld(monotonicMs);
    const remembered = ledgers.map((tenant) => this.ledgers.get(tenantKey(tenant)));
    let mayGuess = true;
    for (const ledger of remembered) {
      if (ledger === undefined || ledger.readsLeft > 0) mayGuess = false;
      if (ledger !== undefined && ledger.readsLeft > 0) ledger.readsLeft -= 1;
    }
    let nowMs = this.databaseMs(monotonicMs);
    if (!mayGuess || nowMs === null) return null;
    const states = ledgers.map((tenant, index): [string, LedgerState] => [
      tenantKey(tenant),
      { sequence: UNKNOWN_SEQUENCE, erasures: remembered[index]!.erasures },
    ]);
    const known = new Map<string, OperationState>();
    for (const { tenant, id } of operations) {
      const key = objectKey(tenant, id);
      const entry = this.operations.get(key);
      // What was remembered before an erasure may hold what was erased.
      if (entry === undefined || entry.erasures !== this.ledgers.get(tenantKey(tenant))!.erasures) continue;
      known.set(key, entry.state);
      nowMs = Math.max(nowMs, entry.state.updatedAtMs); // That time has been, though this process counts it later.
    }
    return { nowMs, ledgers: new Map(states), operations: known, externalIds: new Map(), answers: new Map() };
  }

  /** What the database's clock showed, in a snapshot that was asked for and here at these times. */
  learnTime(databaseMs: number, askedAtMs: number, monotonicMs: number): void {
    if (monotonicMs - askedAtMs > MAX_WAY_MS) return;
    const known = this.databaseMs(monotonicMs);
    if (known === null || databaseMs > known) this.clock = { databaseMs, monotonicMs };
  }

  guessedRight({ ledgers }: PublishPlan): void {
    for (const { tenant } of ledgers) {
      const ledger = this.ledgers.get(tenantKey(tenant));
      if (ledger !== undefined) ledger.pauseFlushes = FIRST_PAUSE_FLUSHES;
    }
  }

  guessedWrong({ ledgers }: PublishPlan): void {
    this.clock = null; // It may have been the time that was wrong.
    for (const { tenant } of ledgers) {
      const ledger = this.ledgers.get(tenantKey(tenant));
      if (ledger === undefined) continue;
      ledger.readsLeft = ledger.pauseFlushes;
      ledger.pauseFlushes = Math.min(ledger.pauseFlushes * 2, MAX_PAUSE_FLUSHES);
    }
  }

  /** The plan is committed. */
  remember({ ledgers, operations }: PublishPlan, monotonicMs: number): void {
    for (const { tenant, expected } of ledgers) this.rememberLedger(tenant, expected.erasures);
    for (const [key, { ledger, state }] of operations) {
      const { erasures } = ledgers[ledger]!.expected;
      if (JSON.stringify(state.metadata).length > MAX_METADATA_LENGTH) this.operations.delete(key);
      else keep(this.operations, key, { state, erasures, atMs: monotonicMs }, MAX_OPERATIONS);
    }
  }

  /** Nobody knows whether the plan is committed. */
  forget({ operations }: PublishPlan): void {
    for (const key of operations.keys()) this.operations.delete(key);
  }

  private rememberLedger(tenant: Tenant, erasures: number): void {
    const key = tenantKey(tenant);
    const known = this.ledgers.get(key);
    if (known !== undefined && known.erasures !== erasures) {
      const prefix = objectKey(tenant, '');
      for (const operation of this.operations.keys())
        if (operation.startsWith(prefix)) this.operations.delete(operation);
    }
    const { pauseFlushes = FIRST_PAUSE_FLUSHES, readsLeft = 0 } = known ?? {};
    keep(this.ledgers, key, { erasures, pauseFlushes, readsLeft }, MAX_LEDGERS);
  }

  private dropOld(monotonicMs: number): void {
    for (const [key, { atMs }] of this.operations) {
      if (monotonicMs - atMs <= MAX_AGE_MS) return;
      this.operations.delete(key);
    }
  }

  /** At most what it shows, for the last answer was on its way for a while. Null: that look is too long ago. */
  private databaseMs(monotonicMs: number): number | null {
    if (this.clock === null) return null;
    const passedMs = monotonicMs - this.clock.monotonicMs;
    return passedMs <= CLOCK_MS ? this.clock.databaseMs + Math.floor(passedMs) : null;
  }
}

/** As the newest one; beyond `maximum` the oldest goes. */
function keep<V>(map: Map<string, V>, key: string, value: V, maximum: number): void {
  map.delete(key);
  map.set(key, value);
  if (map.size > maximum) map.delete(map.keys().next().value!);
}
