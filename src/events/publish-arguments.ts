import { NIL_ACCOUNT, typeIdTail } from '../common/ids.js';
import { searchText } from '../common/search-text.js';
import type { Statement } from '../database/database.js';
import { type ParameterType, parameterList } from '../database/binary-parameters.js';
import { PROCESS_TAG } from '../database/process-tag.js';
import type { HandOffOffer } from '../deliveries/hand-offs.js';
import { eventLog } from './event-log.js';
import type { PlannedOutcome, PlannedRequest, PublishPlan } from './publish-plan.js';
import { operationStatsChanges } from './stats/operation-stats-changes.js';

/** The values of PUBLISH_EVENTS, in the order of the function's parameters. */
export type PublishArguments = readonly unknown[];

const LEDGER_TYPES = ['uuid[]', 'text[]', 'bigint[]', 'bigint[]', 'integer[]'] as const;
const EVENT_TYPES = [
  ...(['integer[]', 'integer[]', 'text[]', 'text[]', 'text[]', 'text[]', 'text[]', 'bytea[]'] as const),
  ...(['text[]', 'text[]', 'text[]', 'text[]', 'text[]', 'timestamptz[]', 'text[]', 'text[]', 'text[]'] as const),
  ...(['text[]', 'text[]', 'text[]', 'text[]', 'text[]', 'text[]', 'text[]', 'uuid[]', 'text[]'] as const),
] as const;
const OPERATION_TYPES = [
  ...(['integer[]', 'text[]', 'bigint[]', 'bigint[]', 'text[]', 'text[]', 'bigint[]', 'text[]', 'text[]'] as const),
  ...(['text[]', 'text[]', 'text[]', 'text[]', 'text[]', 'text[]', 'text[]', 'timestamptz[]'] as const),
  'timestamptz[]',
] as const;
const STATS_TYPES = [
  ...(['integer[]', 'text[]', 'timestamptz[]', 'text[]', 'text[]', 'text[]', 'bigint[]', 'numeric[]'] as const),
] as const;
const REQUEST_TYPES = [
  ...(['uuid[]', 'text[]', 'text[]', 'text[]', 'text[]', 'bytea[]', 'smallint[]', 'text[]'] as const),
] as const;
const HAND_OFF_TYPES = ['uuid', 'bigint', 'uuid[]', 'integer[]'] as const;
const TYPES: readonly ParameterType[] = [
  'bigint',
  ...LEDGER_TYPES,
  ...EVENT_TYPES,
  ...OPERATION_TYPES,
  ...STATS_TYPES,
  ...REQUEST_TYPES,
  ...HAND_OFF_TYPES,
  'text',
];

/** Lock, index and guarantee: migrations/functions/publish_events.sql. */
export const PUBLISH_EVENTS: Statement = {
  name: 'publish_events',
  text: `SELECT signalpost.publish_events(${parameterList(TYPES)}) AS receipt`,
  types: TYPES,
};

