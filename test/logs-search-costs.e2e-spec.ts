import { jest } from '@jest/globals';
import type { QueryRunner } from 'typeorm';
import { decodeId, encodeId, newUuid } from '../src/common/ids.js';
import { Database } from '../src/database/database.js';
import { monthPartition } from '../src/database/partitions.js';
import { PartitionsRepository } from '../src/database/partitions.repository.js';
import { ReadRows } from './support/read-rows.js';
import { type MadeAccount, Service } from './support/service.js';

const DAY_MS = 86_400_000;
const MONTHS = 6;
const DAYS = 165;
/** Spread over all days; as many are of a few days in the midst of a busy month, so that to read one shows. */
const LOGS = 15_000;
const BUSY_MONTHS_AGO = 4;
const OTHERS_LOGS = 10_000;
/**
 * What a question may look at, of 50,000 logs: a first step of 3,000 and where it ends, a sample, and each log of a few
 * days about it thrice, where a month's edge is near; never the busy month.
 */
const MOST_ROWS = 12_000;
/** No question of these has more hits, whatever its words have one by one. */
const MOST_GATHERED = 1_000;
const MOST_PAGES = 1_500;
/** Each of twenty actions is looked up with every status and category, in each month of the retention. */
const MOST_PAGES_OF_ACTIONS = 8_000;
const IMPORTED_LATE_MS = 300 * DAY_MS;
const PLANS = ['force_custom_plan', 'force_generic_plan'];

const uuid = newUuid(Date.now());
const twenty = (text: string): string[] => Array.from({ length: 20 }, (_, n) => `${text}${n}`);
const startedMs = Date.now();
/** The same whenever it is asked. */
const ago = (days: number): string => new Date(startedMs - days * DAY_MS).toISOString();

type Query = Readonly<Record<string, string | string[]>>;

/** Answered with what there is, which is next to nothing. */
const ODD: readonly (readonly [name: string, query: Query])[] = [
  ['an absent word', { q: 'absent' }],
  ['an absent word beside one that every log has', { q: 'payment absent' }],
  ['an absent word beside a filter that most logs pass', { q: 'absent', status: 'succeeded' }],
  ['a word that only other accounts have', { q: 'foreign' }],
  ['two words that are frequent and never meet', { q: 'pending succeeded' }],
  ['a word as long as q may be', { q: 'x'.repeat(200) }],
  ['as many words as q may have', { q: twenty('nowhere').join(' ') }],
  ['as many one-letter words as q may have', { q: 'a b c d e f g h i j k l m n o p q r s t' }],
  ['SQL', { q: `absent' OR 1=1; DROP TABLE logs --` }],
  ['operators of a text search', { q: 'absent | payment & !inv <-> (succeeded:*)' }],
  ['quotes and backslashes', { q: `"absent' \\' \\\\ 'payment'` }],
  ['LIKE’s signs', { q: '%absent_%' }],
  ['an interval that ended before the retention', { created_before: '2001-01-01T00:00:00Z' }],
  ['the same and a word', { q: 'payment', created_before: '2001-01-01T00:00:00Z' }],
  ['an interval of another century, by when it happened', { occurred_before: '1901-01-01T00:00:00Z' }],
  ['the same, a word and a filter', { q: 'payment', status: 'failed', occurred_before: '1901-01-01T00:00:00Z' }],
  ['an interval of the far future', { created_after: '9999-01-01T00:00:00Z' }],
  ['the same by when it happened', { occurred_after: '9999-01-01T00:00:00Z' }],
  ['an interval of no length', { q: 'payment', created_after: ago(80), created_before: ago(80) }],
  ['one of no length by when it happened', { occurred_after: ago(80), occurred_before: ago(80) }],
  ['two intervals that never meet', { created_after: ago(20), occurred_before: ago(90) }],
  [
    'all of time, and an absent word',
    { q: 'absent', created_after: '0001-01-01T00:00:00Z', created_before: '9999-12-31T23:59:59Z' },
  ],
  ['an absent action', { action: 'payment.lost' }],
  ['twenty absent actions', { action: twenty('payment.lost') }],
  ['an action with signs', { action: `pay' | "x":* & \\` }],
  ['an action longer than any', { action: 'a'.repeat(100) }],
  ['a status and category that no log has together', { status: 'info', category: 'admin' }],
  ['an absent key', { api_key_id: encodeId('key', uuid) }],
  ['an absent endpoint', { endpoint_id: encodeId('we', uuid) }],
  ['an absent request id', { request_id: 'req_absent' }],
  ['twenty absent request ids', { request_id: twenty('req_absent') }],
  ['a request id with signs', { request_id: `req' | "x":* & \\` }],
  ['an absent event', { event_id: encodeId('evt', uuid) }],
  ['an event from before the retention', { event_id: encodeId('evt', newUuid(1)) }],
  ['an absent operation', { operation_id: 'none' }],
  ['twenty absent operations', { operation_id: twenty('none') }],
  [
    'all filters at once',
    {
      q: 'payment',
      status: 'failed',
      category: 'webhook',
      action: 'payment.lost',
      request_id: 'req_absent',
      occurred_after: ago(140),
    },
  ],
];

