import { decodeId } from '../src/common/ids.js';
import { operationEvent, publishBatch, publishNew } from './support/publishing.js';
import { type MadeAccount, Service } from './support/service.js';

const HOUR_MS = 3_600_000;
const PUBLISHERS = 20;
const BATCHES_EACH = 6;
const STATUSES = ['pending', 'succeeded', 'failed', 'refunded', 'cancelled'];

interface Entry {
  readonly start: string;
  readonly kind: string;
  readonly status: string;
  readonly currency: string | null;
  readonly count: number;
  readonly amount: string;
}

const RECOUNT = `
  SELECT date_trunc($3, created_at, 'UTC') AS start, kind, status, currency, count(*)::integer AS count,
         coalesce(sum(amount), 0)::text AS amount
  FROM signalpost.operations
  WHERE account_id = $1 AND mode = $2 AND created_at >= $4 AND created_at < $5
  GROUP BY 1, 2, 3, 4 ORDER BY 1, 2, 3, 4 NULLS FIRST`;
const SUMS = `
  SELECT starts_at AS start, kind, status, nullif(currency, '') AS currency, count::integer, amount::text
  FROM signalpost.operation_stats
  WHERE account_id = $1 AND mode = $2 AND period = $3 AND count <> 0 AND starts_at >= $4 AND starts_at < $5
  ORDER BY 1, 2, 3, 4 NULLS FIRST`;