/** Lays a plan out as the parallel arrays that publish_events takes. `offer`: who takes deliveries of it at once. */
export function publishArguments(plan: PublishPlan, offer: HandOffOffer | null = null): PublishArguments {
  const { ledgers, events, requests } = plan;
  const logs = events.map((planned) => eventLog(planned, plan.nowMs));
  const snapshots = events.map((planned) => planned.applied?.snapshot ?? null);
  const publishers = events.map((planned) => planned.event.publisher);
  const operations = [...plan.operations.values()];
  const states = operations.map((operation) => operation.state);
  const stats = operationStatsChanges(operations);
  return [
    plan.nowMs,
    ledgers.map((ledger) => ledger.tenant.accountId),
    ledgers.map((ledger) => ledger.tenant.mode),
    ledgers.map((ledger) => ledger.expected.sequence),
    ledgers.map((ledger) => ledger.expected.erasures),
    ledgers.map((ledger) => ledger.count),

    events.map((planned) => planned.ledger + 1),
    events.map((planned) => planned.ordinal),
    events.map((planned) => planned.idTail),
    events.map((planned) => typeIdTail(planned.idTail)),
    events.map((planned) => planned.event.type),
    publishers.map((publisher) => publisher.source),
    events.map((planned) => planned.event.externalId),
    events.map((planned) => planned.event.contentHash),
    snapshots.map((snapshot) => snapshot?.id ?? null),
    snapshots.map((snapshot) => snapshot?.kind ?? null),
    snapshots.map((snapshot) => snapshot?.status ?? null),
    snapshots.map((snapshot) => snapshot?.reference ?? null),
    events.map(({ event }, i) => {
      const snapshot = snapshots[i] ?? null;
      const { name, email, phone } = snapshot?.customer ?? { name: null, email: null, phone: null };
      return searchText(snapshot?.reference, snapshot?.id, name, email, phone, event.externalId);
    }),
    events.map((planned) => planned.occurredAtMs),
    events.map((planned) => planned.body.toSequence),
    events.map((planned) => planned.body.toCreated),
    events.map((planned) => planned.body.tail),
    logs.map((log) => log.status),
    logs.map((log) => log.description),
    logs.map((log) => log.search),
    publishers.map((publisher) => publisher.actor.type),
    publishers.map((publisher) => publisher.actor.id),
    publishers.map((publisher) => publisher.actor.name),
    publishers.map((publisher) => publisher.ip),
    publishers.map((publisher) => publisher.apiKeyId),
    publishers.map((publisher) => publisher.requestId),

    operations.map((operation) => operation.ledger + 1),
    states.map((state) => state.id),
    operations.map((operation) => operation.expectedVersion),
    states.map((state) => state.version),
    states.map((state) => state.kind),
    states.map((state) => state.status),
    states.map((state) => state.amount),
    states.map((state) => state.currency),
    states.map((state) => state.reference),
    states.map((state) => state.channel),
    states.map((state) => (state.customer === null ? null : JSON.stringify(state.customer))),
    states.map((state) => state.cause?.code ?? null),
    states.map((state) => state.cause?.description ?? null),
    states.map((state) => JSON.stringify(state.metadata)),
    states.map(({ reference, id, customer }) =>
      searchText(reference, id, customer?.name, customer?.email, customer?.phone),
    ),
    operations.map((operation) => operation.lastIdTail),
    states.map((state) => state.createdAtMs),
    states.map((state) => state.updatedAtMs),

    stats.map((change) => change.ledger + 1),
    stats.map((change) => change.period),
    stats.map((change) => change.startMs),
    stats.map((change) => change.kind),
    stats.map((change) => change.status),
    stats.map((change) => change.currency),
    stats.map((change) => change.count),
    stats.map((change) => String(change.amount)),

    ...requestColumns(requests),
    offer?.token ?? NIL_ACCOUNT,
    offer?.batch ?? 0,
    (offer?.lanes ?? []).map(({ lane }) => lane[2]),
    (offer?.lanes ?? []).map(({ room }) => room),
    notification(plan),
  ];
}

function requestColumns(requests: readonly PlannedRequest[]): unknown[] {
  return [
    requests.map(({ request }) => request.accountId),
    requests.map(({ request }) => request.mode),
    requests.map(({ request }) => request.callerClass),
    requests.map(({ request }) => request.path),
    requests.map(({ request }) => request.key),
    requests.map(({ request }) => request.bodyHash),
    requests.map(() => 200),
    requests.map(({ outcomes }) => JSON.stringify(outcomes.map(storedOutcome))),
  ];
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

/**
 * `<process>;<account> <mode>,…`. PostgreSQL takes at most 8,000 bytes; whoever listens reads the tables when there are
 * too many ledgers to name.
 */
function notification(plan: PublishPlan): string {
  const named = plan.ledgers.length > 100 ? [] : plan.ledgers;
  return `${PROCESS_TAG};${named.map(({ tenant }) => `${tenant.accountId} ${tenant.mode}`).join(',')}`;
}

/** Whether a plan has anything to write. */
export function writesNothing(plan: PublishPlan): boolean {
  return plan.events.length === 0 && plan.requests.length === 0;
}
