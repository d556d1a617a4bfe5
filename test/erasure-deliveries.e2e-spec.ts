import { encodeId } from '../src/common/ids.js';
import { type ClaimedDelivery, LaneQueueRepository } from '../src/deliveries/lane-queue.repository.js';
import type { LaneId } from '../src/deliveries/lane-signals.js';
import { isEnded } from './support/deliveries.js';
import { ErasureFixture, erasedTextOf } from './support/erasure-fixture.js';
import { operationEvent, publishNew } from './support/publishing.js';
import { until } from './support/service.js';
import { settlementOf } from './support/settlements.js';

describe('erasing an operation with deliveries', () => {
  const { erase, erasures, logs, publishPersonal, sending } = ErasureFixture.install();
  const { call, endpoint, laneOf, listDeliveries, readDelivery, startDispatcher } = sending;
  let token: string;
  let batch = 0;
  beforeEach(async () => {
    token = await sending.holdLease();
  });
  const claim = async (lane: LaneId): Promise<ClaimedDelivery[]> => {
    const wanted = { lane, room: 100, recheckWaiting: false, rateLimit: null, recheckAfter: null, after: null };
    const { deliveries } = await sending.service.app.get(LaneQueueRepository).claim(token, ++batch, [wanted], []);
    return [...deliveries];
  };

  it('cancels those that are pending, records the one in the air, and lets new ones go at once', async () => {
    const ordered = await endpoint({ ordering: 'operation' });
    const plain = await endpoint();
    const disabled = await endpoint();
    const head = await publishPersonal('pending');
    await call('patch', `/v1/webhook-endpoints/${disabled.id}`, { body: { status: 'disabled' } });
    const [inAir] = await claim(laneOf(ordered));
    await publishPersonal('failed');
    await call('post', `/v1/events/${head.id}/redeliver`, { body: { endpoint_id: plain.id } });
    await publishPersonal('pending', 'col_2');
    await claim(laneOf(ordered));
    const of = (id: string) => listDeliveries({ operation_id: id });
    const isPending = ({ status }: { status: string }) => status === 'pending';
    const pending = (await of('col_1')).filter(isPending).map(({ id }) => id);
    const skipped = (await of('col_1')).filter(({ status }) => status === 'skipped');
    expect([pending.length, skipped.length]).toEqual([5, 2]);

    await erase('col_1').expect(200);
    const after = await of('col_1');
    expect(after.filter(({ status }) => status === 'skipped')).toEqual(skipped);
    const cancelled = after.filter(({ id }) => pending.includes(id));
    expect(cancelled).toHaveLength(5);
    for (const one of cancelled) {
      expect(one).toMatchObject({ status: 'cancelled', status_reason: 'cancelled_by_user', next_attempt_at: null });
    }
    expect((await of('col_2')).filter(isPending)).toHaveLength(2);
    const told = (await logs()).filter(({ action }) => action === 'delivery.cancelled');
    expect(told.map(({ delivery_id: id }) => id).sort()).toEqual([...pending].sort());
    expect(await erasures()).toMatchObject([{ metadata: { events: 2, deliveries_cancelled: 5 } }]);

    const queue = sending.service.app.get(LaneQueueRepository);
    expect(await queue.settle(token, [batch - 1], [settlementOf(inAir!)])).toEqual(['recorded']);
    const shown = await readDelivery(encodeId('del', inAir!.id));
    expect(shown).toMatchObject({ status: 'cancelled', attempt_count: 1, attempts: [{ outcome: 'succeeded' }] });
    const next = await publishNew(sending.service, sending.key, operationEvent('collect.succeeded', 'col_1'));
    const claimed = (await claim(laneOf(ordered))).map(({ eventId }) => encodeId('evt', eventId));
    expect(claimed).toContain(next.id);
  });

  it('sends the erased bytes when an event is delivered again', async () => {
    await startDispatcher();
    await endpoint({ url: sending.receiver.url('/erased') });
    const event = await publishPersonal('pending');
    await sending.receiver.arrived(1, '/erased');
    await until(async () => (await listDeliveries()).every(isEnded));
    await erase('col_1').expect(200);
    await call('post', `/v1/events/${event.id}/redeliver`, { body: {} }).expect(202);
    const [first, again] = await sending.receiver.arrived(2, '/erased');
    expect([first!.body, again!.body]).toEqual([JSON.stringify(event), erasedTextOf(event)]);
  });
});
