import type { QueryRunner } from 'typeorm';
import { Clock } from '../src/common/clock.js';
import { firstUuidAt, newUuid } from '../src/common/ids.js';
import type { Database, Statement } from '../src/database/database.js';
import { monthPartition } from '../src/database/partitions.js';
import type { EventFilters } from '../src/events/event-filters.js';
import { MANY_HITS } from '../src/events/event-statements.js';
import { EventsQueryRepository } from '../src/events/events-query.repository.js';
import { type OperationFilters, OperationsRepository } from '../src/events/operations.repository.js';
import { ReadRows } from './support/read-rows.js';
import { ReadingApp } from './support/reading-app.js';

/** Part of each month, from its beginning, that has none of the words of many hits: more than a sample. */
const WITHOUT_MANY = 400;
/** More than the first two rounds of a walk look at. */
const A_MONTH = 4_000;
const MONTHS = 3;
const FROM = firstUuidAt(0);
const PAGE = { limit: 20, after: null, before: null };
const PLANS = ['force_custom_plan', 'force_generic_plan'];
const MODE = 'test';

const NO_EVENT_FILTERS = {
  ...{ types: [], nouns: [], operationIds: [], operationKinds: [], operationStatuses: [], references: [] },
  ...{ externalIds: [], terms: [], occurredAfter: null, occurredBefore: null, deliveryStatuses: [] },
  ...{ from: FROM, until: null },
};
const NO_OPERATION_FILTERS = {
  ...{ kinds: [], statuses: [], references: [], terms: [], createdAfter: null, createdBefore: null },
  lastEventFrom: FROM,
};

/**
 * Rows and index entries of a search of events: a first step and a sample of 300, as many to find where the step ends,
 * 501 of all 616 hits in vain, and the 308 of a month; beside other filters all 616 at once. A step of the second round
 * alone would read 3,000, and look at as many to find its end.
 */
const MOST_ROWS_OF_EVENTS = 3_200;
const FILTERED_EVENTS: readonly Partial<EventFilters>[] = [
  { terms: ['zuleika', 'inv'] },
  { terms: ['zuleika'], types: ['payment.succeeded'] },
  { terms: ['zuleika'], references: ['SHARED'] },
];

/** The same with all 616 hits judged at once, each of which counts twice. */
const OPERATIONS: readonly Partial<OperationFilters>[] = [
  { terms: ['zuleika'] },
  { terms: ['zuleika', 'inv'] },
  { terms: ['zuleika'], statuses: ['succeeded'] },
  { terms: ['zuleika', 'never'], statuses: ['succeeded'] },
];
const MOST_ROWS_OF_OPERATIONS = 2_400;

