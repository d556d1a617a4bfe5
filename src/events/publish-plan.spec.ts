import { AppError } from '../common/app-error.js';
import { newUuid, uuidFrom } from '../common/ids.js';
import { type Tenant, tenantKey } from '../auth/caller.js';
import type { AcceptedEvent } from './accepted-event.js';
import { contentHash } from './canonical-json.js';
import {
  objectKey,
  requestKey,
  type IdempotentRequest,
  type IngestSnapshot,
  type PublishUnit,
} from './ingest-snapshot.js';
import { applyReport } from './operation-state.js';
import { assembleBody, planPublish, type PlannedOutcome, type PublishPlan } from './publish-plan.js';
import { snapshotRequest } from './snapshot-request.js';

const NOW = Date.parse('2026-11-22T12:00:00.000Z');
const one: Tenant = { accountId: '0198c0de-0000-7000-8000-000000000001', mode: 'test' };
const other: Tenant = { accountId: '0198c0de-0000-7000-8000-000000000002', mode: 'live' };

interface Given {
  readonly tenant?: Tenant;
  readonly externalId?: string;
  readonly operationId?: string;
  readonly status?: string;
  readonly kind?: string;
  readonly occurredAtMs?: number;
}

function event({ tenant = one, externalId, operationId, status = 'pending', kind = 'collect', ...more }: Given = {}) {
  const operation = operationId === undefined ? null : { id: operationId, kind, status };
  return {
    tenant,
    locale: 'en',
    publisher: {
      source: 'platform',
      actor: { type: 'admin', id: 'ops', name: 'ops' },
      ip: null,
      apiKeyId: null,
      requestId: 'req_1',
    },
    type: `${kind}.${status}`,
    externalId: externalId ?? null,
    contentHash: externalId === undefined ? null : contentHash(operation),
    occurredAtMs: more.occurredAtMs ?? null,
    operation,
    data: {},
  } satisfies AcceptedEvent;
}

const unit = (...items: PublishUnit['items']): PublishUnit => ({ isBatch: items.length > 1, items, idempotency: null });
const keyed = (key: string, body: string, ...items: PublishUnit['items']): PublishUnit => ({
  ...unit(...items),
  idempotency: { ...one, callerClass: 'key', path: '/v1/events', key, bodyHash: contentHash(body) },
});
const snapshot = (overrides: Partial<IngestSnapshot> = {}): IngestSnapshot => ({
  nowMs: NOW,
  ledgers: new Map([
    [tenantKey(one), { sequence: 40, erasures: 0 }],
    [tenantKey(other), { sequence: 7, erasures: 2 }],
  ]),
  operations: new Map(),
  externalIds: new Map(),
  answers: new Map(),
  ...overrides,
});
const outcomesOf = (plan: PublishPlan): (readonly PlannedOutcome[] | undefined)[] =>
  plan.units.map((planned) => planned?.outcomes);
const kindsOf = (plan: PublishPlan): string[][] =>
  outcomesOf(plan).map((outcomes) =>
    (outcomes ?? []).map((outcome) => (outcome.kind === 'refused' ? outcome.error.code : outcome.kind)),
  );

describe('ordinals', () => {
  it('count from 1 within each ledger, in the order given, across units', () => {
    const plan = planPublish(
      [unit(event(), event({ tenant: other }), event()), unit(event({ tenant: other }))],
      snapshot(),
    );
    expect(plan.events.map(({ ledger, ordinal }) => [ledger, ordinal])).toEqual([
      [0, 1],
      [1, 1],
      [0, 2],
      [1, 2],
    ]);
    expect(plan.ledgers).toMatchObject([
      { tenant: one, expected: { sequence: 40, erasures: 0 }, count: 2 },
      { tenant: other, expected: { sequence: 7, erasures: 2 }, count: 2 },
    ]);
    const tails = plan.events.filter(({ ledger }) => ledger === 0).map(({ idTail }) => uuidFrom(NOW, idTail));
    expect(tails).toEqual([...tails].sort());
  });

  it('are spent on no event that is refused or repeated', () => {
    const refused = new AppError('invalid_input');
    const first = event({ externalId: 'a', operationId: 'x' });
    const plan = planPublish(
      [unit(refused, first, first, event({ operationId: 'x', kind: 'payment' }), event())],
      snapshot(),
    );
    expect(kindsOf(plan)).toEqual([['invalid_input', 'created', 'repeated', 'operation_conflict', 'created']]);
    expect(plan.events.map(({ ordinal }) => ordinal)).toEqual([1, 2]);
    expect(plan.ledgers[0]!.count).toBe(2);
  });

  it('are not given in an account that does not exist', () => {
    const plan = planPublish([unit(event())], snapshot({ ledgers: new Map() }));
    expect([kindsOf(plan), plan.events]).toEqual([[['not_found']], []]);
  });
});

