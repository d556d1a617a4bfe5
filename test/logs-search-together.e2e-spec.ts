import { decodeId, encodeId } from '../src/common/ids.js';
import { type KnownLog, namedByLogs, type NamedByLogs, SPACING_MS, writeKnownLogs } from './support/known-logs.js';
import { type MadeAccount, Service } from './support/service.js';

type Query = Readonly<Record<string, string | readonly string[]>>;

const nowMs = Date.now();
const named: NamedByLogs = namedByLogs(nowMs);
const events = named.events.map((id) => encodeId('evt', id));
const endpoints = named.endpoints.map((id) => encodeId('we', id));
const keys = named.keys.map((id) => encodeId('key', id));

/** What is asked by each filter, one value and several; of intervals their place among the logs, from 0 to 1. */
const WORDS = ['ECHOUE', 'enc inv-1', 'ile NOIX', 'newer'];
const MORE_WORDS = ['seme kpodji', 'col_7', 'cœur OUIDAH', 'encaissé', 'ussi'];
const FILTERS: Readonly<Record<string, readonly Query[]>> = {
  q: WORDS.map((q) => ({ q })),
  status: [{ status: 'failed' }, { status: ['succeeded', 'pending'] }],
  category: [{ category: 'webhook' }, { category: ['key', 'admin'] }],
  action: [{ action: 'collect.failed' }, { action: ['note.made', 'newer', 'none'] }],
  operation: [{ operation_id: 'col_7' }, { operation_id: ['col_1', 'col_10', 'col_none'] }],
  event: [{ event_id: events[3]! }, { event_id: [events[1]!, events[12]!] }],
  endpoint: [{ endpoint_id: endpoints[0]! }, { endpoint_id: [endpoints[1]!, endpoints[2]!] }],
  key: [{ api_key_id: keys[1]! }, { api_key_id: [keys[2]!, keys[3]!] }],
  request: [{ request_id: 'req-shared-7' }, { request_id: ['req-shared-1', 'req-shared-18', 'req-none'] }],
};
const INTERVALS: readonly (readonly [name: string, from: number | null, until: number | null])[] = [
  ['created', 0.2, 0.7],
  ['created', null, 0.5],
  ['occurred', 0.2, 0.7],
  ['occurred', 0.6, null],
];

