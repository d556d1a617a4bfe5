import { decodeId, encodeId, newUuid, uuidTime } from '../src/common/ids.js';
import { searchTerms, searchText } from '../src/common/search-text.js';
import { uuidAfter } from '../src/common/uuid-order.js';
import { monthPartition } from '../src/database/partitions.js';
import { PartitionsRepository } from '../src/database/partitions.repository.js';
import { offTimeWord } from '../src/logs/log-words.js';
import { type MadeAccount, Service } from './support/service.js';

interface Row {
  readonly id: string;
  readonly createdMs: number;
  readonly category: string;
  readonly action: string;
  readonly status: string;
  readonly description: string;
  readonly search: string;
  readonly eventId: string | null;
  readonly endpointId: string | null;
  readonly apiKeyId: string | null;
  readonly requestId: string | null;
  readonly occurredMs: number;
}

type Query = Readonly<Record<string, string | string[]>>;

const ROWS = 16_000;
const DAY_MS = 86_400_000;
const DAYS = 75;
const ENDPOINTS = [1, 2, 3].map((n) => newUuid(Date.now(), n));
const KEYS = [1, 2].map((n) => newUuid(Date.now(), n));

/** Every combination of rare and frequent, and words that only the old half or one row has. */
function makeRow(n: number, nowMs: number): Row {
  const createdMs = nowMs - Math.round(((ROWS - n) / ROWS) * DAYS * DAY_MS);
  const id = newUuid(createdMs, n % 4_096);
  const isOld = n < ROWS / 2;
  const [category, action, status] =
    n % 4_000 === 5
      ? ['webhook', "delivery.exhausted:'x", 'failed']
      : n % 10 === 0
        ? ['webhook', 'delivery.succeeded', 'succeeded']
        : ['operation', `payment.${n % 2 ? 'pending' : 'succeeded'}`, n % 2 ? 'pending' : 'succeeded'];
  const description = `Reference INV-${n} tag${n % 100}${isOld ? ' ancient' : ''}${n % 3_000 === 7 ? ' rarely' : ''}`;
  // Some happened long before, some long after they were recorded.
  const occurredMs = createdMs + (n % 700 === 3 ? -40 : n % 900 === 4 ? 40 : 0) * DAY_MS;
  return {
    id,
    createdMs,
    category: category,
    action: action,
    status: status,
    description,
    search: searchText(description) + offTimeWord(occurredMs, createdMs),
    eventId: category === 'webhook' ? newUuid(createdMs - 1_000, n % 4_096) : id,
    endpointId: category === 'webhook' ? ENDPOINTS[n % 4_000 === 5 ? 2 : (n / 10) % 2]! : null,
    apiKeyId: category === 'webhook' ? null : KEYS[n % 5_000 === 9 ? 1 : 0]!,
    requestId: category === 'webhook' ? null : `req_${n}`,
    occurredMs,
  };
}

/** In the last and in the first millisecond of two months, further back than the first step of a search. */
function makeEdgeRows(now: Date): Row[] {
  const monthMs = Date.UTC(now.getUTCFullYear(), now.getUTCMonth() - 1);
  return [monthMs - 1, monthMs].map((createdMs) => {
    const id = newUuid(createdMs);
    const search = searchText('Edge of a month');
    return { ...makeRow(1, createdMs), id, createdMs, occurredMs: createdMs, search, eventId: id };
  });
}

