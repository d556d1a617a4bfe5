import type { EntityManager } from 'typeorm';
import { decodeId, encodeId } from '../src/common/ids.js';
import { Database } from '../src/database/database.js';
import { CancellationsRepository } from '../src/deliveries/actions/cancellations.repository.js';
import { DeliveryActionsRepository } from '../src/deliveries/actions/delivery-actions.repository.js';
import { ResendsRepository } from '../src/deliveries/actions/resends.repository.js';
import { DispatcherLeaseRepository } from '../src/deliveries/dispatcher-lease.repository.js';
import { type ClaimedDelivery, type LaneClaim, LaneQueueRepository } from '../src/deliveries/lane-queue.repository.js';
import type { LaneId } from '../src/deliveries/lane-signals.js';
import { LeftoversRepository } from '../src/deliveries/leftovers.repository.js';
import { UnsendableRepository } from '../src/deliveries/unsendable.repository.js';
import { CrashSweeper } from '../src/dispatcher/crash-sweeper.js';
import { UnsendableDeliveries } from '../src/dispatcher/unsendable-deliveries.js';
import { LogWriter } from '../src/logs/log-writer.js';
import { deliveryWhen } from './support/deliveries.js';
import { DispatchFixture } from './support/dispatch-fixture.js';
import { operationEvent, publishBatch } from './support/publishing.js';
import { until } from './support/service.js';
import { settlementOf } from './support/settlements.js';

