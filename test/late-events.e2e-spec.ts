import fc from 'fast-check';
import type { QueryRunner } from 'typeorm';
import { Clock } from '../src/common/clock.js';
import { decodeId, encodeId, newUuid } from '../src/common/ids.js';
import { monthPartition } from '../src/database/partitions.js';
import { PartitionsRepository } from '../src/database/partitions.repository.js';
import type { EventFilters } from '../src/events/event-filters.js';
import { EventsQueryRepository } from '../src/events/events-query.repository.js';
import { ReadRows } from './support/read-rows.js';
import { type MadeAccount, Service } from './support/service.js';

interface MadeEvent {
  readonly uuid: string;
  readonly id: string;
  readonly occurredMs: number;
}

const MINUTE_MS = 60_000;
const DAY_MS = 1_440 * MINUTE_MS;
const DAYS = 390;
const nowMs = Date.now();
const daysAgoMs = (days: number): number => Math.round(nowMs - days * DAY_MS);
const iso = (timeMs: number): string => new Date(timeMs).toISOString();

/** So that a condition on time leaves most of a step out, and walks take several. */
const EVENTS = 4_000;
const CLASSES_BEGIN_MS = Array.from({ length: 19 }, (_, doubled) => 10 * MINUTE_MS * 2 ** doubled);
/** On time, a day late like a batch, or late by anything, also by the very lateness at which a class begins. */
const LATENESS_MS = fc.oneof(
  { weight: 3, arbitrary: fc.integer({ min: -10 * MINUTE_MS, max: 10 * MINUTE_MS }) },
  { weight: 3, arbitrary: fc.integer({ min: DAY_MS, max: DAY_MS + 60 * MINUTE_MS }) },
  { weight: 3, arbitrary: fc.double({ min: 0, max: 1, noNaN: true }).map(upToTenYears) },
  {
    weight: 1,
    arbitrary: fc
      .tuple(fc.constantFrom(...CLASSES_BEGIN_MS), fc.integer({ min: -1, max: 1 }))
      .map(([latenessMs, offMs]) => latenessMs + offMs),
  },
);

/** Ten minutes for 0, ten years for 1, by their logarithms. */
function upToTenYears(part: number): number {
  return Math.round(10 * MINUTE_MS * 525_600 ** part);
}

const PLANS = ['force_custom_plan', 'force_generic_plan'];
/** Newest first, and oldest first. */
const PLACES = [{}, { before: newUuid(0) }];
/**
 * What happened about the time asked for, of each lateness, and what is found, each twice: where a step ends, and the
 * page.
 */
const MOST_ROWS = 300;
/** A look into each month for each class of lateness, twice; fewer than there are events. */
const MOST_PAGES = 1_000;
const LATE_IN_A_HUNDRED_DAYS = 4_000;
const NO_FILTERS: EventFilters = {
  ...{ types: [], nouns: [], operationIds: [], operationKinds: [], operationStatuses: [], references: [] },
  ...{ externalIds: [], terms: [], occurredAfter: null, occurredBefore: null, deliveryStatuses: [] },
  ...{ from: newUuid(0), until: null },
};

