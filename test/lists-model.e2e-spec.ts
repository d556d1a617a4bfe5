import fc from 'fast-check';
import { type ReadingAccount, ReadingApp } from './support/reading-app.js';

interface ModelEvent {
  readonly id: string;
  readonly type: string;
  readonly external_id: string | null;
  readonly occurred_at: string;
  readonly created_at: string;
  readonly operation: ModelOperation;
}
interface ModelOperation {
  readonly id: string;
  readonly kind: string;
  readonly status: string;
  readonly reference: string | null;
  readonly customer: { readonly name: string } | null;
}
type Query = Readonly<Record<string, string | number | undefined>>;

const HOUR_MS = 3_600_000;
const NAMES = ['Adjoua Koffi', 'Binta Sow', 'Adama Traoré'];
const REFERENCES = ['INV-1', 'INV-2', 'SHARED', null];
const STATUSES = ['pending', 'succeeded', 'failed', 'cancelled'];
const TYPES = ['payment.pending', 'payment.failed', 'collect.succeeded', 'payout.sent', 'payment.*', 'payout.*'];

/** A few events whose fields repeat so often that most pairs of filters have something in common, and some nothing. */
function inputs(): object[] {
  return Array.from({ length: 90 }, (_, n) => {
    const kind = n % 3 === 0 ? 'collect' : 'payment';
    const status = STATUSES[(n * 7) % 4]!;
    return {
      type: n % 11 === 0 ? 'payout.sent' : `${kind}.${status}`,
      external_id: n % 2 === 0 ? `led-${n}` : undefined,
      occurred_at: new Date(Date.now() - (n % 5) * HOUR_MS - 60_000).toISOString(),
      operation: {
        id: `${kind}-${n % 40}-${kind}`,
        kind,
        status,
        amount: 1_000,
        currency: 'XOF',
        reference: REFERENCES[n % 4],
        customer: { name: NAMES[n % 3] },
      },
    };
  });
}

const folded = (text: string): string[] =>
  text
    .normalize('NFKD')
    .replace(/\p{M}/gu, '')
    .toLowerCase()
    .split(/[^a-z0-9]+/);

function hasWords(
  { operation, external_id: externalId }: Pick<ModelEvent, 'operation'> & Partial<ModelEvent>,
  q: string,
) {
  const words = folded([operation.reference, operation.id, operation.customer?.name, externalId].join(' '));
  return folded(q).every((term) => words.some((word) => word.startsWith(term)));
}