describe('searching logs', () => {
  let service: Service;
  let account: MadeAccount;
  let key: string;
  /** Newest first. */
  let rows: Row[];
  /** Of one in the middle; there is another with the next id. */
  let middle: string;
  beforeAll(async () => {
    service = await Service.start();
    account = await service.makeAccount();
    key = account.test.secretKey;
    const now = new Date();
    const partitions = service.app.get(PartitionsRepository, { strict: false });
    for (const back of [2, 3]) {
      await partitions.create(monthPartition('logs', now.getUTCFullYear(), now.getUTCMonth() - back));
    }
    const made = Array.from({ length: ROWS }, (_, n) => makeRow(n, now.getTime() - 60_000));
    const neighbour = made[ROWS / 2]!;
    middle = neighbour.id;
    rows = [...made, { ...neighbour, id: uuidAfter(middle) }, ...makeEdgeRows(now)];
    rows.sort((a, b) => (a.id < b.id ? 1 : -1));
    await insert(account.id, rows);
    // Another account's words must neither be found nor be in the way.
    await insert((await service.makeAccount()).id, rows.slice(0, 8_000));
  });
  afterAll(() => service.stop());

  async function insert(accountId: string, made: readonly Row[]): Promise<void> {
    const column = (name: keyof Row) => made.map((row) => row[name]);
    await service.dataSource.query(
      `INSERT INTO signalpost.logs (account_id, mode, id, category, action, status, description, search, event_id,
         endpoint_id, api_key_id, request_id, occurred_at, actor_type)
       SELECT $1, 'test', g.*, 'system' FROM unnest($2::uuid[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[],
         $8::uuid[], $9::uuid[], $10::uuid[], $11::text[], $12::timestamptz[]) AS g`,
      [
        decodeId('acct', accountId),
        ...(['id', 'category', 'action', 'status', 'description', 'search'] as const).map(column),
        ...(['eventId', 'endpointId', 'apiKeyId', 'requestId'] as const).map(column),
        made.map(({ occurredMs }) => new Date(occurredMs).toISOString()),
      ],
    );
  }

  /** What the filters mean, one row at a time. */
  function passes(row: Row, query: Query): boolean {
    const given = (name: string) => (query[name] === undefined ? null : [query[name]].flat());
    const oneOf = (name: string, value: string | null) => given(name)?.includes(value ?? '') ?? true;
    const timeOf = (name: string) => (query[name] === undefined ? null : Date.parse(query[name] as string));
    const within = (name: string, ms: number) =>
      ms >= (timeOf(`${name}_after`) ?? -Infinity) && ms < (timeOf(`${name}_before`) ?? Infinity);
    return (
      oneOf('category', row.category) &&
      oneOf('action', row.action) &&
      oneOf('status', row.status) &&
      oneOf('event_id', row.eventId && encodeId('evt', row.eventId)) &&
      oneOf('endpoint_id', row.endpointId && encodeId('we', row.endpointId)) &&
      oneOf('api_key_id', row.apiKeyId && encodeId('key', row.apiKeyId)) &&
      oneOf('request_id', row.requestId) &&
      within('created', row.createdMs) &&
      within('occurred', row.occurredMs) &&
      (query.q === undefined || searchTerms(query.q as string).every((term) => row.search.includes(` ${term}`)))
    );
  }

  const page = async (query: Query, more: object) =>
    (await service.call('get', '/v1/logs', { key, query: { ...query, ...more } }).expect(200)).body as {
      data: { id: string }[];
      has_more: boolean;
    };
  const idsOf = (data: readonly { id: string }[]): string[] => data.map(({ id }) => decodeId('log', id));

  const at = (share: number, plusMs = 0): string =>
    new Date(Date.now() - Math.round((1 - share) * DAYS * DAY_MS) + plusMs).toISOString();
  const QUERIES: readonly Query[] = [
    { q: 'inv-42' },
    { q: 'inv 15990' },
    { q: 'rarely' },
    { q: 'ancient' },
    { q: 'ancient rarely' },
    { q: 'ref' },
    { q: 'tag1' },
    { q: 'absent' },
    { q: 'ancient absent' },
    { q: 'ref', status: 'failed' },
    { q: 'rarely', status: ['pending', 'failed'] },
    { q: 'ancient', category: 'webhook', endpoint_id: encodeId('we', ENDPOINTS[1]!) },
    { q: 'ancient', created_after: at(0.1), created_before: at(0.11) },
    { q: 'ref', created_after: at(0.6), created_before: at(0.6, 3_600_000) },
    { q: 'ancient', created_after: at(0.7) },
    { q: 'rarely', occurred_after: at(0.1), occurred_before: at(0.3) },
    { status: 'failed' },
    { status: 'info' },
    { category: 'webhook' },
    { category: ['key', 'admin'] },
    { action: "delivery.exhausted:'x" },
    { action: ['delivery.exhausted', 'delivery.succeeded'], status: 'succeeded' },
    { action: 'payment.failed' },
    { endpoint_id: encodeId('we', ENDPOINTS[2]!) },
    { endpoint_id: encodeId('we', newUuid(Date.now())) },
    { api_key_id: encodeId('key', KEYS[1]!) },
    { api_key_id: [encodeId('key', KEYS[1]!), encodeId('key', newUuid(0))], status: 'pending' },
    { request_id: ['req_77', 'req_15999', 'req_none'] },
    { occurred_after: at(0.2), occurred_before: at(0.2, 7_200_000) },
    { occurred_before: at(0.05) },
    { occurred_after: at(0.999) },
    { occurred_after: at(1, 10 * DAY_MS) },
    { occurred_after: at(0.4), occurred_before: at(0.5), status: 'failed' },
    { created_before: at(0.3), status: 'failed' },
    { created_after: at(0.2), created_before: at(0.9) },
    { q: `inv ${ROWS / 2}` },
    { q: 'edge' },
  ];

  it.each(QUERIES.map((query) => [JSON.stringify(query), query] as const))(
    '%s finds what it says, both ways',
    async (_name, query) => {
      const expected = rows.filter((row) => passes(row, query)).map(({ id }) => id);
      const first = await page(query, { limit: 100 });
      expect(idsOf(first.data)).toEqual(expected.slice(0, 100));
      expect(first.has_more).toBe(expected.length > 100);
      // From the middle of all rows, older and newer.
      const cursor = encodeId('log', middle);
      const older = await page(query, { limit: 7, starting_after: cursor });
      expect(idsOf(older.data)).toEqual(expected.filter((id) => id < middle).slice(0, 7));
      const newer = await page(query, { limit: 7, ending_before: cursor });
      expect(idsOf(newer.data)).toEqual(expected.filter((id) => id > middle).slice(-7));
      expect(newer.has_more).toBe(expected.filter((id) => id > middle).length > 7);
    },
  );

  it('an event’s logs are its own and those of its deliveries, wherever they are', async () => {
    const own = rows.findLast(({ category }) => category === 'operation')!;
    const webhook = rows.find(({ category }) => category === 'webhook')!;
    expect(uuidTime(webhook.eventId!)).toBeLessThan(webhook.createdMs);
    const query = { event_id: [own, webhook].map(({ eventId }) => encodeId('evt', eventId!)) };
    expect(idsOf((await page(query, {})).data)).toEqual([webhook.id, own.id]);
    expect(idsOf((await page({ ...query, category: 'webhook' }, {})).data)).toEqual([webhook.id]);
    expect(idsOf((await page({ ...query, q: 'absent' }, {})).data)).toEqual([]);
    expect((await page(query, { limit: 1 })).has_more).toBe(true);
  });
});
