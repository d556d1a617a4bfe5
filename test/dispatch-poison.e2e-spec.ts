import { setTimeout as pause } from 'node:timers/promises';
import { DispatcherLeaseRepository } from '../src/deliveries/dispatcher-lease.repository.js';
import { LaneQueueRepository } from '../src/deliveries/lane-queue.repository.js';
import type { LaneId } from '../src/deliveries/lane-signals.js';
import { listDeliveries, makeEndpoint, type ShownDelivery } from './support/deliveries.js';
import { DispatchFixture } from './support/dispatch-fixture.js';
import { until } from './support/service.js';
import { settlementOf } from './support/settlements.js';

/** Longer than it takes to kill a process; what answers sooner is settled, and only shows less. */
const NEIGHBOURS_MS = 300;

describe('a delivery whose sending kills the dispatcher', () => {
  /** Does not send. */
  const sending = DispatchFixture.install({ ROLE: 'api' });
  const { bootDispatcher, endpoint, laneOf, publish, publishMany, readAll, rows, startDispatcher } = sending;

  const expireLeases = () => rows(`UPDATE signalpost.dispatchers SET lease_until = now() - interval '1 ms'`);

  it('alone ends as poison: what it took with it is delivered, other accounts’ too', async () => {
    const made = await endpoint();
    const other = (await sending.makeAccount()).test.secretKey;
    await makeEndpoint(sending.service, other, { url: sending.receiver.url('/other') });
    await publishMany(3);
    const deadly = await publish('col_deadly');
    await publishMany(3, 3);
    await publish('col_1', 'pending', other);
    sending.receiver.answer = ({ eventId }) => ({
      after: eventId === deadly.id ? new Promise(() => undefined) : pause(NEIGHBOURS_MS),
    });

    for (let death = 1; death <= 3; death++) {
      const child = bootDispatcher();
      await sending.receiver.until(
        (arrivals) => arrivals.filter(({ eventId }) => eventId === deadly.id).length >= death,
      );
      child.process.kill('SIGKILL');
      await child.ended;
      await expireLeases();
    }
    await startDispatcher();
    const all = async () => [
      ...(await listDeliveries(sending.service, sending.key, {})),
      ...(await listDeliveries(sending.service, other, {})),
    ];
    await until(async () => (await all()).every(({ status }) => status !== 'pending'));

    const ends = (await all()).map((one: ShownDelivery) => [one.event_id, one.status, one.status_reason]);
    expect(ends).toHaveLength(8);
    expect(ends.filter(([, status]) => status !== 'succeeded')).toEqual([[deadly.id, 'failed', 'poison']]);
    expect(sending.receiver.arrivals.filter(({ eventId }) => eventId === deadly.id)).toHaveLength(3);
    const logs = await readAll<{ id: string; event_id: string; description: string }>(
      `/v1/logs?endpoint_id=${made.id}&action=delivery.failed`,
    );
    expect(logs).toMatchObject([{ event_id: deadly.id, description: expect.stringContaining('/hook') as string }]);
  }, 60_000);

  describe('is suspected after two deaths, and', () => {
    let queue: LaneQueueRepository;
    let leases: DispatcherLeaseRepository;
    let token: string;
    let lanes: readonly [LaneId, LaneId];
    let ids: string[];
    beforeEach(async () => {
      queue = sending.service.app.get(LaneQueueRepository);
      leases = sending.service.app.get(DispatcherLeaseRepository);
      token = await sending.holdLease();
      lanes = [laneOf(await endpoint()), laneOf(await endpoint({ url: sending.receiver.url('/second') }))];
      await publishMany(3);
      const found = await rows<{ id: string }>(
        'SELECT id FROM signalpost.pending_deliveries WHERE account_id = $1 ORDER BY endpoint_id = $2, id',
        [lanes[0][0], lanes[1][2]],
      );
      ids = found.map(({ id }) => id);
    });

    const suspect = (suspects: readonly string[]) =>
      rows('UPDATE signalpost.pending_deliveries SET crash_count = 2 WHERE id = ANY ($1)', [suspects]);
    const claim = async (batch: number, inFlight: readonly string[] = []) => {
      const how = { room: 10, recheckWaiting: false, recheckAfter: null, rateLimit: null, after: null };
      const wanted = lanes.map((lane) => ({ lane, ...how }));
      return queue.claim(token, batch, wanted, inFlight);
    };
    const idsOf = (deliveries: readonly { id: string }[]) => deliveries.map(({ id }) => id).sort();
    const countOf = async (id: string) => {
      const [row] = await rows<{ crash_count: number }>(
        'SELECT crash_count FROM signalpost.pending_deliveries WHERE id = $1',
        [id],
      );
      return row!.crash_count;
    };
    const die = async (inTheAir: readonly string[]) => {
      await rows(
        `INSERT INTO signalpost.claimed_batches (token, batch, account_ids, modes, delivery_ids, attempt_numbers)
         SELECT gen_random_uuid(), 1, array_fill($1::uuid, $3), array_fill('test'::text, $3), $2::uuid[],
           array_fill(1, $3)`,
        [lanes[0][0], inTheAir, [inTheAir.length]],
      );
      await leases.countCrashes();
    };

    it('goes without another suspect beside it; the others follow, and hold up nothing meanwhile', async () => {
      const suspects = [ids[0]!, ids[1]!, ids[3]!];
      const others = [ids[2]!, ids[4]!, ids[5]!];
      await suspect(suspects);
      const first = await claim(1);
      expect(idsOf(first.deliveries)).toEqual([suspects[0]!, ...others].sort());
      expect(first.lanes.map(({ nextDueInMs }) => nextDueInMs)).toEqual([100, 100]);
      const second = await claim(2, idsOf(first.deliveries));
      expect(second.deliveries).toEqual([]);
      expect(second.lanes.map(({ nextDueInMs }) => nextDueInMs)).toEqual([100, 100]);
      const settled = first.deliveries.find(({ id }) => id === suspects[0])!;
      // The batch stays open, for the others of it are still in the air.
      await queue.settle(token, [], [settlementOf(settled)]);
      expect(idsOf((await claim(3, others)).deliveries)).toEqual([suspects[1]]);
      await queue.settle(token, [], [settlementOf({ ...settled, id: suspects[1]! })]);
      const last = await claim(4, others);
      expect(idsOf(last.deliveries)).toEqual([suspects[2]]);
      expect(last.lanes.map(({ nextDueInMs }) => nextDueInMs)).toEqual([null, null]);
    });

    it('goes again when it was given back unsent, though its batch is still open', async () => {
      await suspect([ids[0]!]);
      const first = idsOf((await claim(1)).deliveries);
      const rest = first.filter((id) => id !== ids[0]);
      expect(idsOf((await claim(2, rest)).deliveries)).toEqual([ids[0]]);
    });

    it('is not ended by a death that it shares with another suspect', async () => {
      await suspect([ids[0]!, ids[3]!]);
      await die([ids[0]!, ids[1]!, ids[3]!]);
      expect(await Promise.all([ids[0]!, ids[1]!, ids[3]!].map(countOf))).toEqual([2, 1, 2]);
      await die([ids[0]!, ids[1]!]);
      expect(await Promise.all([ids[0]!, ids[1]!].map(countOf))).toEqual([3, 2]);
    });

    it('stands no worse after several deaths that are counted at once', async () => {
      for (let death = 0; death < 4; death++) {
        await rows(
          `INSERT INTO signalpost.claimed_batches (token, batch, account_ids, modes, delivery_ids, attempt_numbers)
           VALUES (gen_random_uuid(), 1, ARRAY[$1::uuid], '{test}', ARRAY[$2::uuid], '{1}')`,
          [lanes[0][0], ids[0]],
        );
      }
      await leases.countCrashes();
      expect(await countOf(ids[0]!)).toBe(2);
    });
  });
});
