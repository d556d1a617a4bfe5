import { SchedulerRegistry } from '@nestjs/schedule';
import { decodeId } from '../src/common/ids.js';
import { Listener } from '../src/database/listener.js';
import { PUBLISH_CHANNEL } from '../src/database/publish-notice.js';
import { Dispatcher } from '../src/dispatcher/dispatcher.js';
import { makeEndpoint } from './support/deliveries.js';
import { DispatchFixture } from './support/dispatch-fixture.js';
import { Fleet } from './support/fleet.js';
import { operationEvent } from './support/publishing.js';
import { Service, until } from './support/service.js';

/** So that no attempt ends by itself while nobody answers. */
const PATIENCE_MS = 30_000;
/** Of one account and mode. */
const MOST_ENDPOINTS = 50;

describe('dispatchers beside processes of their own', () => {
  /** Does not send. */
  const sending = DispatchFixture.install({ ROLE: 'api' });
  const { bootDispatcher, endpoint, listDeliveries, publish, publishMany, rows, startDispatcher } = sending;
  afterAll(() => Fleet.stopAll());

  const count = async (from: string) => {
    const [row] = await rows<{ count: number }>(`SELECT count(*)::integer AS count FROM signalpost.${from}`);
    return row!.count;
  };
  const accountIds = () => sending.accounts.map(({ id }) => decodeId('acct', id));
  const nothingIsPending = () =>
    until(async () => {
      const left = await rows('SELECT FROM signalpost.pending_deliveries WHERE account_id = ANY ($1) LIMIT 1', [
        accountIds(),
      ]);
      return left.length === 0;
    });
  /** Of the deliveries of this test: status, attempts and how many there are. */
  const ends = async () => {
    const found = await rows<{ status: string; attempt_count: number; count: number }>(
      `SELECT status, attempt_count, count(*)::integer AS count FROM signalpost.deliveries
       WHERE account_id = ANY ($1) GROUP BY 1, 2`,
      [accountIds()],
    );
    return found.map((end) => [end.status, end.attempt_count, end.count]);
  };

  describe('that never poll', () => {
    let dispatcher: Service;
    let fleet: Fleet;
    beforeAll(async () => {
      fleet = await Fleet.start(1, sending.environment);
    });
    beforeEach(async () => {
      dispatcher = await startDispatcher();
      const registry = dispatcher.app.get(SchedulerRegistry, { strict: false });
      registry.getIntervals().forEach((name) => registry.deleteInterval(name));
      await endpoint({ retry_schedule: [3600] });
    });
    afterAll(() => fleet.stop());

    /** In the other process. */
    const post = async (path: string, body: object) => {
      expect((await fleet.post(path, sending.key, body))?.status).toBeLessThan(300);
    };
    const publishThere = (id: string) => post('/v1/events', operationEvent('collect.pending', id));
    /** The lease is extended meanwhile, as no interval does it any more. */
    const arrived = (arrivals: number) =>
      until(async () => {
        await dispatcher.app.get(Dispatcher).heartbeat();
        return sending.receiver.arrivals.length >= arrivals;
      });

    it('send what another process publishes as soon as they are notified of it', async () => {
      for (let n = 1; n <= 20; n++) {
        await publishThere(`col_${n}`);
        await arrived(n);
      }
      await nothingIsPending();
    });

    it('send what is retried in another process as soon as they are notified of it', async () => {
      sending.receiver.answer = () => ({ status: 500 });
      await publishThere('col_1');
      let failed = '';
      await until(async () => {
        const [shown] = await listDeliveries();
        failed = shown?.id ?? '';
        return shown?.attempt_count === 1;
      });
      await post(`/v1/deliveries/${failed}/retry`, {});
      await arrived(2);
    });

    it('send nothing while they hear nothing, which the next look finds', async () => {
      await publishThere('col_1');
      await arrived(1);
      await dispatcher.app.get(Listener).onApplicationShutdown();
      const heard = new Promise<void>((resolve) =>
        sending.service.app.get(Listener).on(PUBLISH_CHANNEL, () => resolve()),
      );
      await publishThere('col_2');
      await heard;
      expect(sending.receiver.arrivals).toHaveLength(1);
      await dispatcher.app.get(Dispatcher).poll();
      await arrived(2);
    });
  });

  it('take over all lanes of one that was killed, more than one claim takes, with all that was in the air', async () => {
    const lanes = 300;
    let isDown = true;
    sending.receiver.answer = () => (isDown ? { after: new Promise(() => undefined) } : {});
    const child = bootDispatcher({ DISPATCH_CONCURRENCY: String(lanes) });
    const keys: string[] = [];
    for (let made = 0; made < lanes; made += MOST_ENDPOINTS) {
      const secretKey = (await sending.makeAccount()).test.secretKey;
      const makeOne = () =>
        makeEndpoint(sending.service, secretKey, { url: sending.receiver.url(), timeout_ms: PATIENCE_MS });
      await Promise.all(Array.from({ length: MOST_ENDPOINTS }, makeOne));
      keys.push(secretKey);
    }
    await Promise.all(keys.map((each) => publish('col_1', 'pending', each)));
    await sending.receiver.arrived(lanes);
    child.process.kill('SIGKILL');
    await child.ended;
    expect(await count('lanes WHERE owner IS NOT NULL')).toBe(lanes);
    // As if its eight seconds were over.
    await rows(`UPDATE signalpost.dispatchers SET lease_until = now() - interval '1 ms'`);
    isDown = false;
    await startDispatcher();
    await nothingIsPending();
    expect(await ends()).toEqual([['succeeded', 1, lanes]]);
    expect(sending.receiver.arrivals).toHaveLength(lanes * 2);
  }, 40_000);

  it('lose nothing when one is asked to end under load, and repeat only what it could not finish in time', async () => {
    const events = 100;
    let isDown = true;
    sending.receiver.answer = ({ path }) =>
      isDown && path === '/stalled' ? { after: new Promise(() => undefined) } : {};
    const child = bootDispatcher();
    for (const path of ['/quick', '/stalled'])
      await endpoint({ url: sending.receiver.url(path), timeout_ms: PATIENCE_MS });
    await publishMany(events);
    await Promise.all([sending.receiver.arrived(events / 4, '/quick'), sending.receiver.arrived(1, '/stalled')]);
    child.process.kill('SIGTERM');
    // With 0, because it needed less than its 20 s.
    expect(await child.ended).toMatchObject({ status: 0 });
    expect(await count('lanes WHERE owner IS NOT NULL')).toBe(0);
    expect([await count('dispatchers'), await count('claimed_batches')]).toEqual([0, 0]);
    const released = sending.receiver.at('/stalled').length;
    isDown = false;
    await startDispatcher();
    await nothingIsPending();
    expect(await ends()).toEqual([['succeeded', 1, events * 2]]);
    expect(sending.receiver.at('/quick')).toHaveLength(events);
    expect(sending.receiver.at('/stalled')).toHaveLength(events + released);
  }, 60_000);
});