describe('statistics of operations', () => {
  let services: readonly [Service, Service];
  let account: MadeAccount;
  let key: string;
  beforeAll(async () => {
    const service = await Service.start();
    services = [service, await Service.start({ config: service.config })];
  });
  beforeEach(async () => {
    account = await services[0].makeAccount();
    key = account.test.secretKey;
  });
  afterAll(async () => {
    for (const service of services) await service.stop();
  });

  const stats = async (query: object): Promise<Entry[]> => {
    const { body } = await services[0].call('get', '/v1/stats/operations', { key, query }).expect(200);
    return (body as { data: Entry[] }).data;
  };
  const values = (interval: string, after = new Date(0), before = new Date('9999-01-01')) => {
    return [decodeId('acct', account.id), 'test', interval, after, before];
  };
  const recount = async (interval: string, after?: Date, before?: Date): Promise<Entry[]> => {
    const rows: (Omit<Entry, 'start'> & { start: Date })[] = await services[0].dataSource.query(
      RECOUNT,
      values(interval, after, before),
    );
    return rows.map((row) => ({ ...row, start: row.start.toISOString() }));
  };

  it('equal a recount at every moment under many publishers, with late, refunded, changed and cleared events', async () => {
    const startMs = Date.now();
    let seed = 7;
    const random = (below: number): number => (seed = (seed * 48_271) % 2_147_483_647) % below;
    const randomEvent = (n: number): object => {
      const kind = random(2) === 0 ? 'payment' : 'collect';
      const id = `${kind}_${random(40)}`;
      const status = STATUSES[random(kind === 'payment' ? 5 : 3)]!;
      const amounts = [{ amount: 1_000 }, { amount: null }, {}, { amount: Number.MAX_SAFE_INTEGER }, { amount: n }];
      const currency = random(3) === 0 ? {} : { currency: id.length % 2 ? 'XOF' : 'EUR' };
      return {
        type: `${kind}.${status}`,
        operation: { id, ...amounts[random(5)], ...currency, customer: null },
        occurred_at: new Date(startMs - random(50 * HOUR_MS)).toISOString(),
        ...(random(4) === 0 && { external_id: `x_${random(60)}` }),
      };
    };
    let running = true;
    let checks = 0;
    const watching = (async () => {
      const runner = services[1].dataSource.createQueryRunner();
      for (; running || checks < 2; checks++) {
        await runner.startTransaction('REPEATABLE READ');
        for (const interval of ['hour', 'day']) {
          expect(await runner.query(SUMS, values(interval))).toEqual(await runner.query(RECOUNT, values(interval)));
        }
        await runner.commitTransaction();
      }
      await runner.release();
    })();
    await Promise.all(
      Array.from({ length: PUBLISHERS }, async (_, publisher) => {
        for (let n = 0; n < BATCHES_EACH; n++) {
          const service = services[(publisher + n) % 2]!;
          await publishBatch(
            service,
            key,
            Array.from({ length: 1 + random(20) }, () => randomEvent(n)),
          );
        }
      }),
    );
    running = false;
    await watching;
    const told = await recount('hour');
    expect(told.length).toBeGreaterThan(50);
    expect(byKey(await stats({ interval: 'hour' }))).toEqual(byKey(told));
    expect(byKey(await stats({ interval: 'day' }))).toEqual(byKey(await recount('day')));

    // Bounds that are no full hours, and a single currency.
    for (const [after, before] of [
      [44.3, 3.9],
      [2.4, 2.3],
      [30, 6],
      [49.99, 0],
    ] as const) {
      const [from, until] = [new Date(startMs - after * HOUR_MS), new Date(startMs - before * HOUR_MS)];
      const query = { created_after: from.toISOString(), created_before: until.toISOString() };
      for (const interval of ['hour', 'day']) {
        const expected = await recount(interval, from, until);
        expect(byKey(await stats({ ...query, interval }))).toEqual(byKey(expected));
        const francs = expected.filter(({ currency }) => currency === 'XOF');
        expect(byKey(await stats({ ...query, interval, currency: 'XOF' }))).toEqual(byKey(francs));
      }
    }
  }, 120_000);

  it('tell an operation once, where it stands now, in the interval in which it began', async () => {
    const dayMs = Math.floor(Date.now() / (24 * HOUR_MS) - 10) * 24 * HOUR_MS;
    const [day, hour, began, later, nextDay] = [0, 23, 23.5, 24, 48].map((hours) =>
      new Date(dayMs + hours * HOUR_MS).toISOString(),
    );
    await publishNew(services[0], key, operationEvent('payment.pending', 'pay_1', { occurred_at: began }));
    const at = (status: string, amount: string, currency: string | null = 'XOF') => [
      { start: day, kind: 'payment', status, currency, count: 1, amount },
    ];
    expect(await stats({})).toEqual(at('pending', '1000'));
    await publishNew(services[0], key, operationEvent('payment.refunded', 'pay_1', { operation: { amount: 400 } }));
    expect(await stats({})).toEqual(at('refunded', '400'));
    const late = { occurred_at: later };
    await publishNew(services[0], key, operationEvent('payment.succeeded', 'pay_1', late));
    expect(await stats({ interval: 'day' })).toEqual(at('refunded', '400'));
    await publishNew(services[0], key, operationEvent('payment.refunded', 'pay_1', { operation: { amount: null } }));
    expect(await stats({ interval: 'day' })).toEqual(at('refunded', '0'));

    const none = { type: 'payment.pending', operation: { id: 'pay_2' }, occurred_at: began };
    await publishNew(services[0], key, none);
    const hours = await stats({ interval: 'hour', created_after: day, created_before: nextDay });
    expect(hours.map(({ start, status, currency }) => [start, status, currency])).toEqual([
      [hour, 'pending', null],
      [hour, 'refunded', 'XOF'],
    ]);
    expect(await stats({ currency: ['EUR', 'XAF'] })).toEqual([]);
  });

  it('belong to an account and a mode', async () => {
    await publishNew(services[0], key, operationEvent('payment.pending', 'pay_1'));
    const other = await services[0].makeAccount();
    for (const each of [other.test.secretKey, account.live.secretKey]) {
      const { body } = await services[0].call('get', '/v1/stats/operations', { key: each }).expect(200);
      expect(body).toEqual({ object: 'operation_stats', interval: 'day', data: [] });
    }
  });

  it('refuse an interval that is unknown, reversed or, by the hour, longer than 31 days', async () => {
    const outcome = async (query: object) => {
      const { status, body } = await services[0].call('get', '/v1/stats/operations', { key, query });
      return [status, ...((body.errors ?? []) as { field: string; code: string }[]).map((e) => `${e.field} ${e.code}`)];
    };
    const nowMs = Date.now(); // Once, or 31 days are a millisecond more.
    const days = (n: number) => new Date(nowMs - n * 24 * HOUR_MS).toISOString();
    expect(await outcome({ interval: 'week' })).toEqual([422, 'interval not_one_of']);
    expect(await outcome({ created_after: days(1), created_before: days(2) })).toEqual([
      422,
      'created_before reversed_interval',
    ]);
    expect(await outcome({ currency: 'xof' })).toEqual([422, 'currency[0] invalid_format']);
    expect(await outcome({ interval: 'hour', created_after: days(32) })).toEqual([422, 'created_after out_of_range']);
    expect(await outcome({ interval: 'hour', created_after: days(30.9) })).toEqual([200]);
    expect(await outcome({ interval: 'hour', created_after: days(90), created_before: days(59) })).toEqual([200]);
    expect(await outcome({ interval: 'day', created_after: '0001-01-01T00:00:00Z' })).toEqual([200]);
  });
});

/** Where several currencies of one group sort against null is nobody's concern. */
function byKey(entries: readonly Entry[]): string[] {
  return entries.map((entry) => JSON.stringify(Object.entries(entry).sort())).sort();
}