/** Not even asked: their intervals end before the retention, or are empty. */
const UNASKED: ReadonlySet<string> = new Set([
  'the same and a word',
  'an interval of no length',
  'one of no length by when it happened',
]);

/** Refused before any log is looked at. */
const REFUSED: readonly (readonly [name: string, query: Query])[] = [
  ['an enormous q', { q: 'payment '.repeat(1_000) }],
  ['more words than q may have', { q: 'a b c d e f g h i j k l m n o p q r s t u' }],
  ['an empty q', { q: '' }],
  ['a q of signs alone', { q: `'"&|!%_\\*` }],
  ['two qs', { q: ['payment', 'absent'] }],
  ['a reversed interval', { created_after: ago(10), created_before: ago(20) }],
  ['the same by when it happened', { occurred_after: ago(10), occurred_before: ago(20) }],
  ['a date that does not parse', { created_after: 'yesterday' }],
  ['a day that no month has', { occurred_before: '2026-02-30T00:00:00Z' }],
  ['an enormous action', { action: 'a'.repeat(5_000) }],
  ['more values than a filter may have', { request_id: [...twenty('req'), 'req_x'] }],
  ['an unknown filter', { description: 'payment' }],
];

describe('a search of logs that goes wrong', () => {
  let service: Service;
  let account: MadeAccount;
  let importer: MadeAccount;
  let runner: QueryRunner;
  /** What the requests since the last one asked. */
  let read: ReadRows;
  let asked: string[];

  beforeAll(async () => {
    service = await Service.start();
    runner = service.dataSource.createQueryRunner();
    const now = new Date();
    const partitions = service.app.get(PartitionsRepository, { strict: false });
    for (let back = 2; back <= MONTHS; back++) {
      await partitions.create(monthPartition('logs', now.getUTCFullYear(), now.getUTCMonth() - back));
    }
    account = await service.makeAccount();
    const allDays = [now.getTime() - DAYS * DAY_MS, now.getTime() - 60_000] as const;
    const inBusyMonth = (day: number) => Date.UTC(now.getUTCFullYear(), now.getUTCMonth() - BUSY_MONTHS_AGO, day);
    await insert(account.id, LOGS, allDays, '');
    await insert(account.id, LOGS, [inBusyMonth(8), inBusyMonth(20)], '');
    for (let n = 0; n < 2; n++) await insert((await service.makeAccount()).id, OTHERS_LOGS, allDays, 'foreign');
    importer = await service.makeAccount();
    await insert(importer.id, LOGS, [inBusyMonth(8), inBusyMonth(20)], '', IMPORTED_LATE_MS);
    // Also moves what the writers left to the word indexes.
    await runner.query('VACUUM ANALYZE signalpost.logs');

    const database = service.app.get(Database);
    const rows = database.rows.bind(database);
    jest.spyOn(database, 'rows').mockImplementation((...given: Parameters<Database['rows']>) => {
      const [statement, values] = given;
      if (!statement.name.startsWith('logs.') || /insert/.test(statement.name)) return rows(...given);
      asked.push(statement.name);
      return read.database.rows(statement, values);
    });
  });
  beforeEach(() => {
    read = new ReadRows(runner);
    asked = [];
  });
  afterAll(async () => {
    jest.restoreAllMocks();
    await runner.query('RESET ALL');
    await runner.release();
    await service.stop();
  });

  /**
   * Of every hundred, twenty are about webhooks, half of the others pending; each word but `inv` and `payment` is in
   * part of them.
   */
  async function insert(
    accountId: string,
    count: number,
    [fromMs, untilMs]: readonly [number, number],
    word: string,
    lateMs = 0,
  ): Promise<void> {
    await runner.query(
      `INSERT INTO signalpost.logs (account_id, mode, id, category, action, status, description, search, operation_id,
         event_id, endpoint_id, api_key_id, request_id, actor_type, occurred_at)
       SELECT $1, 'test', id, CASE WHEN is_webhook THEN 'webhook' ELSE 'operation' END,
         CASE WHEN is_webhook THEN 'delivery.' ELSE 'payment.' END || status, status, 'Payment INV-' || n,
         ' payment inv ' || n || ' ' || status || $4 || off_time, 'pay_' || n / 3, CASE WHEN is_webhook THEN $5::uuid ELSE id END,
         CASE WHEN is_webhook THEN $5::uuid END, CASE WHEN NOT is_webhook THEN $5::uuid END, 'req_' || n, 'system',
         happened_at
       FROM (SELECT n, ms, to_timestamp((ms - $7::bigint) / 1000.0) AS happened_at,
           CASE WHEN $7 > 0 THEN to_char(to_timestamp((ms - $7) / 1000.0) AT TIME ZONE 'UTC', ' ".d"YYYYMMDD') ELSE '' END AS off_time, n % 5 = 0 AS is_webhook, CASE WHEN n % 50 = 7 THEN 'failed' WHEN n % 2 = 0 THEN 'pending' ELSE 'succeeded' END AS status,
           (lpad(to_hex(ms), 12, '0') || '7' || left(md5(n::text), 3) || '8' || substr(md5(n::text), 4, 15))::uuid AS id
         FROM (SELECT n, $2::bigint - n * (($2::bigint - $6::bigint) / $3::bigint) AS ms FROM generate_series(1, $3::bigint) AS n) AS t) AS made`,
      [
        decodeId('acct', accountId),
        untilMs,
        count,
        word && ` ${word}`,
        newUuid(Date.now() - DAYS * DAY_MS),
        fromMs,
        lateMs,
      ],
    );
  }

  it.each(ODD)('reads a bounded part of them for %s, both ways', async (name, query) => {
    const key = account.test.secretKey;
    const middle = encodeId('log', newUuid(Date.now() - (DAYS / 2) * DAY_MS));
    const mostPages = (query.action?.length ?? 0) === 20 ? MOST_PAGES_OF_ACTIONS : MOST_PAGES;
    for (const plans of PLANS) {
      await runner.query(`SET plan_cache_mode = ${plans}`);
      for (const place of [{}, { starting_after: middle }, { ending_before: middle }]) {
        read = new ReadRows(runner);
        await service.call('get', '/v1/logs', { key, query: { ...query, ...place } }).expect(200);
        expect(read.count).toBeLessThan(MOST_ROWS);
        expect(read.gathered).toBeLessThan(MOST_GATHERED);
        expect(read.pages).toBeLessThan(mostPages);
      }
    }
    if (UNASKED.has(name)) expect(asked).toEqual([]);
    else expect(asked).not.toEqual([]);
  });

  it('reads of logs that were imported long after they happened those of the days in question', async () => {
    const [first] = (await runner.query('SELECT min(occurred_at) AS at FROM signalpost.logs WHERE account_id = $1', [
      decodeId('acct', importer.id),
    ])) as { at: Date }[];
    const from = first!.at.getTime() + 6 * DAY_MS;
    for (const plans of PLANS) {
      await runner.query(`SET plan_cache_mode = ${plans}`);
      for (const filter of [{}, { q: 'inv' }, { q: 'payment', status: 'failed' }]) {
        read = new ReadRows(runner);
        const query = {
          ...filter,
          occurred_after: new Date(from).toISOString(),
          occurred_before: new Date(from + 3_600_000).toISOString(),
        };
        const { body } = await service.call('get', '/v1/logs', { key: importer.test.secretKey, query }).expect(200);
        expect(body.data.length).toBeGreaterThan(0);
        // One day of twelve has 1,250.
        expect(read.count).toBeLessThan(5_000);
      }
    }
  });

  it.each(REFUSED)('refuses %s without a look at them', async (_name, query) => {
    const { body } = await service.call('get', '/v1/logs', { key: account.test.secretKey, query });
    expect(['invalid_input', 'unknown_parameter']).toContain(body.code);
    expect(asked).toEqual([]);
  });
});