describe('an external id', () => {
  const stored = { eventId: newUuid(NOW), contentHash: event({ externalId: 'a', operationId: 'x' }).contentHash! };
  const known = snapshot({ externalIds: new Map([[objectKey(one, 'a'), stored]]) });

  it('that is known leads to the first event, or to a conflict that names it', () => {
    const same = event({ externalId: 'a', operationId: 'x' });
    const different = event({ externalId: 'a', operationId: 'y' });
    const plan = planPublish([unit(same, different)], known);
    expect(kindsOf(plan)).toEqual([['repeated', 'external_id_conflict']]);
    expect(outcomesOf(plan)[0]![0]).toMatchObject({ stored: { tenant: one, eventId: stored.eventId } });
    expect(plan.events).toEqual([]);
  });

  it('is one within a flush too, between requests that came together', () => {
    const plan = planPublish(
      [
        unit(event({ externalId: 'b', operationId: 'x' })),
        unit(event({ externalId: 'b', operationId: 'x' })),
        unit(event({ externalId: 'b', operationId: 'y' })),
      ],
      known,
    );
    expect(kindsOf(plan)).toEqual([['created'], ['repeated'], ['external_id_conflict']]);
    const [created, repeated] = outcomesOf(plan).map((outcomes) => outcomes![0]) as { planned?: unknown }[];
    expect(repeated!.planned).toBe(created!.planned);
  });

  it('belongs to its account and mode', () => {
    expect(kindsOf(planPublish([unit(event({ tenant: other, externalId: 'a', operationId: 'z' }))], known))).toEqual([
      ['created'],
    ]);
  });
});

describe('an idempotency key', () => {
  const storedId = newUuid(NOW - 1000);
  const answered = (request: IdempotentRequest): IngestSnapshot =>
    snapshot({
      answers: new Map([
        [
          requestKey(request),
          {
            bodyHash: contentHash('body'),
            outcomes: [
              { tenant: other, eventId: storedId, created: true },
              { error: { code: 'invalid_input', detail: '1 field is wrong.', errors: [] } },
            ],
          },
        ],
      ]),
    });

  it('that has its answer replays it, even when an item no longer stands', () => {
    const again = keyed('k', 'body', new AppError('invalid_input'), new AppError('invalid_input'));
    const plan = planPublish([again], answered(again.idempotency!));
    expect(plan.units[0]).toMatchObject({
      replayed: true,
      outcomes: [
        { kind: 'created', stored: { tenant: other, eventId: storedId } },
        { kind: 'refused', error: { code: 'invalid_input', status: 422 } },
      ],
    });
    expect([plan.events, plan.requests]).toEqual([[], []]);
  });

  it('that comes with other bytes is refused, whatever the events', () => {
    const reused = keyed('k', 'other body', event(), event());
    const plan = planPublish([reused], answered(reused.idempotency!));
    expect(kindsOf(plan)).toEqual([['idempotency_key_reused', 'idempotency_key_reused']]);
    expect(plan.events).toEqual([]);
  });

  it('that comes twice in one flush lets the second request wait for the next', () => {
    const plan = planPublish(
      [keyed('k', 'body', event()), keyed('k', 'body', event()), keyed('l', 'body', event())],
      snapshot(),
    );
    expect(plan.units.map((planned) => planned !== null)).toEqual([true, false, true]);
    expect(plan.events).toHaveLength(2);
    expect(plan.requests.map(({ request }) => request.key)).toEqual(['k', 'l']);
  });

  it('keeps no answer of a single event that is refused, and keeps that of a batch', () => {
    const refused = new AppError('event_type_reserved');
    const single = planPublish([keyed('k', 'body', refused)], snapshot());
    const batch = planPublish([keyed('k', 'body', refused, refused)], snapshot());
    expect([single.requests.length, batch.requests.length]).toEqual([0, 1]);
  });
});

