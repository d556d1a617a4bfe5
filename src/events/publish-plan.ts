import { type Tenant, tenantKey } from '../auth/caller.js';
import { AppError } from '../common/app-error.js';
import { encodeId, typeIdTail, typeIdTime, uuidTail } from '../common/ids.js';
import type { AcceptedEvent } from './accepted-event.js';
import { renderEventBody, type EventBodyParts } from './event-body.js';
import {
  objectKey,
  requestKey,
  type IdempotentRequest,
  type IngestSnapshot,
  type LedgerState,
  type PublishUnit,
  type StoredOutcome,
} from './ingest-snapshot.js';
import { applyReport, findConflict, type AppliedReport, type OperationState } from './operation-state.js';

/** An ordinal within one millisecond of a ledger has 12 bits of an id; flushes stay far below. */
const MAX_EVENTS_PER_LEDGER = 4095;

/** An event that will be written; its time and sequence are given under the ledger's lock. */
export interface PlannedEvent {
  /** Index in the plan's ledgers. */
  readonly ledger: number;
  /** From 1 within its ledger. */
  readonly ordinal: number;
  readonly idTail: string;
  readonly event: AcceptedEvent;
  readonly occurredAtMs: number;
  readonly applied: AppliedReport | null;
  readonly body: EventBodyParts;
}

export interface PlannedOperation {
  readonly ledger: number;
  readonly expectedVersion: number;
  /** As it stood before this call; null: it is new. */
  readonly before: OperationState | null;
  state: OperationState;
  /** Of the last event that was not stale; '' while all were. */
  lastIdTail: string;
}

export type PlannedOutcome =
  | { readonly kind: 'created' | 'repeated'; readonly planned: PlannedEvent }
  | { readonly kind: 'created' | 'repeated'; readonly stored: { readonly tenant: Tenant; readonly eventId: string } }
  | { readonly kind: 'refused'; readonly error: AppError };

export interface PlannedUnit {
  readonly outcomes: readonly PlannedOutcome[];
  readonly replayed: boolean;
}

export interface PlannedRequest {
  readonly request: IdempotentRequest;
  readonly outcomes: readonly PlannedOutcome[];
}

/** Everything one call of publish_events writes, and what each unit is told. */
export interface PublishPlan {
  readonly nowMs: number;
  readonly ledgers: readonly { readonly tenant: Tenant; readonly expected: LedgerState; readonly count: number }[];
  readonly events: readonly PlannedEvent[];
  readonly operations: ReadonlyMap<string, PlannedOperation>;
  readonly requests: readonly PlannedRequest[];
  /** Parallel to the units given; null: the unit waits for the next flush, for its key is another unit's here. */
  readonly units: readonly (PlannedUnit | null)[];
}

/** Decides, from one snapshot, what becomes of every event of the units; pure but for the random bits of ids. */
export function planPublish(units: readonly PublishUnit[], snapshot: IngestSnapshot): PublishPlan {
  return new Planner(snapshot).plan(units);
}

class Planner {
  private readonly ledgers = new Map<string, { index: number; tenant: Tenant; expected: LedgerState; count: number }>();
  private readonly events: PlannedEvent[] = [];
  private readonly operations = new Map<string, PlannedOperation>();
  private readonly externalIds = new Map<string, PlannedEvent>();
  private readonly requests: PlannedRequest[] = [];
  private readonly requestKeys = new Set<string>();

  constructor(private readonly snapshot: IngestSnapshot) {}

  plan(units: readonly PublishUnit[]): PublishPlan {
    const planned = units.map((unit) => this.planUnit(unit));
    return {
      nowMs: this.snapshot.nowMs,
      ledgers: [...this.ledgers.values()],
      events: this.events,
      operations: this.operations,
      requests: this.requests,
      units: planned,
    };
  }

  private planUnit(unit: PublishUnit): PlannedUnit | null {
    if (unit.idempotency === null) return { outcomes: unit.items.map((item) => this.planItem(item)), replayed: false };
    const key = requestKey(unit.idempotency);
    const answer = this.snapshot.answers.get(key);
    if (answer !== undefined) return this.replay(unit, answer);
    if (this.requestKeys.has(key)) return null;
    this.requestKeys.add(key);
    const outcomes = unit.items.map((item) => this.planItem(item));
    const isRefusal = !unit.isBatch && outcomes[0]?.kind === 'refused';
    if (!isRefusal) this.requests.push({ request: unit.idempotency, outcomes });
    return { outcomes, replayed: false };
  }

  private replay(unit: PublishUnit, answer: { bodyHash: Buffer; outcomes: readonly StoredOutcome[] }): PlannedUnit {
    if (!unit.idempotency!.bodyHash.equals(answer.bodyHash)) {
      const error = new AppError('idempotency_key_reused');
      return { outcomes: unit.items.map(() => ({ kind: 'refused', error })), replayed: false };
    }
    const outcomes = answer.outcomes.map((outcome): PlannedOutcome => {
      if ('error' in outcome) {
        const { code, detail, errors } = outcome.error;
        return { kind: 'refused', error: new AppError(code as AppError['code'], detail, { errors }) };
      }
      const { tenant, eventId, created } = outcome;
      return { kind: created ? 'created' : 'repeated', stored: { tenant, eventId } };
    });
    return { outcomes, replayed: true };
  }