/** Whoever takes several locks takes endpoints, lanes, deliveries and followers in this order, each by their ids. */
describe('those who lock deliveries beside one another', () => {
  const sending = DispatchFixture.install({ ROLE: 'api' });
  const { listDeliveries, rows } = sending;
  let queue: LaneQueueRepository;
  let leases: DispatcherLeaseRepository;
  let sweeper: CrashSweeper;
  let token: string;
  beforeAll(() => {
    const { app } = sending.service;
    queue = app.get(LaneQueueRepository);
    leases = app.get(DispatcherLeaseRepository);
    const logs = app.get(LogWriter, { strict: false });
    sweeper = new CrashSweeper(
      leases,
      new UnsendableDeliveries(app.get(Database), app.get(UnsendableRepository), logs),
    );
  });
  beforeEach(async () => {
    token = await sending.holdLease();
  });

  const endpoint = async (ordering = 'none'): Promise<LaneId> => sending.laneOf(await sending.endpoint({ ordering }));
  /** Two events of each operation; the ids of their deliveries in the order of publishing. */
  const publish = async (operations: string[], rounds = 2): Promise<string[]> => {
    for (let round = 0; round < rounds; round++) {
      const type = round === 0 ? 'collect.pending' : 'collect.succeeded';
      await publishBatch(
        sending.service,
        sending.key,
        operations.map((id) => operationEvent(type, id)),
      );
    }
    const found = await rows<{ id: string }>(
      'SELECT id FROM signalpost.pending_deliveries WHERE account_id = $1 ORDER BY id',
      [decodeId('acct', sending.account.id)],
    );
    return found.map(({ id }) => id);
  };
  const claim = (lane: LaneId, batch: number, wanted: Partial<LaneClaim> = {}, inFlight: string[] = []) => {
    const all = { lane, room: 100, recheckWaiting: false, recheckAfter: null, rateLimit: null, after: null, ...wanted };
    return queue.claim(token, batch, [all], inFlight);
  };
  const settle = (deliveries: readonly ClaimedDelivery[]) =>
    queue.settle(
      token,
      [1],
      deliveries.map((delivery) => settlementOf(delivery)),
    );
  const waiting = async () => {
    const [row] = await rows<{ waiting: number }>(
      `SELECT count(*)::integer AS waiting FROM pg_stat_activity
       WHERE datname = current_database() AND wait_event_type = 'Lock'`,
    );
    return row!.waiting;
  };
  /** Runs `work` while somebody holds these deliveries. */
  const whileHeld = <R>(ids: readonly string[], work: (manager: EntityManager) => Promise<R>): Promise<R> =>
    sending.service.app.get(Database).transaction(async (manager) => {
      await manager.query('SELECT FROM signalpost.pending_deliveries WHERE id = ANY ($1) FOR NO KEY UPDATE', [ids]);
      return work(manager);
    });
  /** What dispatchers leave that died with these in the air, one after another; the last death is not counted yet. */
  const crash = async (lane: LaneId, ids: readonly string[], deaths: number) => {
    for (let death = 0; death < deaths; death++) {
      await leases.countCrashes();
      await rows(
        `INSERT INTO signalpost.claimed_batches (token, batch, account_ids, modes, delivery_ids, attempt_numbers)
         SELECT gen_random_uuid(), 1, array_fill($1::uuid, $3), array_fill('test'::text, $3), $2::uuid[],
           array_fill(1, $3)`,
        [lane[0], ids, [ids.length]],
      );
    }
  };
  const dueOf = async (id: string) => {
    const [row] = await rows<{ is_behind: boolean }>(
      `SELECT due_at = 'infinity' AS is_behind FROM signalpost.pending_deliveries WHERE id = $1`,
      [id],
    );
    return row === undefined ? 'ended' : row.is_behind ? 'behind' : 'due';
  };

  it('are not waited for by a claim that meets them as followers', async () => {
    const lane = await endpoint('operation');
    const [first, second, ofFirst, ofSecond] = await publish(['col_1', 'col_2']);
    await whileHeld([ofFirst!], async () => {
      const { deliveries } = await claim(lane, 1);
      expect(deliveries.map(({ id }) => id)).toEqual([first, second]);
    });
    expect([await dueOf(ofFirst!), await dueOf(ofSecond!)]).toEqual(['due', 'behind']);
    expect((await claim(lane, 2, {}, [first!, second!])).deliveries).toEqual([]);
    expect(await dueOf(ofFirst!)).toBe('behind');
  });

  it('are not waited for by a look at those left behind, which comes back for them', async () => {
    const lane = await endpoint('operation');
    const [left, other] = await publish(['col_1', 'col_2'], 1);
    await rows(`UPDATE signalpost.pending_deliveries SET due_at = 'infinity' WHERE id = ANY ($1)`, [[left, other]]);
    const looked = await whileHeld([other!], () => claim(lane, 1, { recheckWaiting: true }));
    expect([await dueOf(left!), await dueOf(other!)]).toEqual(['due', 'behind']);
    const recheckAfter = looked.lanes[0]!.recheckedTo;
    expect(recheckAfter).toBe(left);
    const again = await claim(lane, 2, { recheckWaiting: true, recheckAfter });
    expect([await dueOf(other!), again.lanes[0]!.recheckedTo]).toEqual(['due', null]);
  });

  it.each(['cancelling', 'ending what a deletion left'])(
    'settle and %s at once, whatever order the queue has them in',
    async (act) => {
      const lane = await endpoint();
      const [first, second, third] = await publish(['col_1', 'col_2', 'col_3'], 1);
      // The other way round than their ids.
      await rows(
        `UPDATE signalpost.pending_deliveries AS target SET due_at = now() - n * interval '1 minute'
         FROM unnest($1::uuid[]) WITH ORDINALITY AS given (id, n) WHERE target.id = given.id`,
        [[first, second, third]],
      );
      const { deliveries } = await claim(lane, 1);
      const caller = { accountId: lane[0], mode: lane[1] };
      if (act !== 'cancelling') {
        await rows(`UPDATE signalpost.webhook_endpoints SET deleted_at = now(), has_leftovers = true WHERE id = $1`, [
          lane[2],
        ]);
      }
      const end = () =>
        act === 'cancelling'
          ? sending.service.app
              .get(Database)
              .transaction((manager) =>
                sending.service.app.get(CancellationsRepository).cancel(caller, [third!, second!, first!], manager),
              )
          : sending.service.app
              .get(LeftoversRepository)
              .endSome({ account_id: lane[0], mode: 'test', id: lane[2] }, 1_000);
      const [ending, settling] = await whileHeld([second!], async () => {
        const isEnding = end();
        await until(async () => (await waiting()) === 1);
        const isSettling = settle(deliveries.filter(({ id }) => id !== second));
        await until(async () => (await waiting()) === 2);
        return [isEnding, isSettling];
      });
      await ending;
      expect(await settling).toEqual(['recorded', 'recorded']);
      const shown = await listDeliveries();
      expect(shown.map(({ status, attempt_count: count }) => `${status} ${count}`)).toEqual([
        'cancelled 1',
        'cancelled 0',
        'cancelled 1',
      ]);
    },
  );

  it('leave the mark of leftovers on an endpoint that was disabled again since they were looked for', async () => {
    const [accountId, , id] = await endpoint();
    const leftovers = sending.service.app.get(LeftoversRepository);
    const switchTo = async (status: string) => {
      await sending.call('patch', `/v1/webhook-endpoints/${encodeId('we', id)}`, { body: { status } }).expect(200);
    };
    const find = async () =>
      (await leftovers.findEndpoints(10_000)).find((found) => found.account_id === accountId && found.id === id);
    await switchTo('disabled');
    const earlier = await find();
    await switchTo('enabled');
    await switchTo('disabled');
    await leftovers.markDone(earlier!);
    const now = await find();
    expect(now).toBeDefined();
    await leftovers.markDone(now!);
    expect(await find()).toBeUndefined();
  });

  describe('when a delivery is poison', () => {
    it('release the one behind it at once, with a log', async () => {
      const lane = await endpoint('operation');
      const [head, follower] = await publish(['col_1']);
      await claim(lane, 1);
      expect(await dueOf(follower!)).toBe('behind');
      await crash(lane, [head!], 3);
      expect(await sweeper.runOnce()).toMatchObject({ crashed: 1, poisoned: 1 });
      expect(await dueOf(follower!)).toBe('due');
      expect((await claim(lane, 2)).deliveries.map(({ id }) => id)).toEqual([follower]);
      const [logs] = await rows<{ logs: number }>(
        `SELECT count(*)::integer AS logs FROM signalpost.logs WHERE delivery_id = $1 AND action = 'delivery.failed'`,
        [head],
      );
      expect(logs!.logs).toBe(1);
    });

    it('free the lanes of its dead dispatcher also when it cannot be ended', async () => {
      const lane = await endpoint();
      const [head] = await publish(['col_1'], 1);
      await claim(lane, 1);
      await crash(lane, [head!], 3);
      await rows('DELETE FROM signalpost.dispatchers WHERE token = $1', [token]);
      const { app } = sending.service;
      const failing = { write: () => Promise.reject(new Error('No log can be written.')) } as unknown as LogWriter;
      const unsendable = new UnsendableDeliveries(app.get(Database), app.get(UnsendableRepository), failing);
      await expect(new CrashSweeper(leases, unsendable).runOnce()).rejects.toThrow('No log can be written.');
      const owners = await rows('SELECT owner FROM signalpost.lanes WHERE endpoint_id = $1', [lane[2]]);
      expect(owners).toEqual([{ owner: null }]);
    });

    it('release the one behind it though a claim puts that aside meanwhile', async () => {
      const lane = await endpoint('operation');
      const [head, follower] = await publish(['col_1']);
      await crash(lane, [head!], 3);
      await leases.countCrashes();
      const ref = { accountId: lane[0], mode: lane[1], id: head! };
      const database = sending.service.app.get(Database);
      const inside = (manager: EntityManager) => {
        const rowsInside = (...[statement, values]: Parameters<Database['rows']>) =>
          database.rows(statement, values, manager);
        return new LaneQueueRepository({ rows: rowsInside } as unknown as Database, sending.service.config);
      };
      const wanted = { lane, room: 9, recheckWaiting: false, recheckAfter: null, rateLimit: null, after: null };
      await claim(lane, 1, { room: 0 });
      // As long as the one before it: a due time is rounded to the millisecond, so `now()` may still be ahead at the
      // claim.
      await rows(
        `UPDATE signalpost.pending_deliveries
         SET due_at = (SELECT due_at FROM signalpost.pending_deliveries WHERE id = $2) WHERE id = $1`,
        [follower, head],
      );
      let ending: Promise<unknown> = Promise.resolve();
      await database.transaction(async (manager) => {
        await inside(manager).claim(token, 2, [wanted], []);
        ending = database.transaction((other) => sending.service.app.get(UnsendableRepository).fail([ref], other));
        await until(async () => (await waiting()) === 1);
      });
      await ending;
      expect([await dueOf(head!), await dueOf(follower!)]).toEqual(['ended', 'due']);
    });

    it('end it beside somebody who is about to cancel it', async () => {
      const lane = await endpoint();
      const [id] = await publish(['col_1'], 1);
      await crash(lane, [id!], 3);
      const caller = { accountId: lane[0], mode: lane[1] };
      const sweep = await sending.service.app.get(Database).transaction(async (manager) => {
        await sending.service.app.get(ResendsRepository).hold(caller, lane[2], manager);
        await sending.service.app.get(ResendsRepository).wake(caller, [lane[2]], manager);
        const sweeping = sweeper.runOnce();
        await until(async () => (await waiting()) === 1);
        const actions = sending.service.app.get(DeliveryActionsRepository);
        const pending = await actions.lockPending(caller, id!, manager);
        await actions.cancel(caller, pending!, manager);
        return { sweeping };
      });
      expect(await sweep.sweeping).toMatchObject({ poisoned: 0 });
      const [shown] = await listDeliveries();
      expect(shown!.status_reason).toBe('cancelled_by_user');
    });

    it('end it, without another attempt, though whoever counted its last death died before ending it', async () => {
      await endpoint('operation');
      await publish(['col_1']);
      const [follower, head] = await listDeliveries();
      await rows('UPDATE signalpost.pending_deliveries SET crash_count = 3 WHERE id = $1', [decodeId('del', head!.id)]);
      await sending.startDispatcher();
      const ended = await sending.ended({ id: head!.event_id });
      expect(ended).toMatchObject({ status: 'failed', status_reason: 'poison', attempt_count: 0 });
      await deliveryWhen(sending.service, sending.key, follower!.event_id, ({ attempt_count: count }) => count > 0);
    });
  });
});