describe('logs by several filters together', () => {
  let service: Service;
  let account: MadeAccount;
  /** Newest first. */
  let logs: KnownLog[];
  /** Of one in the middle. */
  let middle: string;
  let intervals: readonly Query[];
  beforeAll(async () => {
    service = await Service.start();
    account = await service.makeAccount();
    logs = await writeKnownLogs(service, account.id, named);
    await writeKnownLogs(service, (await service.makeAccount()).id, named);
    const known = logs.filter(({ action }) => action !== 'newer');
    middle = known[known.length / 2]!.id;
    // Times at which something happened: whoever includes the end of an interval, or not its start, is found out.
    const timeOf = (share: number): string =>
      new Date(known.at(-Math.round(known.length * share))!.createdMs).toISOString();
    intervals = INTERVALS.map(([name, from, until]) => ({
      ...(from !== null && { [`${name}_after`]: timeOf(from) }),
      ...(until !== null && { [`${name}_before`]: timeOf(until) }),
    }));
  });
  afterAll(() => service.stop());

  /** Compares pages from both ends and from the middle, and the export, with what the filters mean. */
  async function expectFound(query: Query): Promise<void> {
    const wanted = logs.filter((log) => passes(log, query)).map(({ id }) => id);
    const first = await page(query, { limit: 20 });
    expect([query, first.ids, first.hasMore]).toEqual([query, wanted.slice(0, 20), wanted.length > 20]);
    const cursor = encodeId('log', middle);
    const older = await page(query, { limit: 7, starting_after: cursor });
    const olderWanted = wanted.filter((id) => id < middle);
    expect([query, older.ids, older.hasMore]).toEqual([query, olderWanted.slice(0, 7), olderWanted.length > 7]);
    const newer = await page(query, { limit: 7, ending_before: cursor });
    const newerWanted = wanted.filter((id) => id > middle);
    expect([query, newer.ids, newer.hasMore]).toEqual([query, newerWanted.slice(-7), newerWanted.length > 7]);
  }

  async function page(query: Query, more: object): Promise<{ ids: string[]; hasMore: boolean }> {
    const key = account.test.secretKey;
    const { body } = await service.call('get', '/v1/logs', { key, query: { ...query, ...more } }).expect(200);
    const { data, has_more: hasMore } = body as { data: { id: string }[]; has_more: boolean };
    return { ids: data.map(({ id }) => decodeId('log', id)), hasMore };
  }

  const names = [...Object.keys(FILTERS), 'interval'];
  const askedBy = (name: string): readonly Query[] => FILTERS[name] ?? intervals;
  const pairs = names.flatMap((one, index) => names.slice(index + 1).map((other) => [one, other] as const));

  it.each(names)('%s alone', async (name) => {
    for (const query of askedBy(name)) await expectFound(query);
  });

  it.each(MORE_WORDS)('the words %s', async (q) => expectFound({ q }));

  it.each(pairs)('%s and %s', async (one, other) => {
    const both = askedBy(one).flatMap((a) => askedBy(other).map((b) => ({ ...a, ...b })));
    const found = both.filter((query) => logs.some((log) => passes(log, query)));
    // Each pair is met by some logs, or nothing would be shown.
    expect(found.length).toBeGreaterThan(0);
    for (const query of both) await expectFound(query);
  });

  it.each(names.filter((name) => name !== 'q' && name !== 'interval'))('q, %s and an interval', async (name) => {
    for (const [index, query] of askedBy(name).entries()) {
      for (const q of ['echoue', 'col']) await expectFound({ q, ...query, ...intervals[index * 2]! });
    }
  });

  it('two words, a status, a category and two intervals', async () => {
    const query = { q: 'encaissement inv', status: ['failed', 'pending'], category: 'operation' };
    const both = { ...query, ...intervals[0], ...intervals[2] };
    expect(logs.filter((log) => passes(log, both)).length).toBeGreaterThan(0);
    await expectFound(both);
  });

  it('an export has all that the list has, in the same order', async () => {
    const key = account.test.secretKey;
    const queries: Query[] = [
      { q: 'inv', status: 'failed' },
      { q: 'inv', operation_id: 'col_7', ...intervals[2] },
    ];
    for (const query of queries) {
      const { text } = await service.call('get', '/v1/logs/export', { key, query }).expect(200);
      const ids = text
        .trimEnd()
        .split('\r\n')
        .slice(1)
        .map((line) => decodeId('log', line.split(',')[0]!));
      expect(ids).toEqual(logs.filter((log) => passes(log, query)).map(({ id }) => id));
    }
  });

  it('an interval takes its start and not its end, to the millisecond, beside every word', async () => {
    const { createdMs } = logs.find(({ id }) => id === middle)!;
    const at = (ms: number): string => new Date(ms).toISOString();
    const ofThen = logs.filter((log) => log.createdMs === createdMs);
    expect(ofThen).toHaveLength(4);
    for (const q of ['inv', undefined]) {
      for (const [from, until] of [
        [createdMs, createdMs + 1],
        [createdMs - SPACING_MS, createdMs],
        [createdMs + 1, createdMs + SPACING_MS],
        [createdMs - SPACING_MS + 1, createdMs + 1],
      ] as const) {
        for (const name of ['created', 'occurred']) {
          await expectFound({ ...(q && { q }), [`${name}_after`]: at(from), [`${name}_before`]: at(until) });
        }
      }
    }
  });
});

/** What the filters mean, one log at a time. */
function passes(log: KnownLog, query: Query): boolean {
  const oneOf = (name: string, value: string | null): boolean =>
    query[name] === undefined || [query[name]].flat().includes(value ?? '');
  const within = (name: string, ms: number): boolean => {
    const [after, before] = [query[`${name}_after`], query[`${name}_before`]] as (string | undefined)[];
    return (after === undefined || ms >= Date.parse(after)) && (before === undefined || ms < Date.parse(before));
  };
  return (
    oneOf('status', log.status) &&
    oneOf('category', log.category) &&
    oneOf('action', log.action) &&
    oneOf('operation_id', log.operationId) &&
    oneOf('event_id', log.eventId && encodeId('evt', log.eventId)) &&
    oneOf('endpoint_id', log.endpointId && encodeId('we', log.endpointId)) &&
    oneOf('api_key_id', log.apiKeyId && encodeId('key', log.apiKeyId)) &&
    oneOf('request_id', log.requestId) &&
    within('created', log.createdMs) &&
    within('occurred', log.occurredMs) &&
    (query.q === undefined || hasWords(`${log.operationId ?? ''} ${log.description}`, query.q as string))
  );
}

function hasWords(text: string, question: string): boolean {
  return wordsOf(question).every((start) => wordsOf(text).some((word) => word.startsWith(start)));
}

function wordsOf(text: string): string[] {
  const plain = text.normalize('NFD').replace(/\p{M}/gu, '').toLowerCase().replaceAll('œ', 'oe');
  return plain.split(/[^\p{L}\p{N}]+/u).filter((word) => word !== '');
}