describe('events that came late', () => {
  let service: Service;
  let account: MadeAccount;
  let runner: QueryRunner;

  beforeAll(async () => {
    service = await Service.start();
    runner = service.dataSource.createQueryRunner();
    const partitions = service.app.get(PartitionsRepository, { strict: false });
    const now = new Date(nowMs);
    for (let back = 2; back <= DAYS / 30 + 1; back++) {
      await partitions.create(monthPartition('events', now.getUTCFullYear(), now.getUTCMonth() - back));
    }
  });
  beforeEach(async () => {
    account = await service.makeAccount();
  });
  afterAll(async () => {
    await runner.query('RESET ALL');
    await runner.release();
    await service.stop();
  });

  /** Writes events as they would have been accepted; newest first. */
  async function insert(made: readonly (readonly [acceptedMs: number, latenessMs: number])[]): Promise<MadeEvent[]> {
    const events = made.map(([acceptedMs, latenessMs], n): MadeEvent => {
      const uuid = newUuid(acceptedMs, n % 4_096);
      return { uuid, id: encodeId('evt', uuid), occurredMs: acceptedMs - latenessMs };
    });
    await runner.query(
      `INSERT INTO signalpost.events (account_id, mode, id, sequence, type, source, occurred_at, body)
       SELECT $1, 'test', id, n, 'payment.failed', 'platform', to_timestamp(ms / 1000.0), json_build_object('id', text_id)::text
       FROM unnest($2::uuid[], $3::bigint[], $4::text[]) WITH ORDINALITY AS made (id, ms, text_id, n)`,
      [
        decodeId('acct', account.id),
        events.map(({ uuid }) => uuid),
        events.map(({ occurredMs }) => occurredMs),
        events.map(({ id }) => id),
      ],
    );
    return events.sort((a, b) => (a.uuid < b.uuid ? 1 : -1));
  }

  function list(read: ReadRows, filters: Partial<EventFilters>, place: object): Promise<readonly unknown[]> {
    const repository = new EventsQueryRepository(read.database, new Clock());
    const tenant = { accountId: decodeId('acct', account.id), mode: 'test' } as const;
    const page = { limit: 20, after: null, before: null, ...place };
    return repository.list(tenant, { ...NO_FILTERS, ...filters }, page);
  }

  // The first, for no table has been written to: none has statistics.
  it.each(PLANS)('are looked up by how late they are in tables that were never analysed: %s', async (plan) => {
    await runner.query(`SET plan_cache_mode = ${plan}`);
    for (const place of PLACES) {
      for (const occurredAfter of [null, iso(daysAgoMs(200))]) {
        const read = new ReadRows(runner);
        await list(read, { occurredAfter, occurredBefore: iso(daysAgoMs(150)) }, place);
        expect([...read.indexConditions].join('\n')).toContain('lateness_class');
        expect([...read.filters].join('\n')).not.toContain('lateness_class');
      }
    }
  });

  it('are in every page of an interval of when they happened that holds them, from either side', async () => {
    const lateness = fc.sample(LATENESS_MS, { numRuns: EVENTS, seed: 1 });
    // Every third one within the same two hours, so that what is on time and what is late lie side by side.
    const acceptedMs = (n: number): number =>
      n % 3 === 0
        ? daysAgoMs(100) + Math.round((n / EVENTS) * 120 * MINUTE_MS)
        : daysAgoMs(DAYS - 1) + Math.round((n / EVENTS) * (DAYS - 2) * DAY_MS);
    const events = await insert(lateness.map((latenessMs, n) => [acceptedMs(n), latenessMs]));
    const near = fc
      .tuple(fc.constantFrom(...events), fc.constantFrom(-1, 0, 1, 10 * MINUTE_MS))
      .map(([{ occurredMs }, offMs]) => occurredMs + offMs);
    const time = fc.option(fc.oneof(near, fc.integer({ min: daysAgoMs(DAYS * 11), max: nowMs }), near), { freq: 4 });
    const question = fc.record({
      bounds: fc.tuple(time, time),
      cursor: fc.option(fc.constantFrom(...events)),
      isUpward: fc.boolean(),
      limit: fc.integer({ min: 1, max: 100 }),
    });
    await fc.assert(
      fc.asyncProperty(question, async ({ bounds, cursor, isUpward, limit }) => {
        const [afterMs, beforeMs] = bounds.includes(null) ? bounds : bounds.toSorted((a, b) => a! - b!);
        const passing = events.filter(
          ({ occurredMs, uuid }) =>
            (afterMs === null || occurredMs >= afterMs!) &&
            (beforeMs === null || occurredMs < beforeMs!) &&
            (cursor === null || (isUpward ? uuid > cursor.uuid : uuid < cursor.uuid)),
        );
        const wanted = isUpward && cursor !== null ? passing.slice(-limit) : passing.slice(0, limit);
        const { body } = await service
          .call('get', '/v1/events', {
            key: account.test.secretKey,
            query: {
              limit,
              ...(afterMs !== null && { occurred_after: iso(afterMs!) }),
              ...(beforeMs !== null && { occurred_before: iso(beforeMs!) }),
              ...(cursor !== null && { [isUpward ? 'ending_before' : 'starting_after']: cursor.id }),
            },
          })
          .expect(200);
        expect((body.data as { id: string }[]).map(({ id }) => id)).toEqual(wanted.map(({ id }) => id));
        expect(body.has_more).toBe(passing.length > limit);
      }),
      { numRuns: 100 },
    );
  });

  it.each(PLANS)('cost nothing where they happened after the interval, however many they are: %s', async (plan) => {
    const early = daysAgoMs(300);
    const latenesses = [15 * MINUTE_MS, 60 * MINUTE_MS, DAY_MS, 10 * DAY_MS];
    /** Events of a hundred days, all of them late. */
    const insertMany = (fromDays: number): Promise<unknown> =>
      insert(
        Array.from({ length: LATE_IN_A_HUNDRED_DAYS }, (_, n) => {
          const occurredMs = daysAgoMs(fromDays) + Math.round((n * 100 * DAY_MS) / LATE_IN_A_HUNDRED_DAYS);
          const latenessMs = latenesses[n % latenesses.length]!;
          return [occurredMs + latenessMs, latenessMs] as const;
        }),
      );
    const few = [0, 5, ...latenesses, 30 * DAY_MS, 200 * DAY_MS].map(
      (latenessMs, n) => [early - n + latenessMs - 1, latenessMs] as const,
    );
    const intervals = [
      [{ occurredBefore: iso(early) }, few.length],
      [{ occurredAfter: iso(early - DAY_MS), occurredBefore: iso(early) }, few.length],
      [{ occurredBefore: iso(early - DAY_MS) }, 0],
    ] as const;
    const expectCheap = async (): Promise<void> => {
      for (const [interval, found] of intervals) {
        for (const place of PLACES) {
          const read = new ReadRows(runner);
          expect(await list(read, interval, place)).toHaveLength(found);
          expect(read.count).toBeLessThan(MOST_ROWS);
          expect(read.pages).toBeLessThan(MOST_PAGES);
        }
      }
    };
    await runner.query('SET enable_seqscan = off');
    await runner.query(`SET plan_cache_mode = ${plan}`);
    await insert(few);
    await insertMany(300);
    await expectCheap();
    await insertMany(200);
    await expectCheap();
    await runner.query('ANALYZE signalpost.events');
    await expectCheap();
  });
});
