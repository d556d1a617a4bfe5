import { setTimeout as pause } from 'node:timers/promises';
import { decodeId } from '../src/common/ids.js';
import { FAILURES_TO_OPEN, FIRST_OPEN_MS } from '../src/dispatcher/endpoint-pace.js';
import { listDeliveries, makeEndpoint, startSending } from './support/deliveries.js';
import { operationEvent, publishBatch } from './support/publishing.js';
import { Receiver } from './support/receiver.js';
import { type MadeAccount, type Service, until } from './support/service.js';

const EVENTS = 60;
const ANSWER_MS = 10;

describe('a receiver in trouble', () => {
  let service: Service;
  let receiver: Receiver;
  let account: MadeAccount;
  let key: string;
  /** Requests in the air at each arrival at /hook, itself counted. */
  let inTheAir: number[];
  let status: number;
  beforeAll(async () => {
    [service, receiver] = await Promise.all([startSending(), Receiver.start()]);
  });
  beforeEach(async () => {
    receiver.arrivals.length = 0;
    account = await service.makeAccount();
    key = account.test.secretKey;
    inTheAir = [];
    let count = 0;
    receiver.answer = ({ path }) => {
      if (path !== '/hook') return {};
      inTheAir.push(++count);
      return { status, after: pause(ANSWER_MS).then(() => (count -= 1)) };
    };
  });
  afterEach(() => service.suspend(account.id));
  afterAll(() => Promise.all([service.stop(), receiver.stop()]));

  const publish = () =>
    publishBatch(
      service,
      key,
      Array.from({ length: EVENTS }, (_, index) => operationEvent('collect.pending', `col_${index}`)),
    );
  const gapMs = (later: number) => receiver.at('/hook')[later]!.atMs - receiver.at('/hook')[later - 1]!.atMs;

  it('gets one delivery at a time after a run of failures; the others wait untouched, and lose nothing', async () => {
    status = 503;
    await makeEndpoint(service, key, { url: receiver.url(), retry_schedule: [86_400] });
    await makeEndpoint(service, key, { url: receiver.url('/healthy') });
    const { results } = await publish();
    await receiver.arrived(EVENTS, '/healthy'); // Another endpoint of the same account.

    // In the air with the last failure there may be a few more, fewer by each halving.
    await receiver.arrived(FAILURES_TO_OPEN + 1);
    const opened = inTheAir.findIndex((_, index) => index >= FAILURES_TO_OPEN && gapMs(index) > FIRST_OPEN_MS / 2);
    expect(opened).toBe(FAILURES_TO_OPEN);
    expect(gapMs(opened)).toBeGreaterThanOrEqual(FIRST_OPEN_MS - ANSWER_MS);
    status = 200;
    await receiver.arrived(EVENTS);
    expect(gapMs(opened + 1)).toBeGreaterThanOrEqual(2 * FIRST_OPEN_MS - ANSWER_MS); // The first probe failed.
    expect(inTheAir.slice(opened, opened + 3)).toEqual([1, 1, 1]);

    // From there on it grows by one with each round: after k rounds k (k + 1) / 2 were sent.
    inTheAir.slice(opened + 2).forEach((count, sent) => expect(count).toBeLessThanOrEqual(Math.sqrt(2 * sent) + 2));
    const drained = receiver.at('/hook').slice(opened + 1);
    drained.forEach(({ eventId }, index) => {
      const rank = results.findIndex(({ event }) => event!.id === eventId) - (opened + 1);
      expect(Math.abs(rank - index)).toBeLessThanOrEqual(16); // Oldest first, but for what is in the air together.
    });
    await until(
      async () => (await listDeliveries(service, key, { status: 'succeeded' })).length === 2 * EVENTS - opened - 1,
    );
    const waiting = await listDeliveries(service, key, { status: 'pending' });
    expect(waiting.map(({ attempt_count: count }) => count)).toEqual(Array<number>(opened + 1).fill(1));
  });

  it('is sent to at once again when its endpoint is changed', async () => {
    status = 500;
    const made = await makeEndpoint(service, key, { url: receiver.url(), retry_schedule: [86_400] });
    await publish();
    await receiver.arrived(FAILURES_TO_OPEN + 3); // The circuit is open for four seconds now.
    status = 200;
    const changedAtMs = performance.now();
    await service
      .call('patch', `/v1/webhook-endpoints/${made.id}`, { key, body: { url: receiver.url('/repaired') } })
      .expect(200);
    await receiver.arrived(EVENTS - FAILURES_TO_OPEN - 3, '/repaired');
    expect(receiver.at('/repaired')[0]!.atMs - changedAtMs).toBeLessThan(1_500);
  });

  it('is left alone by all its deliveries while it asks for a pause', async () => {
    status = 200;
    let isFirst = true;
    const made = receiver.url('/busy');
    receiver.answer = () => {
      const answer = isFirst ? { status: 429, headers: { 'retry-after': '2' } } : {};
      isFirst = false;
      return answer;
    };
    await makeEndpoint(service, key, { url: made, retry_schedule: [1] });
    await publishBatch(service, key, [operationEvent('collect.pending', 'col_1')]);
    const [busy] = await receiver.arrived(1, '/busy');
    await until(async () =>
      (await listDeliveries(service, key, { status: 'pending' })).some((d) => d.attempt_count === 1),
    );
    await publish();
    const [, second] = await receiver.arrived(EVENTS, '/busy');
    expect(second!.atMs - busy!.atMs).toBeGreaterThanOrEqual(1_950);
  });

  it.each([
    ['8 days', 'disabled', 'failing'],
    ['7 days', 'enabled', null],
  ])('that has failed for %s is %s when a probe fails', async (duration, expected, reason) => {
    status = 500;
    const made = await makeEndpoint(service, key, { url: receiver.url() });
    await service.dataSource.query(
      `UPDATE signalpost.webhook_endpoints SET failing_since = now() - $2::interval WHERE id = $1`,
      [decodeId('we', made.id), duration],
    );
    await publish();
    const shown = async () => (await service.call('get', `/v1/webhook-endpoints/${made.id}`, { key }).expect(200)).body;
    if (expected === 'disabled') await until(async () => (await shown()).status === expected);
    else await receiver.arrived(FAILURES_TO_OPEN + 2); // Two probes: what the first one's failure did is done.
    const body = await shown();
    expect([body.status, body.disabled_reason]).toEqual([expected, reason]);
  });
});
