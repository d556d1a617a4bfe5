import { SchedulerRegistry } from '@nestjs/schedule';
import { decodeId, encodeId } from '../src/common/ids.js';
import { Listener } from '../src/database/listener.js';
import { Dispatcher } from '../src/dispatcher/dispatcher.js';
import { workerDatabaseUrl } from './setup/database.js';
import { boot, type Boot } from './support/booted-process.js';
import { listDeliveries, makeEndpoint, startSending } from './support/deliveries.js';
import { Fleet } from './support/fleet.js';
import { operationEvent, publishBatch, publishNew } from './support/publishing.js';
import { Receiver } from './support/receiver.js';
import { Service, until } from './support/service.js';

const SENDING = { WEBHOOK_ALLOWED_PRIVATE_CIDRS: '127.0.0.0/8' };
/** So that no attempt ends by itself while nobody answers. */
const PATIENCE_MS = 30_000;
/** Of one account and mode. */
const MOST_ENDPOINTS = 50;

describe('dispatchers beside processes of their own', () => {
  let service: Service;
  let receiver: Receiver;
  let key: string;
  /** Of this test. */
  let accounts: string[];
  let environment: NodeJS.ProcessEnv;
  let running: Service[] = [];
  let children: Boot[] = [];
  beforeAll(async () => {
    [service, receiver] = await Promise.all([Service.start({ environment: SENDING }), Receiver.start()]);
    environment = { ...SENDING, DATABASE_URL: await workerDatabaseUrl(), DATA_DIR: service.config.dataDir };
  });
  beforeEach(async () => {
    receiver.arrivals.length = 0;
    receiver.answer = () => ({});
    accounts = [];
    key = await makeAccount();
  });
  afterEach(async () => {
    await Promise.all(running.map((dispatcher) => dispatcher.stop()));
    running = [];
    for (const child of children) child.process.kill('SIGKILL');
    await Promise.all(children.map(({ ended }) => ended));
    children = [];
    for (const id of accounts) await service.suspend(encodeId('acct', id));
  });
  afterAll(() => Promise.all([Fleet.stopAll(), service.stop(), receiver.stop()]));

  /** Its secret key in test mode. */
  const makeAccount = async () => {
    const account = await service.makeAccount();
    accounts.push(decodeId('acct', account.id));
    return account.test.secretKey;
  };
  const bootDispatcher = (more: NodeJS.ProcessEnv = {}) => {
    const child = boot({ ...environment, ROLE: 'dispatcher', ...more });
    children.push(child);
    return child;
  };
  const dispatch = async () => {
    const dispatcher = await startSending({ environment: { DATA_DIR: service.config.dataDir } });
    running.push(dispatcher);
    return dispatcher;
  };
  const rows = <R>(statement: string, values: unknown[] = []) => service.dataSource.query<R[]>(statement, values);
  const count = async (from: string) => {
    const [row] = await rows<{ count: number }>(`SELECT count(*)::integer AS count FROM signalpost.${from}`);
    return row!.count;
  };
  const nothingIsPending = () =>
    until(async () => {
      const left = await rows('SELECT FROM signalpost.pending_deliveries WHERE account_id = ANY ($1) LIMIT 1', [
        accounts,
      ]);
      return left.length === 0;
    });
  /** Of the deliveries of this test: status, attempts and how many there are. */
  const ends = async () => {
    const found = await rows<{ status: string; attempt_count: number; count: number }>(
      `SELECT status, attempt_count, count(*)::integer AS count FROM signalpost.deliveries
       WHERE account_id = ANY ($1) GROUP BY 1, 2`,
      [accounts],
    );
    return found.map((end) => [end.status, end.attempt_count, end.count]);
  };

  describe('that never poll', () => {
    let dispatcher: Service;
    let fleet: Fleet;
    beforeAll(async () => {
      fleet = await Fleet.start(1, environment);
    });
    beforeEach(async () => {
      dispatcher = await dispatch();
      const registry = dispatcher.app.get(SchedulerRegistry, { strict: false });
      registry.getIntervals().forEach((name) => registry.deleteInterval(name));
      await makeEndpoint(service, key, { url: receiver.url(), retry_schedule: [3600] });
    });
    afterAll(() => fleet.stop());

    /** In the other process. */
    const post = async (path: string, body: object) => {
      expect((await fleet.post(path, key, body))?.status).toBeLessThan(300);
    };
    const publish = (id: string) => post('/v1/events', operationEvent('collect.pending', id));
    /** The lease is extended meanwhile, as no interval does it any more. */
    const arrived = (arrivals: number) =>
      until(async () => {
        await dispatcher.app.get(Dispatcher).heartbeat();
        return receiver.arrivals.length >= arrivals;
      });

    it('send what another process publishes as soon as they are notified of it', async () => {
      for (let n = 1; n <= 20; n++) {
        await publish(`col_${n}`);
        await arrived(n);
      }
      await nothingIsPending();
    });

    it('send what is retried in another process as soon as they are notified of it', async () => {
      receiver.answer = () => ({ status: 500 });
      await publish('col_1');
      let failed = '';
      await until(async () => {
        const [shown] = await listDeliveries(service, key);
        failed = shown?.id ?? '';
        return shown?.attempt_count === 1;
      });
      await post(`/v1/deliveries/${failed}/retry`, {});
      await arrived(2);
    });

    it('send nothing while they hear nothing, which the next look finds', async () => {
      await publish('col_1');
      await arrived(1);
      await dispatcher.app.get(Listener).onApplicationShutdown();
      const heard = new Promise<void>((resolve) => service.app.get(Listener).on('signalpost_events', () => resolve()));
      await publish('col_2');
      await heard;
      expect(receiver.arrivals).toHaveLength(1);
      await dispatcher.app.get(Dispatcher).poll();
      await arrived(2);
    });
  });

  it('take over all lanes of one that was killed, more than one claim takes, with all that was in the air', async () => {
    const lanes = 300;
    let isDown = true;
    receiver.answer = () => (isDown ? { after: new Promise(() => undefined) } : {});
    const child = bootDispatcher({ DISPATCH_CONCURRENCY: String(lanes) });
    const keys: string[] = [];
    for (let made = 0; made < lanes; made += MOST_ENDPOINTS) {
      const secretKey = await makeAccount();
      const makeOne = () => makeEndpoint(service, secretKey, { url: receiver.url(), timeout_ms: PATIENCE_MS });
      await Promise.all(Array.from({ length: MOST_ENDPOINTS }, makeOne));
      keys.push(secretKey);
    }
    await Promise.all(keys.map((each) => publishNew(service, each, operationEvent('collect.pending', 'col_1'))));
    await receiver.arrived(lanes);
    child.process.kill('SIGKILL');
    await child.ended;
    expect(await count('lanes WHERE owner IS NOT NULL')).toBe(lanes);
    // As if its eight seconds were over.
    await rows(`UPDATE signalpost.dispatchers SET lease_until = now() - interval '1 ms'`);
    isDown = false;
    await dispatch();
    await nothingIsPending();
    expect(await ends()).toEqual([['succeeded', 1, lanes]]);
    expect(receiver.arrivals).toHaveLength(lanes * 2);
  }, 40_000);

  it('lose nothing when one is asked to end under load, and repeat only what it could not finish in time', async () => {
    const events = 100;
    let isDown = true;
    receiver.answer = ({ path }) => (isDown && path === '/stalled' ? { after: new Promise(() => undefined) } : {});
    const child = bootDispatcher();
    for (const path of ['/quick', '/stalled'])
      await makeEndpoint(service, key, { url: receiver.url(path), timeout_ms: PATIENCE_MS });
    const inputs = Array.from({ length: events }, (_, n) => operationEvent('collect.pending', `col_${n}`));
    await publishBatch(service, key, inputs);
    await Promise.all([receiver.arrived(events / 4, '/quick'), receiver.arrived(1, '/stalled')]);
    child.process.kill('SIGTERM');
    // With 0, because it needed less than its 20 s.
    expect(await child.ended).toMatchObject({ status: 0 });
    expect(await count('lanes WHERE owner IS NOT NULL')).toBe(0);
    expect([await count('dispatchers'), await count('claimed_batches')]).toEqual([0, 0]);
    const released = receiver.at('/stalled').length;
    isDown = false;
    await dispatch();
    await nothingIsPending();
    expect(await ends()).toEqual([['succeeded', 1, events * 2]]);
    expect(receiver.at('/quick')).toHaveLength(events);
    expect(receiver.at('/stalled')).toHaveLength(events + released);
  }, 60_000);
});
