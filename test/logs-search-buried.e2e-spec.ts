import { jest } from '@jest/globals';
import { decodeId, encodeId, newUuid, uuidTime } from '../src/common/ids.js';
import { Database } from '../src/database/database.js';
import { ReadRows } from './support/read-rows.js';
import { type MadeAccount, Service } from './support/service.js';

/** More hits than are judged one by one, behind more rows of their month than are walked before the index is asked. */
const HITS = 10_400;
/** So many are judged at first; all of them but the last, and some more, happened an hour later than the others. */
const JUDGED = 5_000;
const LATE_HITS = 5_200;
const NEWER_ROWS = 8_300;
/** More than all other logs of the database, which the service writes by itself. */
const FEW = 100;
const HOUR_MS = 3_600_000;

describe('a frequent word that only the older logs of a month have', () => {
  let service: Service;
  let account: MadeAccount;
  /** The ids of the hits, newest first. */
  let hits: string[];
  let monthMs: number;
  beforeAll(async () => {
    service = await Service.start();
    account = await service.makeAccount();
    const now = new Date();
    monthMs = Date.UTC(now.getUTCFullYear(), now.getUTCMonth(), 1) - 20 * 24 * HOUR_MS;
    const rows: { id: string }[] = await service.dataSource.query(
      `INSERT INTO signalpost.logs (account_id, mode, id, category, action, status, description, search, actor_type, occurred_at)
       SELECT $1, 'test', (lpad(to_hex($2::bigint + n), 12, '0') || '7' || left(md5(n::text), 3) || '8' || substr(md5(n::text), 4, 15))::uuid,
         'operation', 'note', CASE WHEN n % 2 = 0 THEN 'info' ELSE 'failed' END, 'Row ' || n,
         ' row ' || n || CASE WHEN n < $3 THEN ' buried' ELSE ' open' END, 'system',
         to_timestamp(($2::bigint + CASE WHEN n < $3 - $4 OR n = $3 - $7 THEN 0 ELSE $5 END) / 1000.0)
       FROM generate_series(0, $6::integer) AS n RETURNING id`,
      [decodeId('acct', account.id), monthMs, HITS, LATE_HITS, HOUR_MS, HITS + NEWER_ROWS - 1, JUDGED],
    );
    hits = rows
      .map(({ id }) => id)
      .filter((id) => uuidTime(id) < monthMs + HITS)
      .sort()
      .reverse();
    await service.dataSource.query('VACUUM ANALYZE signalpost.logs');
  });
  afterEach(() => jest.restoreAllMocks());
  afterAll(() => service.stop());

  const found = async (query: object): Promise<string[]> => {
    const given = { q: 'buried', ...query };
    const { body } = await service.call('get', '/v1/logs', { key: account.test.secretKey, query: given }).expect(200);
    return (body.data as { id: string }[]).map(({ id }) => decodeId('log', id));
  };
  const isFailed = (id: string): boolean => (uuidTime(id) - monthMs) % 2 === 1;

  it('is found newest first, page after page', async () => {
    const first = await found({ limit: 100 });
    expect(first).toEqual(hits.slice(0, 100));
    expect(await found({ limit: 100, starting_after: encodeId('log', first.at(-1)!) })).toEqual(hits.slice(100, 200));
  });

  it('is found from the other end too', async () => {
    const before = encodeId('log', newUuid(monthMs - 1));
    expect(await found({ limit: 50, ending_before: before })).toEqual(hits.slice(-50));
    expect(await found({ limit: 50, ending_before: encodeId('log', hits[60]!) })).toEqual(hits.slice(10, 60));
    const open = await found({ q: 'open', limit: 50, ending_before: before });
    expect(open.map((id) => uuidTime(id) - monthMs)).toEqual(Array.from({ length: 50 }, (_, n) => HITS + 49 - n));
  });

  it('is found together with filters that half of its logs pass, and that next to none of the newest pass', async () => {
    expect(await found({ limit: 30, status: 'failed' })).toEqual(hits.filter(isFailed).slice(0, 30));
    const split = new Date(monthMs + HOUR_MS / 2).toISOString();
    const early = [hits[JUDGED - 1]!, ...hits.slice(LATE_HITS)];
    expect(await found({ limit: 100, occurred_before: split })).toEqual(early.slice(0, 100));
    expect(await found({ limit: 100, occurred_before: split, status: 'failed' })).toEqual(
      early.filter(isFailed).slice(0, 100),
    );
  });

  it('is found beside a word that all logs have', async () => {
    expect(await found({ q: 'buried row', limit: 100 })).toEqual(hits.slice(0, 100));
    expect(await found({ q: 'buried row', limit: 30, status: 'failed' })).toEqual(hits.filter(isFailed).slice(0, 30));
  });

  it.each(['force_custom_plan', 'force_generic_plan'])(
    'is read in part alone where no log has it with another word that only the others have, with %s',
    async (plans) => {
      const runner = service.dataSource.createQueryRunner();
      await runner.query(`SET plan_cache_mode = ${plans}`);
      const database = service.app.get(Database);
      const rows = database.rows.bind(database);
      let read: ReadRows;
      jest.spyOn(database, 'rows').mockImplementation((...given: Parameters<Database['rows']>) => {
        const [statement, values] = given;
        return statement.name.startsWith('logs.look_up') ? read.database.rows(statement, values) : rows(...given);
      });
      try {
        for (const place of [{}, { ending_before: encodeId('log', newUuid(monthMs - 1)) }]) {
          read = new ReadRows(runner);
          expect(await found({ q: 'buried open', ...place })).toEqual([]);
          expect(read.nodeTypes).toContain('Bitmap Heap Scan');
          expect(read.count - read.gathered).toBeLessThan(JUDGED + FEW);
        }
      } finally {
        await runner.query('RESET ALL');
        await runner.release();
      }
    },
  );

  it('is exhausted at its end: the last page has what is left', async () => {
    expect(await found({ limit: 100, starting_after: encodeId('log', hits[HITS - 8]!) })).toEqual(hits.slice(-7));
    expect(await found({ limit: 100, occurred_before: new Date(monthMs).toISOString() })).toEqual([]);
  });
});
