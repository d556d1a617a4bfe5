import { tenantKey } from '../auth/caller.js';
import { NIL_ACCOUNT, typeIdTail } from '../common/ids.js';
import { searchText } from '../common/search-text.js';
import type { Statement } from '../database/database.js';
import { type ParameterType, parameterList, type RowOf } from '../database/binary-parameters.js';
import { placesInOrder } from '../database/lock-order.js';
import type { HandOffOffer } from '../deliveries/hand-offs.js';
import { eventLog } from './event-log.js';
import type { PlannedEvent, PlannedOperation, PlannedOutcome, PlannedRequest, PublishPlan } from './publish-plan.js';
import {
  PUBLISHED_ANSWER,
  PUBLISHED_EVENT,
  PUBLISHED_LEDGER,
  PUBLISHED_OPERATION,
  PUBLISHED_STATS,
} from './publish-types.js';
import { type OperationStatsChange, operationStatsChanges } from './stats/operation-stats-changes.js';

/** The values of PUBLISH_EVENTS, in the order of the function's parameters. */
export type PublishArguments = readonly unknown[];

const TYPES = [
  'bigint',
  PUBLISHED_LEDGER,
  'integer[]',
  PUBLISHED_EVENT,
  PUBLISHED_OPERATION,
  PUBLISHED_STATS,
  PUBLISHED_ANSWER,
  'uuid',
  'bigint',
  'uuid[]',
  'integer[]',
] as const satisfies readonly ParameterType[];

/** Lock, index and guarantee: migrations/functions/publish_events.sql. */
export const PUBLISH_EVENTS: Statement = {
  name: 'publish_events',
  text: `SELECT signalpost.publish_events(${parameterList(TYPES)}) AS receipt`,
  types: TYPES,
};

/** Lays a plan out as publish_events takes it. `offer`: who takes deliveries of it at once. */
export function publishArguments(plan: PublishPlan, offer: HandOffOffer | null = null): PublishArguments {
  const operations = [...plan.operations.values()];
  return [
    plan.nowMs,
    plan.ledgers.map(toLedger),
    placesInOrder(plan.ledgers.map(({ tenant }) => tenantKey(tenant))),
    plan.events.map((planned) => toEvent(planned, plan.nowMs)),
    operations.map(toOperation),
    operationStatsChanges(operations).map(toStats),
    plan.requests.map(toAnswer),
    offer?.token ?? NIL_ACCOUNT,
    offer?.batch ?? 0,
    (offer?.lanes ?? []).map(({ lane }) => lane[2]),
    (offer?.lanes ?? []).map(({ room }) => room),
  ];
}

function toLedger({ tenant, expected, count }: PublishPlan['ledgers'][number]): RowOf<typeof PUBLISHED_LEDGER> {
  return {
    account_id: tenant.accountId,
    mode: tenant.mode,
    expected_sequence: expected.sequence,
    expected_erasures: expected.erasures,
    event_count: count,
  };
}

function toEvent(planned: PlannedEvent, nowMs: number): RowOf<typeof PUBLISHED_EVENT> {
  const { event, body } = planned;
  const { source, actor, ip, apiKeyId, requestId } = event.publisher;
  const snapshot = planned.applied?.snapshot;
  const customer = snapshot?.customer;
  const log = eventLog(planned, nowMs);
  return {
    ledger: planned.ledger + 1,
    ordinal: planned.ordinal,
    id_tail: planned.idTail,
    id_suffix: typeIdTail(planned.idTail),
    type: event.type,
    source,
    external_id: event.externalId,
    content_hash: event.contentHash,
    operation_id: snapshot?.id ?? null,
    operation_kind: snapshot?.kind ?? null,
    operation_status: snapshot?.status ?? null,
    reference: snapshot?.reference ?? null,
    search: searchText(
      ...[snapshot?.reference, snapshot?.id, customer?.name, customer?.email, customer?.phone, event.externalId],
    ),
    occurred_at: planned.occurredAtMs,
    body_to_sequence: body.toSequence,
    body_to_created: body.toCreated,
    body_tail: body.tail,
    log_status: log.status,
    log_description: log.description,
    log_search: log.search,
    actor_type: actor.type,
    actor_id: actor.id,
    actor_name: actor.name,
    actor_ip: ip,
    api_key_id: apiKeyId,
    request_id: requestId,
  };
}

function toOperation({
  ledger,
  expectedVersion,
  state,
  lastIdTail,
}: PlannedOperation): RowOf<typeof PUBLISHED_OPERATION> {
  const { id, reference, customer, cause } = state;
  return {
    ledger: ledger + 1,
    id,
    expected_version: expectedVersion,
    version: state.version,
    kind: state.kind,
    status: state.status,
    amount: state.amount,
    currency: state.currency,
    reference,
    channel: state.channel,
    customer: customer && JSON.stringify(customer),
    cause_code: cause?.code ?? null,
    cause_description: cause?.description ?? null,
    metadata: JSON.stringify(state.metadata),
    search: searchText(reference, id, customer?.name, customer?.email, customer?.phone),
    last_id_tail: lastIdTail,
    created_at: state.createdAtMs,
    updated_at: state.updatedAtMs,
  };
}

function toStats({ ledger, startMs, amount, ...change }: OperationStatsChange): RowOf<typeof PUBLISHED_STATS> {
  const { period, kind, status, currency, count } = change;
  return { ledger: ledger + 1, period, starts_at: startMs, kind, status, currency, count, amount: String(amount) };
}

function toAnswer({ request, outcomes }: PlannedRequest): RowOf<typeof PUBLISHED_ANSWER> {
  return {
    account_id: request.accountId,
    mode: request.mode,
    caller_class: request.callerClass,
    path: request.path,
    key: request.key,
    body_hash: request.bodyHash,
    status: 200,
    response: JSON.stringify(outcomes.map(storedOutcome)),
  };
}

function storedOutcome(outcome: PlannedOutcome): unknown {
  if (outcome.kind === 'refused') {
    const { code, detail, errors } = outcome.error;
    return { code, detail, errors };
  }
  const created = outcome.kind === 'created';
  if ('stored' in outcome) {
    const { tenant, eventId } = outcome.stored;
    return [tenant.accountId, tenant.mode, eventId, created];
  }
  return [outcome.planned.ledger, outcome.planned.idTail, created];
}

/** Whether a plan has anything to write. */
export function writesNothing(plan: PublishPlan): boolean {
  return plan.events.length === 0 && plan.requests.length === 0;
}
