import type { QueryRunner } from 'typeorm';
import { Clock } from '../src/common/clock.js';
import { firstUuidAt, newUuid } from '../src/common/ids.js';
import { monthPartition } from '../src/database/partitions.js';
import type { DeliveryFilters } from '../src/deliveries/delivery-list.js';
import { DeliveriesQueryRepository } from '../src/deliveries/deliveries-query.repository.js';
import type { EventFilters } from '../src/events/event-filters.js';
import { EventsQueryRepository } from '../src/events/events-query.repository.js';
import { type OperationFilters, OperationsRepository } from '../src/events/operations.repository.js';
import { TimelineRepository } from '../src/events/timeline.repository.js';
import { ReadingApp } from './support/reading-app.js';
import { ReadRows } from './support/read-rows.js';

const A_MONTH = 1_500;
const MONTHS = 4;
const LONG = 'op-long';
const FROM = firstUuidAt(0);
const PAGE = { limit: 20, after: null, before: null };
const ENDPOINT = newUuid(Date.now());
/** The whole history is some 6,000 events, as many deliveries and 3,000 operations. */
const MOST_ROWS = 3_000;

const NO_OPERATION_FILTERS = {
  ...{ kinds: [], statuses: [], references: [], terms: [], createdAfter: null, createdBefore: null },
  lastEventFrom: FROM,
};
const OPERATIONS: readonly Partial<OperationFilters>[] = [
  {},
  { kinds: ['collect'] },
  { statuses: ['refunded'] },
  { kinds: ['payment'], statuses: ['failed'] },
  { references: ['INV-77'] },
  { references: ['SHARED'] },
  { references: ['NONE'] },
  { terms: ['zuleika'] },
  { terms: ['nobody'] },
  { terms: ['adjoua', 'nobody'] },
  { statuses: ['refunded'], terms: ['adjoua'] },
  { statuses: ['succeeded'], terms: ['adjoua', 'zuleika'] },
];

const NO_EVENT_FILTERS = {
  ...{ types: [], nouns: [], operationIds: [], operationKinds: [], operationStatuses: [], references: [] },
  ...{ externalIds: [], terms: [], occurredAfter: null, occurredBefore: null, deliveryStatuses: [] },
  ...{ from: FROM, until: null },
};
const EVENTS: readonly Partial<EventFilters>[] = [
  {},
  { terms: ['zuleika'] },
  { terms: ['nobody'] },
  { types: ['payment.failed'], terms: ['nobody'] },
  { references: ['NONE'], terms: ['adjoua'] },
];

const DELIVERIES: readonly Partial<DeliveryFilters>[] = [
  {},
  { endpointIds: [ENDPOINT] },
  { endpointIds: [ENDPOINT], statuses: ['failed'] },
  ...(['failed', 'cancelled', 'skipped', 'succeeded', 'pending'] as const).map((status) => ({ statuses: [status] })),
  { operationIds: ['op-100'] },
  { operationIds: [LONG] },
  { operationIds: [LONG, 'op-100'], endpointIds: [ENDPOINT] },
  { operationIds: ['none'] },
];

/** Words of which no row has all, and how often a row has the rare one. */
const RARE_WORDS: readonly [terms: string[], hits: number][] = [
  [['adjoua', 'nobody'], 0],
  [['adjoua', 'zuleika'], 2 * MONTHS],
];

/** Words that many rows have, but too few of the nearest ones to fill the page. */
const FREQUENT_WORDS = [{ terms: ['adjoua'] }, { terms: ['adjoua', 'inv'] }];
const LARGE_PAGE = { ...PAGE, limit: 200 };

