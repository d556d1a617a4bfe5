import { randomUUID } from 'node:crypto';
import { decodeId } from '../src/common/ids.js';
import { DispatcherLeaseRepository } from '../src/deliveries/dispatcher-lease.repository.js';
import { LaneQueueRepository } from '../src/deliveries/lane-queue.repository.js';
import type { LaneId } from '../src/deliveries/lane-signals.js';
import { DeadEndpointsJob } from '../src/dispatcher/dead-endpoints-job.js';
import { ExpiryJob } from '../src/dispatcher/expiry-job.js';
import { LeftoversJob } from '../src/dispatcher/leftovers-job.js';
import { listDeliveries, makeEndpoint, startSending } from './support/deliveries.js';
import { operationEvent, publishNew, readAll } from './support/publishing.js';
import { settlementOf } from './support/settlements.js';
import { type MadeAccount, Service, until } from './support/service.js';

interface ShownLog {
  readonly id: string;
  readonly action: string;
  readonly description: string;
}

describe('what dispatchers do beside sending', () => {
  /** Does not dispatch; each test starts what does. */
  let service: Service;
  let dispatcher: Service | null = null;
  let account: MadeAccount;
  let key: string;
  beforeAll(async () => {
    service = await Service.start({ environment: { WEBHOOK_ALLOWED_PRIVATE_CIDRS: '127.0.0.0/8' } });
  });
  beforeEach(async () => {
    account = await service.makeAccount();
    key = account.test.secretKey;
  });
  afterEach(async () => {
    await dispatcher?.stop();
    dispatcher = null;
  });
  afterAll(() => service.stop());

  const dispatch = async () => {
    dispatcher = await startSending({ environment: { DATA_DIR: service.config.dataDir } });
    return dispatcher;
  };
  const rows = <R>(statement: string, values: unknown[] = []) => service.dataSource.query<R[]>(statement, values);
  const publish = (id: string) => publishNew(service, key, operationEvent('collect.pending', id));
  /** Nothing listens there. */
  const endpoint = () => makeEndpoint(service, key, { url: 'http://127.0.0.1:9/hook' });
  const shown = async ({ id }: { id: string }) =>
    (await service.call('get', `/v1/webhook-endpoints/${id}`, { key }).expect(200)).body as {
      status: string;
      disabled_reason: string | null;
    };
  const logsOf = ({ id }: { id: string }) => readAll<ShownLog>(service, `/v1/logs?endpoint_id=${id}`, key);

  describe('an endpoint that answered 410 to a process which died before it disabled it', () => {
    let made: { id: string };
    beforeEach(async () => {
      made = await endpoint();
      const queue = service.app.get(LaneQueueRepository);
      const leases = service.app.get(DispatcherLeaseRepository);
      const token = randomUUID();
      await leases.register(token, 'by hand');
      await publish('col_1');
      const lane: LaneId = [decodeId('acct', account.id), 'test', decodeId('we', made.id)];
      const wanted = { lane, room: 1, recheckWaiting: true, recheckAfter: null, rateLimit: null, after: null };
      const { deliveries } = await queue.claim(token, 1, [wanted], []);
      const settlement = settlementOf(deliveries[0]!, { end: 'failed', reason: 'gone' });
      await queue.settle(token, [1], [{ ...settlement, failingBegins: true, disable: 'gone' }]);
      await leases.unregister(token);
      expect((await shown(made)).status).toBe('enabled');
    });

    it('is disabled by another, with its log and its event', async () => {
      await dispatch();
      await until(async () => (await shown(made)).status === 'disabled');
      expect((await shown(made)).disabled_reason).toBe('gone');
      expect((await logsOf(made)).map(({ action }) => action)).toContain('webhook_endpoint.disabled');
      await until(async () => {
        const { body } = await service.call('get', '/v1/events', { key, query: { type: 'webhook_endpoint.*' } });
        return (body as { data: object[] }).data.length === 1;
      });
    });

    it('stays enabled when it was changed since', async () => {
      const body = { url: 'http://127.0.0.1:9/new' };
      await service.call('patch', `/v1/webhook-endpoints/${made.id}`, { key, body }).expect(200);
      await (await dispatch()).app.get(DeadEndpointsJob).runOnce();
      expect((await shown(made)).status).toBe('enabled');
      const marked = await rows('SELECT FROM signalpost.webhook_endpoints WHERE dead_reason IS NOT NULL');
      expect(marked).toEqual([]);
    });
  });

  it('ends what a suspended account waits for past the retention, with a log', async () => {
    const made = await endpoint();
    await publish('col_1');
    await service.call('patch', `/v1/admin/accounts/${account.id}`, { body: { status: 'suspended' } }).expect(200);
    const old = '01000000-0000-7000-8000-000000000000';
    await rows(`UPDATE signalpost.pending_deliveries SET event_id = $2, trigger = 'redeliver' WHERE endpoint_id = $1`, [
      decodeId('we', made.id),
      old,
    ]);
    const job = (await dispatch()).app.get(ExpiryJob);
    expect(await job.runOnce()).toEqual({ deliveries: 1 });
    expect(await job.runOnce()).toEqual({ deliveries: 0 });
    const ends = await rows('SELECT status, status_reason FROM signalpost.deliveries WHERE endpoint_id = $1', [
      decodeId('we', made.id),
    ]);
    expect(ends).toEqual([{ status: 'failed', status_reason: 'expired' }]);
    await service.call('patch', `/v1/admin/accounts/${account.id}`, { body: { status: 'active' } }).expect(200);
    expect((await logsOf(made)).map(({ action }) => action)).toContain('delivery.failed');
  });

  it('ends what other endpoints left though one of them fails', async () => {
    const [failing, other] = [await endpoint(), await endpoint()];
    await publish('col_1');
    // No month of history takes it.
    await rows('UPDATE signalpost.pending_deliveries SET id = $2 WHERE endpoint_id = $1', [
      decodeId('we', failing.id),
      '00000000-0000-7000-8000-000000000001',
    ]);
    for (const { id } of [failing, other]) {
      await service.call('patch', `/v1/webhook-endpoints/${id}`, { key, body: { status: 'disabled' } }).expect(200);
    }
    const run = await (await dispatch()).app.get(LeftoversJob).runOnce();
    expect(run.failed).toBe(1);
    await until(
      async () => (await listDeliveries(service, key, { endpoint_id: other.id, status: 'skipped' })).length === 1,
    );
    const stored = await rows('SELECT endpoint_id FROM signalpost.deliveries WHERE account_id = $1', [
      decodeId('acct', account.id),
    ]);
    expect(stored).toEqual([{ endpoint_id: decodeId('we', other.id) }]);
    await rows('DELETE FROM signalpost.pending_deliveries WHERE endpoint_id = $1', [decodeId('we', failing.id)]);
  });
});
