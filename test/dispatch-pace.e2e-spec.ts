import { setTimeout as pause } from 'node:timers/promises';
import { decodeId } from '../src/common/ids.js';
import { FAILURES_TO_OPEN, FIRST_OPEN_MS } from '../src/dispatcher/endpoint-pace.js';
import { DispatchFixture } from './support/dispatch-fixture.js';
import { until } from './support/service.js';

const EVENTS = 60;
/** A receiver's own time for an answer. */
const ANSWER_MS = 10;

describe('a receiver in trouble', () => {
  const sending = DispatchFixture.install();
  const { call, endpoint, listDeliveries, rows } = sending;
  /** Requests in the air at each arrival at /hook, itself counted. */
  let inTheAir: number[];
  let status: number;
  beforeEach(() => {
    inTheAir = [];
    let count = 0;
    sending.receiver.answer = ({ path }) => {
      if (path !== '/hook') return {};
      inTheAir.push(++count);
      return { status, after: pause(ANSWER_MS).then(() => (count -= 1)) };
    };
  });

  const publish = () => sending.publishMany(EVENTS);
  const gapMs = (later: number) =>
    sending.receiver.at('/hook')[later]!.atMs - sending.receiver.at('/hook')[later - 1]!.atMs;

  it('gets one delivery at a time after a run of failures; the others wait untouched, and lose nothing', async () => {
    status = 503;
    await endpoint({ url: sending.receiver.url(), retry_schedule: [86_400] });
    await endpoint({ url: sending.receiver.url('/healthy') });
    const { results } = await publish();
    await sending.receiver.arrived(EVENTS, '/healthy'); // Another endpoint of the same account.

    // In the air with the last failure there may be a few more, fewer by each halving.
    await sending.receiver.arrived(FAILURES_TO_OPEN + 1);
    const opened = inTheAir.findIndex((_, index) => index >= FAILURES_TO_OPEN && gapMs(index) > FIRST_OPEN_MS / 2);
    expect(opened).toBe(FAILURES_TO_OPEN);
    expect(gapMs(opened)).toBeGreaterThanOrEqual(FIRST_OPEN_MS - ANSWER_MS);
    status = 200;
    await sending.receiver.arrived(EVENTS);
    expect(gapMs(opened + 1)).toBeGreaterThanOrEqual(2 * FIRST_OPEN_MS - ANSWER_MS); // The first probe failed.
    expect(inTheAir.slice(opened, opened + 3)).toEqual([1, 1, 1]);

    // From there on it grows by one with each round: after k rounds k (k + 1) / 2 were sent.
    inTheAir.slice(opened + 2).forEach((count, sent) => expect(count).toBeLessThanOrEqual(Math.sqrt(2 * sent) + 2));
    const drained = sending.receiver.at('/hook').slice(opened + 1);
    drained.forEach(({ eventId }, index) => {
      const rank = results.findIndex(({ event }) => event!.id === eventId) - (opened + 1);
      expect(Math.abs(rank - index)).toBeLessThanOrEqual(16); // Oldest first, but for what is in the air together.
    });
    await until(async () => (await listDeliveries({ status: 'succeeded' })).length === 2 * EVENTS - opened - 1);
    const waiting = await listDeliveries({ status: 'pending' });
    expect(waiting.map(({ attempt_count: count }) => count)).toEqual(Array<number>(opened + 1).fill(1));
  });

  it('is sent to at once again when its endpoint is changed', async () => {
    status = 500;
    const made = await endpoint({ url: sending.receiver.url(), retry_schedule: [86_400] });
    await publish();
    await sending.receiver.arrived(FAILURES_TO_OPEN + 3); // The circuit is open for four seconds now.
    status = 200;
    const changedAtMs = performance.now();
    await call('patch', `/v1/webhook-endpoints/${made.id}`, {
      body: { url: sending.receiver.url('/repaired') },
    }).expect(200);
    await sending.receiver.arrived(EVENTS - FAILURES_TO_OPEN - 3, '/repaired');
    expect(sending.receiver.at('/repaired')[0]!.atMs - changedAtMs).toBeLessThan(1_500);
  });

  it('is left alone by all its deliveries while it asks for a pause', async () => {
    status = 200;
    let isFirst = true;
    const made = sending.receiver.url('/busy');
    sending.receiver.answer = () => {
      const answer = isFirst ? { status: 429, headers: { 'retry-after': '2' } } : {};
      isFirst = false;
      return answer;
    };
    await endpoint({ url: made, retry_schedule: [1] });
    await sending.publish('col_1');
    const [busy] = await sending.receiver.arrived(1, '/busy');
    await until(async () => (await listDeliveries({ status: 'pending' })).some((d) => d.attempt_count === 1));
    await publish();
    const [, second] = await sending.receiver.arrived(EVENTS, '/busy');
    expect(second!.atMs - busy!.atMs).toBeGreaterThanOrEqual(1_950);
  });

  it.each([
    ['8 days', 'disabled', 'failing'],
    ['7 days', 'enabled', null],
  ])('that has failed for %s is %s when a probe fails', async (duration, expected, reason) => {
    status = 500;
    const made = await endpoint({ url: sending.receiver.url() });
    await rows(`UPDATE signalpost.webhook_endpoints SET failing_since = now() - $2::interval WHERE id = $1`, [
      decodeId('we', made.id),
      duration,
    ]);
    await publish();
    const shown = async () => (await call('get', `/v1/webhook-endpoints/${made.id}`).expect(200)).body;
    if (expected === 'disabled') await until(async () => (await shown()).status === expected);
    else await sending.receiver.arrived(FAILURES_TO_OPEN + 2); // Two probes: what the first one's failure did is done.
    const body = await shown();
    expect([body.status, body.disabled_reason]).toEqual([expected, reason]);
  });
});
