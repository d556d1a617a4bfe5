import type { SnapshotRequest } from './ingest.repository.js';
import { ledgerKey, objectKey, type IngestSnapshot, type LedgerState } from './ingest-snapshot.js';
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

/**
 * What this process wrote last, to plan the next flush from without asking the database first: operations that it does
 * not know are taken for new ones. The guess is proven under the ledgers' locks before anything is written, as that of any
 * plan whose ledger has moved on; a wrong one costs a round trip, so where they are frequent there are few of them.
 * Its time is the database's, never ahead of it: by a clock of their own two processes would find a report stale that
 * came after the one before.
 */
export class IngestMemory {
  /** How often each ledger was erased when it was last written to. */
  private readonly erasures = new Map<string, number>();
  private readonly operations = new Map<string, { readonly state: OperationState; readonly erasures: number }>();
  private pauseFlushes = FIRST_PAUSE_FLUSHES;
  private readsLeft = 0;
  private clock: { readonly databaseMs: number; readonly monotonicMs: number } | null = null;

  /** Null: the database is to be asked. */
  guess({ ledgers, operations }: SnapshotRequest, monotonicMs: number): IngestSnapshot | null {
    if (this.readsLeft > 0) {
      this.readsLeft -= 1;
      return null;
    }
    let nowMs = this.databaseMs(monotonicMs);
    if (nowMs === null) return null;
    const states = new Map<string, LedgerState>();
    for (const tenant of ledgers) {
      const erasures = this.erasures.get(ledgerKey(tenant));
      if (erasures === undefined) return null;
      states.set(ledgerKey(tenant), { sequence: UNKNOWN_SEQUENCE, erasures });
    }
    const known = new Map<string, OperationState>();
    for (const { tenant, id } of operations) {
      const key = objectKey(tenant, id);
      const entry = this.operations.get(key);
      // What was remembered before an erasure may hold what was erased.
      if (entry === undefined || entry.erasures !== this.erasures.get(ledgerKey(tenant))) continue;
      known.set(key, entry.state);
      nowMs = Math.max(nowMs, entry.state.updatedAtMs); // That time has been, though this process counts it later.
    }
    return { nowMs, ledgers: states, operations: known, externalIds: new Map(), answers: new Map() };
  }

  /** What the database's clock showed, in a snapshot that was here at `monotonicMs`. */
  learnTime(databaseMs: number, monotonicMs: number): void {
    const known = this.databaseMs(monotonicMs);
    if (known === null || databaseMs > known) this.clock = { databaseMs, monotonicMs };
  }

  guessedRight(): void {
    this.pauseFlushes = FIRST_PAUSE_FLUSHES;
  }

  guessedWrong(): void {
    this.readsLeft = this.pauseFlushes;
    this.pauseFlushes = Math.min(this.pauseFlushes * 2, MAX_PAUSE_FLUSHES);
  }

  /** At most what it shows, for the last answer was on its way for a while. Null: that look is too long ago. */
  private databaseMs(monotonicMs: number): number | null {
    if (this.clock === null) return null;
    const passedMs = monotonicMs - this.clock.monotonicMs;
    return passedMs <= CLOCK_MS ? this.clock.databaseMs + Math.floor(passedMs) : null;
  }

  /** The plan is committed. */
  remember({ ledgers, operations }: PublishPlan): void {
    for (const { tenant, expected } of ledgers) {
      keep(this.erasures, ledgerKey(tenant), expected.erasures, MAX_LEDGERS);
    }
    for (const [key, { ledger, state }] of operations) {
      const { erasures } = ledgers[ledger]!.expected;
      if (JSON.stringify(state.metadata).length > MAX_METADATA_LENGTH) this.operations.delete(key);
      else keep(this.operations, key, { state, erasures }, MAX_OPERATIONS);
    }
  }

  /** Nobody knows whether the plan is committed. */
  forget({ operations }: PublishPlan): void {
    for (const key of operations.keys()) this.operations.delete(key);
  }
}

/** As the newest one; beyond `maximum` the oldest goes. */
function keep<V>(map: Map<string, V>, key: string, value: V, maximum: number): void {
  map.delete(key);
  map.set(key, value);
  if (map.size > maximum) map.delete(map.keys().next().value!);
}
