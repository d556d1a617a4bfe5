import type { Locale } from '../accounts/account.js';
import type { Tenant } from '../auth/caller.js';
import { AppError } from '../common/app-error.js';
import { OPERATION_EVENT_TYPES, SYSTEM_EVENT_TYPES } from '../common/event-type-names.js';
import { contentHash } from './canonical-json.js';
import type { EventCatalogue } from './event-catalogue.js';
import { parseOccurredAt, type EventInput } from './event-input.js';
import type { OperationReport } from './operation-state.js';

/** Who publishes, as the event's log and its `source` say. */
export interface Publisher {
  readonly source: 'platform' | 'account' | 'system';
  readonly actor: {
    readonly type: 'key' | 'admin' | 'system';
    readonly id: string | null;
    readonly name: string | null;
  };
  readonly ip: string | null;
  readonly apiKeyId: string | null;
  readonly requestId: string | null;
}

/** An event that may be published: only its operation's state and its external id can still refuse it. */
export interface AcceptedEvent {
  readonly tenant: Tenant;
  readonly locale: Locale;
  readonly publisher: Publisher;
  readonly type: string;
  readonly externalId: string | null;
  /** Of the input as given, keys sorted; null without an external id. */
  readonly contentHash: Buffer | null;
  /** Null: the time of acceptance. */
  readonly occurredAtMs: number | null;
  readonly operation: OperationReport | null;
  readonly data: Readonly<Record<string, unknown>>;
}

export interface AcceptanceRules {
  readonly catalogue: Pick<EventCatalogue, 'find' | 'nearest' | 'dataErrors'>;
  readonly nowMs: number;
  readonly retentionDays: number;
}

const OPERATION_TYPES: ReadonlySet<string> = new Set(OPERATION_EVENT_TYPES);
const SYSTEM_TYPES: ReadonlySet<string> = new Set(SYSTEM_EVENT_TYPES);

/**
 * Checks one event against the catalogue and the clock.
 * @throws AppError `event_type_reserved`, or `invalid_input` naming the fields.
 */
export function acceptEvent(
  input: EventInput,
  tenant: Tenant,
  locale: Locale,
  publisher: Publisher,
  rules: AcceptanceRules,
): AcceptedEvent {
  checkType(input.type, publisher, rules.catalogue);
  const data = input.data ?? {};
  const dataErrors = rules.catalogue.dataErrors(input.type, data);
  if (dataErrors.length > 0) throw AppError.invalid(dataErrors);
  const externalId = input.external_id ?? null;
  return {
    tenant,
    locale,
    publisher,
    type: input.type,
    externalId,
    contentHash: externalId === null ? null : contentHash(input),
    occurredAtMs: parseOccurredAt(input.occurred_at, rules.nowMs, rules.retentionDays),
    operation: reportOf(input),
    data,
  };
}

function checkType(type: string, publisher: Publisher, catalogue: AcceptanceRules['catalogue']): void {
  if (OPERATION_TYPES.has(type)) return;
  if (SYSTEM_TYPES.has(type)) {
    if (publisher.source === 'system') return;
    throw new AppError('event_type_reserved', `Only the system publishes ${type}.`);
  }
  const known = catalogue.find(type);
  if (known === null) {
    const nearest = catalogue.nearest(type);
    const hint = nearest.length > 0 ? `The nearest names are ${nearest.join(', ')}.` : 'GET /v1/event-types lists all.';
    throw invalid('type', 'unknown_event_type', `This event type is not registered. ${hint}`);
  }
  if (known.retired) throw invalid('type', 'retired_event_type', 'This event type is retired and takes no new events.');
}

/** The report with `kind` and `status` filled in from a built-in type, which must agree where both are given. */
function reportOf(input: EventInput): OperationReport | null {
  const operation = input.operation ?? null;
  if (!OPERATION_TYPES.has(input.type)) {
    if (operation === null) return null;
    if (operation.kind === undefined)
      throw invalid('operation.kind', 'required', 'A custom type gives the kind itself.');
    if (operation.status === undefined) {
      throw invalid('operation.status', 'required', 'A custom type gives the status itself.');
    }
    return { kind: operation.kind, status: operation.status, ...operation };
  }
  if (operation === null)
    throw invalid('operation', 'required', `Events of type ${input.type} are about an operation.`);
  const [kind, status] = input.type.split('.') as [string, string];
  if (operation.kind !== undefined && operation.kind !== kind) {
    throw invalid('operation.kind', 'mismatch', `Events of type ${input.type} are about a ${kind}.`);
  }
  if (operation.status !== undefined && operation.status !== status) {
    throw invalid('operation.status', 'mismatch', `After ${input.type} the status is ${status}.`);
  }
  // Spread last: V8 is slow at adding fields to a copy, and those that are given are the same.
  return { kind, status, ...operation };
}

function invalid(field: string, code: string, message: string): AppError {
  return AppError.invalid([{ field, code, message }]);
}