/** Where a row of the newest month has none of the words asked for, and of the other months one in thirteen. */
describe('a search for a word that only older months have', () => {
  let service: ReadingApp;
  let runner: QueryRunner;
  let database: Database;
  const accountId = newUuid(Date.now());
  const tenant = { accountId, mode: MODE } as const;

  beforeAll(async () => {
    service = await ReadingApp.start();
    runner = service.dataSource.createQueryRunner();
    const rows = ({ text }: Statement, values: unknown[]): Promise<unknown> => runner.query(text, values);
    database = { rows } as unknown as Database;
    // Else VACUUM may come before the commits are on disk, and then marks no page as visible to all, as old ones are.
    await runner.query('SET synchronous_commit = on');
    const now = new Date();
    for (let back = MONTHS; back > 0; back--) await writeMonth(now, back);
    // Also moves what the writers left to the word indexes.
    for (const table of ['events', 'operations']) await runner.query(`VACUUM ANALYZE signalpost.${table}`);
  });
  afterAll(async () => {
    await runner.query('RESET ALL');
    await runner.release();
    await service.stop();
  });

  /** An operation an event; one in five has the reference SHARED. */
  async function writeMonth(now: Date, back: number): Promise<void> {
    const [year, month] = [now.getUTCFullYear(), now.getUTCMonth() - back];
    const { name, fromUuid, toUuid } = monthPartition('events', year, month);
    await runner.query(
      `CREATE TABLE IF NOT EXISTS signalpost.${name} PARTITION OF signalpost.events FOR VALUES FROM ('${fromUuid}') TO ('${toUuid}')`,
    );
    const made = `SELECT n, id, to_timestamp(ms / 1000.0) AS at, 'op-' || $3::integer || '-' || n AS operation_id,
        CASE WHEN n % 2 = 0 THEN 'succeeded' ELSE 'failed' END AS status,
        CASE WHEN n % 5 = 0 THEN 'SHARED' ELSE 'INV-' || n END AS reference,
        ' inv ' || n || CASE WHEN n % 13 = 3 AND $3 > 1 THEN ' zuleika' WHEN n % 13 = 4 THEN ' never' ELSE ' first' END || many AS search
      FROM generate_series(1, $4::integer) AS n CROSS JOIN LATERAL (SELECT $2::bigint + n * 500000 AS ms) AS t
      CROSS JOIN LATERAL (SELECT (lpad(to_hex(ms), 12, '0') || '70018' || lpad(to_hex(n), 15, '0'))::uuid AS id) AS i
      CROSS JOIN LATERAL (SELECT $3 > 1 AND n > ${WITHOUT_MANY} AS has_many) AS m
      CROSS JOIN LATERAL (
        SELECT CASE WHEN has_many AND (n % 8 IN (0, 2, 4) OR n % 60 = 1) THEN ' harbour' ELSE '' END
          || CASE WHEN has_many AND n % 3 > 0 THEN ' anchor' ELSE '' END AS many
      ) AS w
      WHERE $1::uuid IS NOT NULL`;
    const given = [accountId, Date.UTC(year, month, 2), back, A_MONTH];
    await runner.query(
      `INSERT INTO signalpost.events (account_id, mode, id, sequence, type, source, operation_id, operation_kind,
         operation_status, reference, search, occurred_at, body)
       SELECT $1, '${MODE}', id, n, 'payment.' || status, 'platform', operation_id, 'payment', status, reference, search,
         at, '{}' FROM (${made}) AS made`,
      given,
    );
    await runner.query(
      `INSERT INTO signalpost.operations (account_id, mode, id, kind, status, version, reference, search, last_event_id,
         created_at, updated_at)
       SELECT $1, '${MODE}', operation_id, 'payment', status, 1, reference, search, id, at, at FROM (${made}) AS made`,
      given,
    );
  }

  const eventsOf = (read: ReadRows) => new EventsQueryRepository(read.database, new Clock());

  async function expectFewRowsOfEvents(filters: Partial<EventFilters>): Promise<void> {
    for (const plans of PLANS) {
      await runner.query(`SET plan_cache_mode = ${plans}`);
      const read = new ReadRows(runner);
      const found = await eventsOf(read).list(tenant, { ...NO_EVENT_FILTERS, ...filters }, PAGE);
      expect(found).toHaveLength(21);
      expect(read.count).toBeLessThan(MOST_ROWS_OF_EVENTS);
    }
  }

  it('among events by the word alone goes from month to month', () => expectFewRowsOfEvents({ terms: ['zuleika'] }));

  it.each(FILTERED_EVENTS)('among events by %j judges all hits at once', expectFewRowsOfEvents);

  it('among events by filters that few hits pass asks all months at once', async () => {
    for (const plans of PLANS) {
      await runner.query(`SET plan_cache_mode = ${plans}`);
      const read = new ReadRows(runner);
      const filters = { terms: ['zuleika'], types: ['payment.failed'], references: ['SHARED'] };
      const found = await eventsOf(read).list(tenant, { ...NO_EVENT_FILTERS, ...filters }, { ...PAGE, limit: 100 });
      expect(found).toHaveLength(62);
      // For each of the two filters at most the end of a step and what it has; a sample; and the hits.
      expect(read.statements).toBeLessThanOrEqual(6);
      expect(read.count).toBeLessThan(MOST_ROWS_OF_EVENTS);
    }
  });

  it.each(OPERATIONS)('among operations by %j judges each hit once', async (filters) => {
    for (const plans of PLANS) {
      await runner.query(`SET plan_cache_mode = ${plans}`);
      const read = new ReadRows(runner);
      const wanted = { ...NO_OPERATION_FILTERS, ...filters };
      const found = await new OperationsRepository(read.database).list(tenant, wanted, PAGE);
      expect(found).toHaveLength(filters.terms!.includes('never') ? 0 : 21);
      expect(read.count).toBeLessThan(MOST_ROWS_OF_OPERATIONS);
    }
  });

  it.each([20, 200])('reads of a frequent reference a page of %d, not all there is', async (limit) => {
    for (const plans of PLANS) {
      await runner.query(`SET plan_cache_mode = ${plans}`);
      const read = new ReadRows(runner);
      const filters = { ...NO_EVENT_FILTERS, references: ['SHARED'] };
      expect(await eventsOf(read).list(tenant, filters, { ...PAGE, limit })).toHaveLength(limit + 1);
      // And one row of each partition, to begin with.
      expect(read.count).toBeLessThan(limit + 2 + 2 * MONTHS);
    }
  });

  const idsOf = async (table: 'events' | 'operations', condition: string): Promise<string[]> => {
    const order = table === 'events' ? 'id' : 'created_at';
    const rows: { id: string }[] = await runner.query(
      `SELECT id FROM signalpost.${table} WHERE account_id = $1 AND mode = '${MODE}' AND ${condition} ORDER BY ${order} DESC`,
      [accountId],
    );
    return rows.map(({ id }) => id);
  };

  /** All pages of a list, down and up again: from `oldest` on, or from the last one found. */
  async function everyPage(
    list: (page: {
      limit: number;
      after: string | null;
      before: string | null;
    }) => Promise<readonly { readonly id: string }[]>,
    oldest: string | null = null,
  ): Promise<{ down: string[]; up: string[] }> {
    const limit = 90;
    const [down, up]: [string[], string[]] = [[], []];
    for (const ids of [down, up]) {
      for (let hasMore = true, place: string | null = null; hasMore;) {
        const page =
          ids === down ? { after: place, before: null } : { after: null, before: place ?? oldest ?? down.at(-1)! };
        const rows = await list({ limit, ...page });
        hasMore = rows.length > limit;
        ids.push(...rows.slice(0, limit).map(({ id }) => id));
        place = ids.at(-1)!;
      }
    }
    return { down, up: (oldest === null ? [down.at(-1)!, ...up] : up).reverse() };
  }

  it.each([
    [{ terms: ['zuleika'] }, `search LIKE '% zuleika%'`],
    [{ terms: ['zul', 'inv'], types: ['payment.failed'] }, `search LIKE '% zuleika%' AND type = 'payment.failed'`],
    [{ terms: ['zuleika'], references: ['SHARED'] }, `search LIKE '% zuleika%' AND reference = 'SHARED'`],
  ])('finds every event by %j once, in order, down and up', async (filters, condition) => {
    const ids = await idsOf('events', condition);
    const repository = new EventsQueryRepository(database, new Clock());
    const { down, up } = await everyPage((page) => repository.list(tenant, { ...NO_EVENT_FILTERS, ...filters }, page));
    expect(ids.length).toBeGreaterThan(100);
    expect(down).toEqual(ids);
    expect(up).toEqual(ids);
  });

  it.each([
    ['harbour', { types: ['payment.failed'] }, `search LIKE '% harbour%' AND type = 'payment.failed'`],
    ['harbour', { terms: ['harbour', 'never'] }, `search LIKE '% harbour%' AND search LIKE '% never%'`],
    // Has too many hits in a month, too.
    ['anchor', { terms: ['anchor', 'never'] }, `search LIKE '% anchor%' AND search LIKE '% never%'`],
  ])(
    'finds every event by %s, of too many hits to judge at once, beside %j, in order, down and up',
    async (word, filters, condition) => {
      const repository = new EventsQueryRepository(database, new Clock());
      const wanted = { ...NO_EVENT_FILTERS, terms: [word], ...filters };
      const oldest = (await idsOf('events', 'true')).at(-1)!;
      const { down, up } = await everyPage((page) => repository.list(tenant, wanted, page), oldest);
      const ids = await idsOf('events', condition);
      expect((await idsOf('events', `search LIKE '% ${word}%'`)).length).toBeGreaterThan(MANY_HITS.mostHits);
      expect(ids.length).toBeGreaterThan(100);
      expect(down).toEqual(ids);
      expect(up).toEqual(ids);
    },
  );

  it.each([
    [{ terms: ['zuleika'] }, `search LIKE '% zuleika%'`],
    [{ terms: ['zul', 'inv'], statuses: ['failed'] }, `search LIKE '% zuleika%' AND status = 'failed'`],
  ])('finds every operation by %j once, in order, down and up', async (filters, condition) => {
    const ids = await idsOf('operations', condition);
    const repository = new OperationsRepository(database);
    const { down, up } = await everyPage((page) =>
      repository.list(tenant, { ...NO_OPERATION_FILTERS, ...filters }, page),
    );
    expect(ids.length).toBeGreaterThan(100);
    expect(down).toEqual(ids);
    expect(up).toEqual(ids);
  });
});