describe('an operation', () => {
  const before = applyReport(null, { id: 'x', kind: 'collect', status: 'pending' }, NOW - 60_000, NOW).state;
  const known = snapshot({ operations: new Map([[objectKey(one, 'x'), { ...before, version: 4 }]]) });

  it('is written once for all its events of a flush, expected at the version that was read', () => {
    const plan = planPublish(
      [
        unit(event({ operationId: 'x', status: 'failed' }), event({ operationId: 'y' })),
        unit(event({ operationId: 'x', status: 'succeeded' })),
      ],
      known,
    );
    expect([...plan.operations.values()]).toMatchObject([
      { expectedVersion: 4, state: { id: 'x', version: 6, status: 'succeeded' }, lastIdTail: plan.events[2]!.idTail },
      { expectedVersion: 0, state: { id: 'y', version: 1 }, lastIdTail: plan.events[1]!.idTail },
    ]);
    expect(plan.events.map(({ applied }) => [applied!.previousStatus, applied!.state.version])).toEqual([
      ['pending', 5],
      [null, 1],
      ['failed', 6],
    ]);
  });

  it('keeps its last event through stale ones', () => {
    const stale = event({ operationId: 'x', status: 'expired', occurredAtMs: NOW - 90_000 });
    const onlyStale = planPublish([unit(stale)], known);
    expect([...onlyStale.operations.values()]).toMatchObject([
      { lastIdTail: '', state: { status: 'pending', version: 5 } },
    ]);
    const mixed = planPublish([unit(stale, event({ operationId: 'x', status: 'failed' }), stale)], known);
    expect([...mixed.operations.values()]).toMatchObject([
      { lastIdTail: mixed.events[1]!.idTail, state: { status: 'failed', version: 7 } },
    ]);
  });

  it('of one account is not that of another with the same id', () => {
    const plan = planPublish([unit(event({ operationId: 'x', tenant: other, kind: 'payment' }))], known);
    expect(kindsOf(plan)).toEqual([['created']]);
  });

  it('refuses a change of kind, naming both', () => {
    const plan = planPublish([unit(event({ operationId: 'x', kind: 'payment' }))], known);
    const [outcome] = outcomesOf(plan)[0]!;
    expect(outcome).toMatchObject({ error: { detail: 'The kind of x is collect and cannot become payment.' } });
    expect(plan.operations.size).toBe(0);
  });
});

describe('assembleBody', () => {
  it('puts in the id, sequence and time that the ledger gave', () => {
    const plan = planPublish([unit(event({ operationId: 'x' }), event({ externalId: 'q"\\' }))], snapshot());
    const body = JSON.parse(assembleBody(plan.events[1]!, [40, NOW + 5])) as Record<string, unknown>;
    expect(body).toMatchObject({ sequence: 42, created_at: '2026-11-22T12:00:00.005Z', external_id: 'q"\\' });
    expect(body.id).toMatch(/^evt_[0-9a-z]{26}$/);
  });
});

describe('snapshotRequest', () => {
  it('asks for everything once that the units could meet', () => {
    const request = snapshotRequest([
      unit(
        event({ operationId: 'x', externalId: 'a' }),
        event({ operationId: 'x', externalId: 'a' }),
        new AppError('not_found'),
      ),
      keyed('k', 'body', event({ tenant: other, operationId: 'x' })),
    ]);
    expect(request.ledgers).toEqual([one, other]);
    expect(request.operations).toEqual([
      { tenant: one, id: 'x' },
      { tenant: other, id: 'x' },
    ]);
    expect(request.externalIds).toEqual([{ tenant: one, id: 'a' }]);
    expect(request.requests.map(({ key }) => key)).toEqual(['k']);
  });
});
