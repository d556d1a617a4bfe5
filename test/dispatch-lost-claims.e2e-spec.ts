import { jest } from '@jest/globals';
import { LaneQueueRepository } from '../src/deliveries/lane-queue.repository.js';
import { workerDatabaseUrl } from './setup/database.js';
import { DatabaseProxy } from './support/database-proxy.js';
import { deliveryWhen, isEnded, makeEndpoint, startSending } from './support/deliveries.js';
import { operationEvent, publishNew } from './support/publishing.js';
import { Receiver } from './support/receiver.js';
import { Service, until } from './support/service.js';

describe('a claim whose answer is lost', () => {
  let network: DatabaseProxy;
  let service: Service;
  /**
   * Reaches the database without the network between. It publishes, too: the dispatcher has to claim, as nothing is
   * handed over to it.
   */
  let observer: Service;
  let receiver: Receiver;
  let key: string;
  beforeAll(async () => {
    network = await DatabaseProxy.start(await workerDatabaseUrl(), 'claim_deliveries');
    [observer, receiver] = await Promise.all([Service.start(), Receiver.start()]);
    service = await startSending({ environment: { DATABASE_URL: network.url, DATA_DIR: observer.config.dataDir } });
    key = (await observer.makeAccount()).test.secretKey;
    await makeEndpoint(service, key, { url: receiver.url() });
  });
  afterAll(async () => {
    await service.stop();
    await Promise.all([observer.stop(), receiver.stop(), network.stop()]);
  });

  const rows = <R>(statement: string, values: unknown[] = []) => observer.dataSource.query<R[]>(statement, values);
  const deliver = async (id: string) => {
    const event = await publishNew(observer, key, operationEvent('collect.pending', id));
    expect(await deliveryWhen(observer, key, event.id, isEnded)).toMatchObject({ status: 'succeeded' });
  };
  const nothingInTheAir = () => until(async () => (await rows('SELECT FROM signalpost.claimed_batches')).length === 0);

  it('leaves nothing that its process, should it die, would be blamed for', async () => {
    const lost = network.loseAnswerWith('col_lost');
    await deliver('col_lost');
    await lost;
    await nothingInTheAir();
  });

  it('leaves nothing either when it was still under way as its connection broke', async () => {
    const holder = observer.dataSource.createQueryRunner();
    await holder.startTransaction();
    try {
      // Whoever records a batch under a number that somebody is writing waits for how that ends.
      await holder.query(
        `INSERT INTO signalpost.claimed_batches (token, batch, account_ids, modes, delivery_ids, attempt_numbers)
         SELECT d.token, n, '{}', '{}', '{}', '{}' FROM signalpost.dispatchers d, generate_series(1, 1000) n`,
      );
      const event = await publishNew(observer, key, operationEvent('collect.pending', 'col_held'));
      const isRunning = (condition: string, values: unknown[] = []) =>
        rows<{ pid: number }>(
          `SELECT pid FROM pg_stat_activity
           WHERE datname = current_database() AND query LIKE '%claim_deliveries(%' AND pid <> pg_backend_pid()
             AND ${condition}`,
          values,
        );
      await until(async () => (await isRunning(`wait_event_type = 'Lock'`)).length > 0);
      const [{ pid }] = (await isRunning(`wait_event_type = 'Lock'`)) as [{ pid: number }];
      const settle = jest.spyOn(service.app.get(LaneQueueRepository), 'settle');
      network.cutAwaiting();
      // What its number was first cleared with: it comes too early.
      await until(async () => settle.mock.results.length > 0);
      await settle.mock.results[0]!.value;
      await holder.rollbackTransaction();
      await until(async () => (await isRunning('pid = $1', [pid])).length === 0);
      expect(await deliveryWhen(observer, key, event.id, isEnded)).toMatchObject({ status: 'succeeded' });
    } finally {
      if (holder.isTransactionActive) await holder.rollbackTransaction();
      await holder.release();
    }
    await deliver('col_next');
    await nothingInTheAir();
  });
});