describe('a page of a long history costs a page', () => {
  let service: ReadingApp;
  let runner: QueryRunner;
  const tenant = { accountId: newUuid(Date.now()), mode: 'test' } as const;
  /** In the middle of the long operation. */
  let middle: string;

  beforeAll(async () => {
    service = await ReadingApp.start();
    runner = service.dataSource.createQueryRunner();
    await runner.query('SET enable_seqscan = off');
    await runner.query('SET plan_cache_mode = force_generic_plan');
    const now = new Date();
    for (let back = MONTHS + 1; back > 1; back--) await writeMonth(now, back);
    middle = firstUuidAt(Date.UTC(now.getUTCFullYear(), now.getUTCMonth() - 3, 2));
    for (const table of ['events', 'operations', 'deliveries', 'logs'])
      await runner.query(`ANALYZE signalpost.${table}`);
  });
  afterAll(async () => {
    await runner.query('RESET ALL');
    await runner.release();
    await service.stop();
  });

  /** Every second event is of the long operation; each of the others is the only one of its operation. */
  async function writeMonth(now: Date, back: number): Promise<void> {
    const startMs = Date.UTC(now.getUTCFullYear(), now.getUTCMonth() - back, 2);
    for (const table of ['events', 'deliveries', 'logs'] as const) {
      const { name, fromUuid, toUuid } = monthPartition(table, now.getUTCFullYear(), now.getUTCMonth() - back);
      await runner.query(
        `CREATE TABLE IF NOT EXISTS signalpost.${name} PARTITION OF signalpost.${table} FOR VALUES FROM ('${fromUuid}') TO ('${toUuid}')`,
      );
    }
    const made = `SELECT n, $2::bigint + n AS ms, n % 2 = 0 AS is_long,
        (lpad(to_hex($2::bigint + n), 12, '0') || '70018' || lpad(to_hex(n), 15, '0'))::uuid AS id,
        CASE WHEN n % 2 = 0 THEN '${LONG}' ELSE 'op-' || n + ${A_MONTH} * $3::integer END AS operation_id,
        CASE WHEN n % 3 = 0 THEN 'collect' ELSE 'payment' END AS kind,
        CASE WHEN n % 300 = 7 THEN 'refunded' WHEN n % 10 = 1 THEN 'failed' ELSE 'succeeded' END AS status,
        CASE WHEN n % 5 = 0 THEN 'SHARED' ELSE 'INV-' || n END AS reference,
        ' inv ' || n || CASE WHEN n % 4 = 1 THEN ' adjoua' WHEN n % 900 = 3 THEN ' zuleika' ELSE ' first' END AS search
      FROM generate_series(1, $4::integer) AS n WHERE $1::uuid IS NOT NULL`;
    const given = [tenant.accountId, startMs, back, A_MONTH];
    await runner.query(
      `INSERT INTO signalpost.events (account_id, mode, id, sequence, type, source, operation_id, operation_kind,
         operation_status, reference, search, occurred_at, body)
       SELECT $1, 'test', id, n, kind || '.' || status, 'platform', operation_id, kind, status, reference, search,
         to_timestamp(ms / 1000.0), '{}' FROM (${made}) AS made`,
      given,
    );
    await runner.query(
      `INSERT INTO signalpost.logs (account_id, mode, id, category, action, status, description, operation_id, event_id,
         actor_type, occurred_at)
       SELECT $1, 'test', id, 'operation', kind, 'info', 'Made', operation_id, id, 'system', to_timestamp(ms / 1000.0)
       FROM (${made}) AS made`,
      given,
    );
    await runner.query(
      `INSERT INTO signalpost.operations (account_id, mode, id, kind, status, version, reference, search, last_event_id,
         created_at, updated_at)
       SELECT $1, 'test', operation_id, kind, status, 1, reference, search, id, to_timestamp(ms / 1000.0), now()
       FROM (${made}) AS made WHERE NOT is_long`,
      given,
    );
    await runner.query(
      `INSERT INTO signalpost.deliveries (account_id, mode, id, endpoint_id, event_id, event_type, operation_id, trigger,
         status, status_reason, ended_at)
       SELECT $1, 'test', id, '${ENDPOINT}', id, kind, operation_id, CASE WHEN n % 50 = 0 THEN 'retry' ELSE 'event' END,
         CASE WHEN n % 300 = 7 THEN 'skipped' ELSE 'succeeded' END,
         CASE WHEN n % 300 = 7 THEN 'endpoint_disabled' END, to_timestamp(ms / 1000.0)
       FROM (${made}) AS made`,
      given,
    );
  }

  function expectPage(read: ReadRows): void {
    expect(read.count).toBeLessThan(MOST_ROWS);
    expect([...read.nodeTypes].filter((type) => type === 'Seq Scan')).toEqual([]);
  }

  it.each(OPERATIONS)('of operations by %j', async (filters) => {
    const read = new ReadRows(runner);
    const repository = new OperationsRepository(read.database);
    await repository.list(tenant, { ...NO_OPERATION_FILTERS, ...filters }, PAGE);
    expectPage(read);
  });

  it.each(RARE_WORDS)('of operations by words %j: the index is asked for the rare one alone', async (terms, hits) => {
    const read = new ReadRows(runner);
    const repository = new OperationsRepository(read.database);
    expect(await repository.list(tenant, { ...NO_OPERATION_FILTERS, terms }, PAGE)).toEqual([]);
    expect(read.gathered).toBe(hits);
  });

  it.each(FREQUENT_WORDS)('of operations by the frequent words of %j: no index is asked', async ({ terms }) => {
    const read = new ReadRows(runner);
    const repository = new OperationsRepository(read.database);
    expect(await repository.list(tenant, { ...NO_OPERATION_FILTERS, terms }, LARGE_PAGE)).toHaveLength(201);
    expect(read.gathered).toBe(0);
  });

  it.each(EVENTS)('of events by %j', async (filters) => {
    const read = new ReadRows(runner);
    const repository = new EventsQueryRepository(read.database, new Clock());
    await repository.list(tenant, { ...NO_EVENT_FILTERS, ...filters }, PAGE);
    expectPage(read);
  });

  it.each(RARE_WORDS)('of events by words %j: the index is asked for the rare one alone', async (terms, hits) => {
    const read = new ReadRows(runner);
    const repository = new EventsQueryRepository(read.database, new Clock());
    expect(await repository.list(tenant, { ...NO_EVENT_FILTERS, terms }, PAGE)).toEqual([]);
    expect(read.gathered).toBe(hits);
  });

  it.each(FREQUENT_WORDS)('of events by the frequent words of %j: no index is asked', async ({ terms }) => {
    const read = new ReadRows(runner);
    const repository = new EventsQueryRepository(read.database, new Clock());
    expect(await repository.list(tenant, { ...NO_EVENT_FILTERS, terms }, LARGE_PAGE)).toHaveLength(201);
    expect(read.gathered).toBe(0);
  });

  it.each(DELIVERIES)('of deliveries by %j', async (filters) => {
    const read = new ReadRows(runner);
    const none = { endpointIds: [], eventIds: [], operationIds: [], statuses: [], from: FROM, until: null };
    const repository = new DeliveriesQueryRepository(read.database);
    for (const page of [PAGE, { ...PAGE, after: middle }, { ...PAGE, before: middle }])
      await repository.list(tenant, { ...none, ...filters }, page);
    expectPage(read);
  });

  it.each([['oldest first'], ['after'], ['before']])('of a long timeline, %s', async (place) => {
    const read = new ReadRows(runner);
    const position = { rank: 1, id: middle };
    const page = {
      limit: 20,
      after: place === 'after' ? position : null,
      before: place === 'before' ? position : null,
    };
    const rows = await new TimelineRepository(read.database).list(tenant, LONG, FROM, new Date(0), page);
    expect(rows).toHaveLength(21);
    expectPage(read);
  });
});