describe('lists of events and operations', () => {
  let service: ReadingApp;
  let account: ReadingAccount;
  let events: ModelEvent[];
  let operations: ModelOperation[];
  let failed: ReadonlySet<string>;

  beforeAll(async () => {
    service = await ReadingApp.start();
    account = await service.makeAccount();
    await service.post('/v1/admin/event-types', service.adminKey, { type: 'payout.sent', description: 'Sent.' });
    await service.makeEndpoint(account.testKey, { event_types: ['payment.*'] });
    await service.makeEndpoint(account.testKey);
    const { body } = await service.post('/v1/events/batch', account.testKey, { events: inputs() }).expect(200);
    events = (body.results as { event: ModelEvent }[]).map(({ event }) => event).reverse();
    const deliveries = await service.get('/v1/deliveries', account.testKey, { limit: 100 }).expect(200);
    const some = (deliveries.body.data as { id: string; event_id: string }[]).filter((_, n) => n % 4 === 0);
    for (const { id } of some) await service.settle(id, 1, { status: 'failed', reason: 'exhausted' });
    failed = new Set(some.map(({ event_id: id }) => id));
    operations = await all<ModelOperation>('/v1/operations', {});
  });
  afterAll(() => service.stop());

  /** All pages of a list, a few at a time, read in both directions. */
  async function all<T extends { id: string }>(path: string, query: Query): Promise<T[]> {
    const down: T[] = [];
    for (let cursor: string | undefined; ; cursor = down.at(-1)!.id) {
      const page = { limit: 40, ...query, ...(cursor !== undefined && { starting_after: cursor }) };
      const { body } = await service.get(path, account.testKey, page).expect(200);
      down.push(...(body.data as T[]));
      if (!body.has_more) break;
    }
    const last = down.at(-1);
    if (last === undefined) return down;
    const up: T[] = [last];
    for (;;) {
      const page = { limit: 40, ...query, ending_before: up[0]!.id };
      const { body } = await service.get(path, account.testKey, page).expect(200);
      up.unshift(...(body.data as T[]));
      if (!body.has_more) break;
    }
    expect(up.map(({ id }) => id)).toEqual(down.map(({ id }) => id));
    return down;
  }

  const optional = <T>(values: readonly T[]) => fc.option(fc.constantFrom(...values), { nil: undefined, freq: 3 });
  const times = [1, 2, 3, 4].map((hours) => new Date(Date.now() - hours * HOUR_MS).toISOString());

  it('of events give what their filters say, alone and together, in both directions', async () => {
    const queries = fc.record({
      type: optional(TYPES),
      operation_id: optional(['collect-3-collect', 'payment-1-payment', 'payment-0-payment']),
      operation_kind: optional(['payment', 'collect']),
      operation_status: optional(STATUSES),
      reference: optional(['INV-1', 'SHARED', 'NONE']),
      external_id: optional(['led-4', 'led-5']),
      q: optional(['adj', 'traore', 'shared', 'inv 2', 'adama shared', 'zz']),
      occurred_after: optional(times),
      occurred_before: optional(times),
      delivery_status: optional(['failed', 'pending', 'succeeded']),
    });
    const passes = (event: ModelEvent, query: Query): boolean =>
      (query.type === undefined ||
        query.type === event.type ||
        (String(query.type).endsWith('.*') && event.type.startsWith(String(query.type).slice(0, -1)))) &&
      [query.operation_id, undefined].includes(query.operation_id && event.operation.id) &&
      [query.operation_kind, undefined].includes(query.operation_kind && event.operation.kind) &&
      [query.operation_status, undefined].includes(query.operation_status && event.operation.status) &&
      [query.reference, undefined].includes(query.reference && (event.operation.reference ?? '')) &&
      [query.external_id, undefined].includes(query.external_id && (event.external_id ?? '')) &&
      (query.q === undefined || hasWords(event, String(query.q))) &&
      (query.occurred_after === undefined || event.occurred_at >= String(query.occurred_after)) &&
      (query.occurred_before === undefined || event.occurred_at < String(query.occurred_before)) &&
      (query.delivery_status === undefined || deliveriesOf(event).has(String(query.delivery_status)));
    const deliveriesOf = (event: ModelEvent): Set<string> => {
      // Two endpoints take payments, one the rest; of an event's deliveries at most one was ended here.
      const isTwice = event.type.startsWith('payment.');
      const statuses = new Set<string>();
      if (failed.has(event.id)) statuses.add('failed');
      if (isTwice || !failed.has(event.id)) statuses.add('pending');
      return statuses;
    };
    await fc.assert(
      fc.asyncProperty(queries, async (query) => {
        fc.pre((query.occurred_after ?? '') <= (query.occurred_before ?? '~'));
        const found = await all<ModelEvent>('/v1/events', query);
        expect(found.map(({ id }) => id)).toEqual(events.filter((event) => passes(event, query)).map(({ id }) => id));
      }),
      { numRuns: 120, ...FIRST_EACH_ALONE },
    );
  });

  const FIRST_EACH_ALONE = {
    examples: [
      ...[{ type: 'payment.*' }, { operation_id: 'payment-1-payment' }, { operation_kind: 'collect' }],
      ...[{ operation_status: 'failed' }, { reference: 'SHARED' }, { external_id: 'led-4' }, { q: 'adama shared' }],
      ...[{ occurred_after: times[1] }, { occurred_before: times[1] }, { delivery_status: 'failed' }],
    ].map((query) => [query]) as [never][],
  };

  it('of operations give what their filters say, alone and together, in both directions', async () => {
    const queries = fc.record({
      kind: optional(['payment', 'collect']),
      status: optional(STATUSES),
      reference: optional(['INV-1', 'SHARED', 'NONE']),
      q: optional(['adj', 'traore', 'shared', 'inv 2', 'adama shared', 'zz']),
    });
    await fc.assert(
      fc.asyncProperty(queries, async (query) => {
        const wanted = operations.filter(
          (operation) =>
            (query.kind ?? operation.kind) === operation.kind &&
            (query.status ?? operation.status) === operation.status &&
            (query.reference === undefined || query.reference === operation.reference) &&
            (query.q === undefined || hasWords({ operation }, query.q)),
        );
        const found = await all<ModelOperation>('/v1/operations', query);
        expect(found.map(({ id }) => id)).toEqual(wanted.map(({ id }) => id));
      }),
      { numRuns: 60 },
    );
  });

  it('stay whole while new events arrive between two pages', async () => {
    const key = account.testKey;
    const query = { type: 'payment.failed', limit: 5 };
    const first = await service.get('/v1/events', key, query).expect(200);
    const operation = { id: 'late', amount: 1, currency: 'XOF' };
    await service.publish(account.liveKey, { type: 'payment.failed', operation });
    const other = await service.makeAccount();
    await service.publish(other.testKey, { type: 'payment.failed', operation });
    const newer = await service.publish(key, { type: 'payment.failed', operation });
    const cursor = (first.body.data as ModelEvent[]).at(-1)!.id;
    const rest = await service.ids('/v1/events', key, { ...query, limit: 100, starting_after: cursor });
    const seen = [...(first.body.data as ModelEvent[]).map(({ id }) => id), ...rest];
    expect(seen).toEqual(events.filter(({ type }) => type === 'payment.failed').map(({ id }) => id));
    expect(await service.ids('/v1/events', key, { type: 'payment.failed', ending_before: seen[0] })).toEqual([
      newer.id,
    ]);
  });
});