  private planItem(item: AcceptedEvent | AppError): PlannedOutcome {
    if (item instanceof AppError) return { kind: 'refused', error: item };
    return this.findRepeat(item) ?? this.planEvent(item);
  }

  /** An event whose external id is known is the first one again, or a conflict. */
  private findRepeat(event: AcceptedEvent): PlannedOutcome | null {
    if (event.externalId === null) return null;
    const key = objectKey(event.tenant, event.externalId);
    const stored = this.snapshot.externalIds.get(key);
    if (stored !== undefined) {
      return stored.contentHash.equals(event.contentHash!)
        ? { kind: 'repeated', stored: { tenant: event.tenant, eventId: stored.eventId } }
        : refuse(
            'external_id_conflict',
            `${event.externalId} is ${encodeId('evt', stored.eventId)}, with other content.`,
          );
    }
    const planned = this.externalIds.get(key);
    if (planned === undefined) return null;
    return planned.event.contentHash!.equals(event.contentHash!)
      ? { kind: 'repeated', planned }
      : refuse('external_id_conflict', `${event.externalId} comes at the same moment with other content.`);
  }

  private planEvent(event: AcceptedEvent): PlannedOutcome {
    const expected = this.snapshot.ledgers.get(tenantKey(event.tenant));
    if (expected === undefined) return refuse('not_found', 'There is no such account.');
    const occurredAtMs = event.occurredAtMs ?? this.snapshot.nowMs;
    const operation = this.applyOperation(event, occurredAtMs);
    if (operation !== null && 'error' in operation) return { kind: 'refused', error: operation.error };

    const ledger = this.ledgerOf(event.tenant, expected);
    if (ledger.count === MAX_EVENTS_PER_LEDGER) return refuse('unavailable', 'Too many events at once; try again.');
    ledger.count += 1;
    const idTail = uuidTail(ledger.count);
    const applied = operation?.applied ?? null;
    const planned: PlannedEvent = {
      ledger: ledger.index,
      ordinal: ledger.count,
      idTail,
      event,
      occurredAtMs,
      applied,
      body: renderEventBody({
        accountId: event.tenant.accountId,
        mode: event.tenant.mode,
        type: event.type,
        source: event.publisher.source,
        externalId: event.externalId,
        occurredAtMs,
        operation: applied,
        data: event.data,
      }),
    };
    this.events.push(planned);
    if (event.externalId !== null) this.externalIds.set(objectKey(event.tenant, event.externalId), planned);
    if (operation !== null) this.keepOperation(operation.key, ledger.index, operation, idTail);
    return { kind: 'created', planned };
  }

  private applyOperation(
    event: AcceptedEvent,
    occurredAtMs: number,
  ): { key: string; current: OperationState | null; applied: AppliedReport } | { error: AppError } | null {
    if (event.operation === null) return null;
    const key = objectKey(event.tenant, event.operation.id);
    const current = this.operations.get(key)?.state ?? this.snapshot.operations.get(key) ?? null;
    const conflict = findConflict(current, event.operation);
    if (conflict !== null) {
      const { field, current: was, reported } = conflict;
      const detail = `The ${field} of ${event.operation.id} is ${was} and cannot become ${reported ?? 'null'}.`;
      return { error: new AppError('operation_conflict', detail) };
    }
    return { key, current, applied: applyReport(current, event.operation, occurredAtMs, this.snapshot.nowMs) };
  }

  private keepOperation(
    key: string,
    ledger: number,
    operation: { current: OperationState | null; applied: AppliedReport },
    idTail: string,
  ): void {
    const { applied, current } = operation;
    const kept = this.operations.get(key);
    if (kept === undefined) {
      const lastIdTail = applied.stale ? '' : idTail;
      const expectedVersion = current?.version ?? 0;
      this.operations.set(key, { ledger, expectedVersion, before: current, state: applied.state, lastIdTail });
      return;
    }
    kept.state = applied.state;
    if (!applied.stale) kept.lastIdTail = idTail;
  }

  private ledgerOf(tenant: Tenant, expected: LedgerState): { index: number; count: number } {
    const key = tenantKey(tenant);
    let ledger = this.ledgers.get(key);
    if (ledger === undefined) {
      ledger = { index: this.ledgers.size, tenant, expected, count: 0 };
      this.ledgers.set(key, ledger);
    }
    return ledger;
  }
}

function refuse(code: AppError['code'], detail: string): PlannedOutcome {
  return { kind: 'refused', error: new AppError(code, detail) };
}

/** The bytes of a planned event once its ledger's sequence and time are known; equal to what publish_events stored. */
export function assembleBody(
  planned: PlannedEvent,
  receipt: readonly [lastSequenceBefore: number, ms: number],
): string {
  const [lastSequence, ms] = receipt;
  const id = `{"id":"evt_${typeIdTime(ms)}${typeIdTail(planned.idTail)}`;
  const { toSequence, toCreated, tail } = planned.body;
  return id + toSequence + (lastSequence + planned.ordinal) + toCreated + new Date(ms).toISOString() + tail;
}
