import { decodeId } from '../src/common/ids.js';
import { DispatcherLeaseRepository } from '../src/deliveries/dispatcher-lease.repository.js';
import { LaneQueueRepository } from '../src/deliveries/lane-queue.repository.js';
import type { LaneId } from '../src/deliveries/lane-signals.js';
import { DeadEndpointsJob } from '../src/dispatcher/dead-endpoints-job.js';
import { ExpiryJob } from '../src/dispatcher/expiry-job.js';
import { LeftoversJob } from '../src/dispatcher/leftovers-job.js';
import { DispatchFixture } from './support/dispatch-fixture.js';
import { settlementOf } from './support/settlements.js';
import { until } from './support/service.js';

interface ShownLog {
  readonly id: string;
  readonly action: string;
  readonly description: string;
}

describe('what dispatchers do beside sending', () => {
  /** Does not dispatch; each test starts what does. */
  const sending = DispatchFixture.install({ ROLE: 'api' });
  const { call, listDeliveries, publish, readAll, rows, startDispatcher } = sending;

  /** Nothing listens there. */
  const endpoint = () => sending.endpoint({ url: 'http://127.0.0.1:9/hook' });
  const shown = async ({ id }: { id: string }) =>
    (await call('get', `/v1/webhook-endpoints/${id}`).expect(200)).body as {
      status: string;
      disabled_reason: string | null;
    };
  const logsOf = ({ id }: { id: string }) => readAll<ShownLog>(`/v1/logs?endpoint_id=${id}`);

  describe('an endpoint that answered 410 to a process which died before it disabled it', () => {
    let made: { id: string };
    beforeEach(async () => {
      made = await endpoint();
      const queue = sending.service.app.get(LaneQueueRepository);
      const token = await sending.holdLease();
      await publish('col_1');
      const lane: LaneId = [decodeId('acct', sending.account.id), 'test', decodeId('we', made.id)];
      const wanted = { lane, room: 1, recheckWaiting: true, recheckAfter: null, rateLimit: null, after: null };
      const { deliveries } = await queue.claim(token, 1, [wanted], []);
      const settlement = settlementOf(deliveries[0]!, { end: 'failed', reason: 'gone' });
      await queue.settle(token, [1], [{ ...settlement, failingBegins: true, disable: 'gone' }]);
      await sending.service.app.get(DispatcherLeaseRepository).unregister(token);
      expect((await shown(made)).status).toBe('enabled');
    });

    it('is disabled by another, with its log and its event', async () => {
      await startDispatcher();
      await until(async () => (await shown(made)).status === 'disabled');
      expect((await shown(made)).disabled_reason).toBe('gone');
      expect((await logsOf(made)).map(({ action }) => action)).toContain('webhook_endpoint.disabled');
      await until(async () => {
        const { body } = await call('get', '/v1/events', { query: { type: 'webhook_endpoint.*' } });
        return (body as { data: object[] }).data.length === 1;
      });
    });

    it('stays enabled when it was changed since', async () => {
      const body = { url: 'http://127.0.0.1:9/new' };
      await call('patch', `/v1/webhook-endpoints/${made.id}`, { body }).expect(200);
      await (await startDispatcher()).app.get(DeadEndpointsJob).runOnce();
      expect((await shown(made)).status).toBe('enabled');
      const marked = await rows('SELECT FROM signalpost.webhook_endpoints WHERE dead_reason IS NOT NULL');
      expect(marked).toEqual([]);
    });
  });

  it('ends what a suspended account waits for past the retention, with a log', async () => {
    const made = await endpoint();
    await publish('col_1');
    await sending.service
      .call('patch', `/v1/admin/accounts/${sending.account.id}`, { body: { status: 'suspended' } })
      .expect(200);
    const old = '01000000-0000-7000-8000-000000000000';
    await rows(`UPDATE signalpost.pending_deliveries SET event_id = $2, trigger = 'redeliver' WHERE endpoint_id = $1`, [
      decodeId('we', made.id),
      old,
    ]);
    const job = (await startDispatcher()).app.get(ExpiryJob);
    expect(await job.runOnce()).toEqual({ deliveries: 1 });
    expect(await job.runOnce()).toEqual({ deliveries: 0 });
    const ends = await rows('SELECT status, status_reason FROM signalpost.deliveries WHERE endpoint_id = $1', [
      decodeId('we', made.id),
    ]);
    expect(ends).toEqual([{ status: 'failed', status_reason: 'expired' }]);
    await sending.service
      .call('patch', `/v1/admin/accounts/${sending.account.id}`, { body: { status: 'active' } })
      .expect(200);
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
      await call('patch', `/v1/webhook-endpoints/${id}`, { body: { status: 'disabled' } }).expect(200);
    }
    const run = await (await startDispatcher()).app.get(LeftoversJob).runOnce();
    expect(run.failed).toBe(1);
    await until(async () => (await listDeliveries({ endpoint_id: other.id, status: 'skipped' })).length === 1);
    const stored = await rows('SELECT endpoint_id FROM signalpost.deliveries WHERE account_id = $1', [
      decodeId('acct', sending.account.id),
    ]);
    expect(stored).toEqual([{ endpoint_id: decodeId('we', other.id) }]);
    await rows('DELETE FROM signalpost.pending_deliveries WHERE endpoint_id = $1', [decodeId('we', failing.id)]);
  });
});
