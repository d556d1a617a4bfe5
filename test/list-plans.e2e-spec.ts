import { firstUuidAt, newUuid } from '../src/common/ids.js';
import { Clock } from '../src/common/clock.js';
import type { Database, Statement } from '../src/database/database.js';
import { monthPartition } from '../src/database/partitions.js';
import type { EventFilters } from '../src/events/event-filters.js';
import { EventsQueryRepository } from '../src/events/events-query.repository.js';
import { ReadingApp } from './support/reading-app.js';

const EVENTS_A_MONTH = 700;
const NO_FILTERS: EventFilters = {
  from: firstUuidAt(0),
  until: null,
  ...{ types: [], nouns: [], operationIds: [], operationKinds: [], operationStatuses: [], references: [] },
  ...{ externalIds: [], terms: [], occurredAfter: null, occurredBefore: null, deliveryStatuses: [] },
};

/** The filter, and the column that the condition of an index scan must name. */
const FILTERS: readonly [Partial<EventFilters>, RegExp][] = [
  [{ types: ['payment.failed'] }, /Index Cond: .*type = wanted\.type|Index Cond: .*type = traits/],
  [{ nouns: ['payment'] }, /Index Cond: .*type = wanted\.type/],
  [{ operationKinds: ['payment'] }, /Index Cond: .*COALESCE\(operation_kind/i],
  [{ operationStatuses: ['failed'] }, /Index Cond: .*COALESCE\(operation_status/i],
  [{ operationIds: ['op-1'] }, /Index Cond: .*operation_id =/],
  [{ references: ['INV-1'] }, /Index Cond: .*reference =/],
  [{ externalIds: ['led-1'] }, /Index Cond: .*external_id =/],
  [{ terms: ['adjoua'] }, /Index Cond: .*search_words|Bitmap Index Scan on events_\d+_\d+_.*/],
  [{ deliveryStatuses: ['failed'] }, /Index Cond: .*status = /],
  [{ occurredBefore: new Date(0).toISOString() }, /Index Cond: .*lateness_class/],
];

describe('the plans of lists over several months', () => {
  let service: ReadingApp;
  let accountId: string;
  beforeAll(async () => {
    service = await ReadingApp.start();
    accountId = newUuid(Date.now());
    const now = new Date();
    for (let back = 2; back <= 5; back++) {
      const { name, fromUuid, toUuid } = monthPartition('events', now.getUTCFullYear(), now.getUTCMonth() - back);
      await service.dataSource.query(
        `CREATE TABLE IF NOT EXISTS signalpost.${name} PARTITION OF signalpost.events FOR VALUES FROM ('${fromUuid}') TO ('${toUuid}')`,
      );
      const startMs = Date.UTC(now.getUTCFullYear(), now.getUTCMonth() - back, 2);
      await service.dataSource.query(
        `INSERT INTO signalpost.events (account_id, mode, id, sequence, type, source, external_id, operation_id,
           operation_kind, operation_status, reference, search, occurred_at, body)
         SELECT $1, 'test', (lpad(to_hex($2::bigint + n), 12, '0') || '70018' || lpad(to_hex(n), 15, '0'))::uuid, n, 'payment.failed',
           'platform', 'led-' || n, 'op-' || n, 'payment', 'failed', 'INV-' || n, ' inv ' || n, to_timestamp(($2::bigint + n) / 1000.0), '{}'
         FROM generate_series(1, $3::integer) AS n`,
        [accountId, startMs, EVENTS_A_MONTH],
      );
    }
    await service.dataSource.query('ANALYZE signalpost.events');
  });
  afterAll(() => service.stop());

  /** The plans of the statements that a list runs, with sequential scans only where there is nothing else. */
  async function plansOf(filters: Partial<EventFilters>): Promise<string[]> {
    const runner = service.dataSource.createQueryRunner();
    const plans: string[] = [];
    const rows = async ({ text }: Statement, values: unknown[]): Promise<unknown[]> => {
      const plan = (await runner.query(`EXPLAIN ${text}`, values)) as { 'QUERY PLAN': string }[];
      plans.push(plan.map((line) => line['QUERY PLAN']).join('\n'));
      return (await runner.query(text, values)) as unknown[];
    };
    try {
      await runner.query('SET enable_seqscan = off');
      const repository = new EventsQueryRepository({ rows } as unknown as Database, new Clock());
      const page = { limit: 20, after: null, before: null };
      await repository.list({ accountId, mode: 'test' }, { ...NO_FILTERS, ...filters }, page);
    } finally {
      await runner.query('RESET enable_seqscan');
      await runner.release();
    }
    return plans;
  }

  it.each(FILTERS)(
    '%j is the condition of an index, and no list sorts or filters its way through',
    async (filters, condition) => {
      const plans = await plansOf(filters);
      expect(plans.length).toBeGreaterThan(0);
      expect(plans.join('\n')).toMatch(condition);
      expect(plans.join('\n')).not.toMatch(/Seq Scan on events_/);
    },
  );
});
