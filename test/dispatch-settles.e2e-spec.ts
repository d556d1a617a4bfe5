import { type ClaimedDelivery, LaneQueueRepository } from '../src/deliveries/lane-queue.repository.js';
import type { LaneId } from '../src/deliveries/lane-signals.js';
import type { Settlement } from '../src/deliveries/settle-arguments.js';
import { DispatchFixture } from './support/dispatch-fixture.js';
import { operationEvent, publishBatch } from './support/publishing.js';
import { settlementOf } from './support/settlements.js';

/** What ends while a settle is under way goes together into the next one: it may say several things of one endpoint. */
describe('a settle of several attempts', () => {
  const sending = DispatchFixture.install({ ROLE: 'api' });
  const { rows } = sending;
  let queue: LaneQueueRepository;
  let token: string;
  beforeEach(async () => {
    queue = sending.service.app.get(LaneQueueRepository);
    token = await sending.holdLease();
  });

  /** The lane of a new endpoint, and a claimed delivery for each of the operations. */
  const claimed = async (...operations: string[]): Promise<[LaneId, readonly ClaimedDelivery[]]> => {
    const lane = sending.laneOf(await sending.endpoint({}));
    await publishBatch(
      sending.service,
      sending.key,
      operations.map((id) => operationEvent('collect.pending', id)),
    );
    const wanted = { lane, room: 100, recheckWaiting: false, recheckAfter: null, rateLimit: null, after: null };
    const { deliveries } = await queue.claim(token, 1, [wanted], []);
    expect(deliveries).toHaveLength(operations.length);
    return [lane, deliveries];
  };
  const settle = (settlements: readonly Settlement[]) => queue.settle(token, [1], settlements);
  const said = (delivery: ClaimedDelivery, more: Partial<Settlement>): Settlement => ({
    ...settlementOf(delivery),
    ...more,
  });
  const endpointOf = async (lane: LaneId) => {
    const [row] = await rows<{ failing_since: Date | null; dead_reason: string | null }>(
      'SELECT failing_since, dead_reason FROM signalpost.webhook_endpoints WHERE id = $1',
      [lane[2]],
    );
    return row!;
  };

  it('takes what it says of an endpoint one after another: a success in between begins the run of failures anew', async () => {
    const [lane, [first, second]] = await claimed('col_1', 'col_2');
    await rows(`UPDATE signalpost.webhook_endpoints SET failing_since = now() - interval '2 days' WHERE id = $1`, [
      lane[2],
    ]);
    const before = new Date();
    await settle([said(first!, { failingBegins: false }), said(second!, { failingBegins: true, disable: 'failing' })]);
    const { failing_since, dead_reason } = await endpointOf(lane);
    expect(failing_since!.getTime()).toBeGreaterThan(before.getTime() - 3_600_000);
    expect(dead_reason).toBeNull();
  });

  it('ends a run of failures with the last word, and keeps the mark of an endpoint that is gone', async () => {
    const [lane, [first, second]] = await claimed('col_1', 'col_2');
    await settle([said(first!, { failingBegins: true, disable: 'gone' }), said(second!, { failingBegins: false })]);
    expect(await endpointOf(lane)).toEqual({ failing_since: null, dead_reason: 'gone' });
  });

  it.each([
    ['gone', null],
    ['failing', '2 days'],
  ] as const)('does not mark an endpoint as %s that was changed since the request was sent', async (disable, since) => {
    const [lane, [first, second]] = await claimed('col_1', 'col_2');
    await rows(
      'UPDATE signalpost.webhook_endpoints SET revision = revision + 1, failing_since = now() - $2::interval WHERE id = $1',
      [lane[2], since],
    );
    const { failing_since: before } = await endpointOf(lane);
    await settle([said(first!, { failingBegins: true, disable })]);
    expect(await endpointOf(lane)).toEqual({ failing_since: before, dead_reason: null });
    await settle([said({ ...second!, revision: 2 }, { failingBegins: true, disable })]);
    expect(await endpointOf(lane)).toEqual({ failing_since: expect.any(Date), dead_reason: disable });
  });

  it('answers what became of each, in the order in which they were given', async () => {
    const [, [first, second, third]] = await claimed('col_1', 'col_2', 'col_3');
    await settle([said(second!, {})]);
    const settlements = [third!, second!, first!].map((delivery) => said(delivery, {}));
    expect(await settle(settlements)).toEqual(['settled', 'dropped', 'settled']);
  });
});
