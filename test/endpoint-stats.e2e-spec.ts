import { decodeId } from '../src/common/ids.js';
import { AttemptCountsUpkeep } from '../src/webhooks/stats/attempt-counts-upkeep.js';
import { deliveryWhen, isEnded, isWaitingAfter, makeDue, makeEndpoint, startSending } from './support/deliveries.js';
import { expectProblem } from './support/problems.js';
import { operationEvent, publishNew } from './support/publishing.js';
import { Receiver } from './support/receiver.js';
import { type MadeAccount, type Service, until } from './support/service.js';

interface Stats {
  backlog: number;
  oldest_due_at: string | null;
  data: {
    start: string;
    attempts: number;
    successes: number;
    failures: number;
    failure_reasons: Record<string, number>;
    latency_p50: number | null;
    latency_p95: number | null;
    latency_p99: number | null;
  }[];
}

describe('GET /v1/webhook-endpoints/:id/stats', () => {
  let service: Service;
  let receiver: Receiver;
  let merchant: MadeAccount;
  let operations = 0;

  beforeAll(async () => {
    receiver = await Receiver.start();
    service = await startSending();
    merchant = await service.makeAccount();
  });
  afterAll(async () => {
    await service.stop();
    await receiver.stop();
  });

  const key = () => merchant.test.secretKey;
  const publish = () => publishNew(service, key(), operationEvent('collect.pending', `col_${(operations += 1)}`));
  const statsPath = (id: string) => `/v1/webhook-endpoints/${id}/stats`;
  const read = async (id: string, query: object = {}): Promise<Stats> =>
    (await service.call('get', statsPath(id), { key: key(), query }).expect(200)).body as Stats;
  /** What the attempts themselves say, however they began. */
  const recount = async (id: string) => {
    const rows: { reason: string; count: number }[] = await service.dataSource.query(
      `SELECT CASE WHEN outcome = 'succeeded' THEN '' ELSE coalesce(error_code, 'status_' || left(status_code::text, 1) || 'xx')
         END AS reason, count(*)::integer AS count
       FROM signalpost.attempts WHERE endpoint_id = $1 GROUP BY 1 ORDER BY 1`,
      [decodeId('we', id)],
    );
    return Object.fromEntries(rows.map(({ reason, count }) => [reason, count]));
  };
  const total = (stats: Stats) => {
    const sums: Record<string, number> = {};
    for (const { successes, failure_reasons } of stats.data) {
      for (const [reason, count] of Object.entries({ '': successes, ...failure_reasons })) {
        sums[reason] = (sums[reason] ?? 0) + count;
      }
    }
    return sums;
  };
  /** Counts as if they were made earlier; a test cannot wait for hours. */
  const count = (id: string, rows: readonly (readonly [hour: string, reason: string, ms: number, count: number])[]) =>
    service.dataSource.query(
      `INSERT INTO signalpost.attempt_counts (account_id, mode, endpoint_id, hour, reason, bucket, count)
       SELECT $1, 'test', $2, g.hour, g.reason, ceil(ln(greatest(g.ms, 1)) / ln(1.1)), g.count
       FROM unnest($3::timestamptz[], $4::text[], $5::integer[], $6::integer[]) AS g (hour, reason, ms, count)`,
      [
        decodeId('acct', merchant.id),
        decodeId('we', id),
        ...[0, 1, 2, 3].map((column) => rows.map((row) => row[column])),
      ],
    );

  it('counts exactly the attempts that were made, by why they failed, and what waits', async () => {
    const answers = [200, 500, 404, 302, 200, 200];
    receiver.answer = () => ({ status: answers.shift() ?? 200, headers: { location: '/' } });
    const { id } = await makeEndpoint(service, key(), { url: receiver.url('/counted'), retry_schedule: [3600, 3600] });
    const dead = await makeEndpoint(service, key(), { url: 'http://127.0.0.1:1/', retry_schedule: [3600] });
    for (let n = 0; n < 6; n += 1) {
      const { id: eventId } = await publish();
      await receiver.arrived(n + 1, '/counted');
      await settledAt(eventId);
    }
    const stats = await read(id);
    expect(await recount(id)).toEqual({ '': 3, status_3xx: 1, status_4xx: 1, status_5xx: 1 });
    expect(total(stats)).toEqual(await recount(id));
    expect(stats.data.map(({ attempts, successes, failures }) => [attempts, successes, failures])).toEqual([[6, 3, 3]]);
    expect(stats).toMatchObject({ object: 'endpoint_stats', endpoint_id: id, interval: 'day', backlog: 3 });
    expect(Date.parse(stats.oldest_due_at!)).toBeGreaterThan(Date.now() + 2_000_000);
    for (const { latency_p50: p50, latency_p95: p95, latency_p99: p99 } of stats.data) {
      expect(p50).toBeGreaterThanOrEqual(1);
      expect(p95).toBeGreaterThanOrEqual(p50!);
      expect(p99).toBeGreaterThanOrEqual(p95!);
    }
    expect(await recount(dead.id)).toEqual({ connect: 6 });
    expect(total(await read(dead.id))).toEqual({ '': 0, connect: 6 });
    // Disabling ends what waits.
    await service
      .call('patch', `/v1/webhook-endpoints/${id}`, { key: key(), body: { status: 'disabled' } })
      .expect(200);
    expect(await read(id)).toMatchObject({ backlog: 0, oldest_due_at: null });
  });

  /** Until no delivery of the event is in the air. */
  const settledAt = (eventId: string): Promise<void> =>
    until(async () => {
      const query = { event_id: eventId };
      const { body } = await service.call('get', '/v1/deliveries', { key: key(), query }).expect(200);
      const { data } = body as { data: { attempt_count: number; in_flight: boolean }[] };
      return data.length > 0 && data.every(({ attempt_count, in_flight }) => attempt_count > 0 && !in_flight);
    });

  it('counts each try of a delivery, once', async () => {
    const answers = [503, 200];
    receiver.answer = ({ path }) => (path === '/again' ? { status: answers.shift() } : {});
    const { id } = await makeEndpoint(service, key(), {
      url: receiver.url('/again'),
      retry_schedule: [3600],
      event_types: ['payment.*'],
    });
    const { id: eventId } = await publishNew(service, key(), operationEvent('payment.failed', 'pay_again'));
    const delivery = await deliveryWhen(service, key(), eventId, isWaitingAfter(1));
    await makeDue(service, delivery.id);
    await deliveryWhen(service, key(), eventId, isEnded);
    expect(total(await read(id))).toEqual({ '': 1, status_5xx: 1 });
  });

  describe('over time', () => {
    let id: string;
    beforeAll(async () => {
      ({ id } = await makeEndpoint(service, key(), { url: receiver.url('/past'), event_types: ['payment.refunded'] }));
      await count(id, [
        ['2026-11-02T21:00:00Z', '', 80, 98],
        ['2026-11-02T21:00:00Z', 'timeout', 15_000, 2],
        ['2026-11-02T23:00:00Z', 'status_5xx', 40, 4],
        ['2026-11-03T00:00:00Z', '', 300, 1],
      ]);
    });
    const shown = ({ data }: Stats) => data.map(({ start, attempts }) => [start.slice(0, 13), attempts]);

    it('sums up by the hour and by the day, oldest first, leaving out what is empty', async () => {
      const until = { before: '2026-11-04T00:00:00Z' };
      const byHour = await read(id, { interval: 'hour', ...until });
      expect(shown(byHour)).toEqual([
        ['2026-11-02T21', 100],
        ['2026-11-02T23', 4],
        ['2026-11-03T00', 1],
      ]);
      expect(byHour.data[0]).toEqual({
        start: '2026-11-02T21:00:00.000Z',
        attempts: 100,
        successes: 98,
        failures: 2,
        failure_reasons: { timeout: 2 },
        // Within 5 % of 80 and 15,000.
        latency_p50: 76,
        latency_p95: 76,
        latency_p99: 14_437,
      });
      expect(shown(await read(id, until))).toEqual([
        ['2026-11-02T00', 104],
        ['2026-11-03T00', 1],
      ]);
    });

    it('takes whole hours, from the one that `after` lies in to the one that `before` cuts', async () => {
      const by = { interval: 'hour' };
      expect(
        shown(await read(id, { ...by, after: '2026-11-02T21:59:59.999Z', before: '2026-11-02T23:00:00Z' })),
      ).toEqual([['2026-11-02T21', 100]]);
      expect(
        shown(await read(id, { ...by, after: '2026-11-02T22:00:00Z', before: '2026-11-02T23:00:00.001Z' })),
      ).toEqual([['2026-11-02T23', 4]]);
      expect(shown(await read(id, { after: '2026-11-03T00:00:00Z' }))).toEqual([['2026-11-03T00', 1]]);
    });

    it('refuses what it cannot answer', async () => {
      const refused = async (query: object) => (await service.call('get', statsPath(id), { key: key(), query })).body;
      const after = '2026-11-02T00:00:00Z';
      expect(await refused({ after, before: '2026-11-01T00:00:00Z' })).toMatchObject({
        errors: [{ field: 'before', code: 'reversed_interval' }],
      });
      expect(await refused({ after, before: '2026-12-04T00:00:00Z', interval: 'hour' })).toMatchObject({
        errors: [{ field: 'after', code: 'out_of_range' }],
      });
      expect(await refused({ interval: 'week', unknown: '1' })).toMatchObject({ status: 422 });
      await service.call(
        'delete',
        `/v1/webhook-endpoints/${(await makeEndpoint(service, key(), { url: receiver.url('/x') })).id}`,
        {
          key: key(),
        },
      );
      expectProblem(await service.call('get', statsPath(id), { key: merchant.live.secretKey }), 404, 'not_found');
    });

    it('loses what is older than the retention, and nothing younger', async () => {
      const upkeep = service.app.get(AttemptCountsUpkeep, { strict: false });
      const days = service.config.retentionDays;
      expect(await upkeep.runOnce(new Date(Date.parse('2026-11-02T12:00:00Z') + days * 86_400_000))).toEqual({
        deleted: 0,
      });
      expect(await upkeep.runOnce(new Date(Date.parse('2026-11-03T12:00:00Z') + days * 86_400_000))).toEqual({
        deleted: 3,
      });
      expect(shown(await read(id))).toEqual([['2026-11-03T00', 1]]);
    });
  });
});
