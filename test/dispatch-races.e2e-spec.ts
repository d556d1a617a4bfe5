import { setTimeout as pause } from 'node:timers/promises';
import type { EntityManager } from 'typeorm';
import { decodeId, encodeId } from '../src/common/ids.js';
import { Database, type Statement } from '../src/database/database.js';
import { type ClaimedDelivery, type LaneClaim, LaneQueueRepository } from '../src/deliveries/lane-queue.repository.js';
import type { LaneId } from '../src/deliveries/lane-signals.js';
import { deliveryWhen, type ShownDelivery } from './support/deliveries.js';
import { DispatchFixture } from './support/dispatch-fixture.js';
import { until } from './support/service.js';
import { settlementOf } from './support/settlements.js';

describe('dispatchers beside one another, and their deaths', () => {
  /** Publishes and reads; dispatchers hear nothing of its commits but by their polls. */
  const sending = DispatchFixture.install({ ROLE: 'api' });
  const { call, endpoint, ended, laneOf, listDeliveries, publish, publishMany, readAll, readDelivery, rows } = sending;
  const { startDispatcher, stopDispatcher } = sending;

  const allEnded = async () => {
    await until(async () => (await listDeliveries({ status: 'pending' })).length === 0);
    return readAll<ShownDelivery>('/v1/deliveries');
  };
  const ownerOf = async (made: { id: string }) => {
    const [lane] = await rows<{ owner: string }>('SELECT owner FROM signalpost.lanes WHERE endpoint_id = $1', [
      decodeId('we', made.id),
    ]);
    return lane!.owner;
  };
  const arrivalCounts = (path = '/hook') => {
    const counts = new Map<string, number>();
    for (const { eventId } of sending.receiver.at(path)) counts.set(eventId, (counts.get(eventId) ?? 0) + 1);
    return [...counts.values()];
  };

  describe('the fence of a settle', () => {
    let queue: LaneQueueRepository;
    let token: string;
    let lane: LaneId;
    beforeEach(async () => {
      queue = sending.service.app.get(LaneQueueRepository);
      token = await sending.holdLease();
      lane = laneOf(await endpoint());
    });

    const claim = async (batch = 1): Promise<ClaimedDelivery[]> => {
      const wanted = { lane, room: 100, recheckWaiting: true, recheckAfter: null, rateLimit: null, after: null };
      return [...(await queue.claim(token, batch, [wanted], [])).deliveries];
    };
    const wait = { waitMs: 60_000 };

    it('lets nothing through once the lease has run out', async () => {
      const event = await publish('col_1');
      const [delivery] = await claim();
      await rows(`UPDATE signalpost.dispatchers SET lease_until = now() - interval '1 ms' WHERE token = $1`, [token]);
      expect(await queue.settle(token, [1], [settlementOf(delivery!)])).toBeNull();
      const [shown] = await listDeliveries({ event_id: event.id });
      expect(await readDelivery(shown!.id)).toMatchObject({ status: 'pending', attempts: [] });
      expect(await claim(2)).toEqual([]);
    });

    it.each([
      ['disabled', 'skipped', 'endpoint_disabled'],
      ['deleted', 'cancelled', 'endpoint_deleted'],
    ])('keeps the end of a delivery whose endpoint is %s while it is in the air', async (change, status, reason) => {
      const event = await publish('col_1');
      const [delivery] = await claim();
      const path = `/v1/webhook-endpoints/${encodeId('we', lane[2])}`;
      if (change === 'disabled') await call('patch', path, { body: { status: 'disabled' } }).expect(200);
      else await call('delete', path).expect(204);
      const [before] = await listDeliveries({ event_id: event.id });
      await queue.settle(token, [1], [settlementOf(delivery!)]);
      const after = await readDelivery(before!.id);
      expect(after).toMatchObject({ status, status_reason: reason, ended_at: before!.ended_at, attempt_count: 1 });
      expect(after.attempts).toMatchObject([{ number: 1, outcome: 'succeeded' }]);
    });

    describe('that crosses a claim which meets the follower', () => {
      let head: ClaimedDelivery;
      let wanted: LaneClaim;
      beforeEach(async () => {
        lane = laneOf(await endpoint({ ordering: 'operation' }));
        wanted = { lane, room: 100, recheckWaiting: false, recheckAfter: null, rateLimit: null, after: null };
        await publish('col_1');
        head = (await claim()).find((claimed) => claimed.lane[2] === lane[2])!;
        await publish('col_1', 'succeeded');
      });

      const inside = (manager: EntityManager) => {
        const database = sending.service.app.get(Database);
        const rowsInside = (statement: Statement, values: unknown[]) => database.rows(statement, values, manager);
        return new LaneQueueRepository({ rows: rowsInside } as Database, sending.service.config);
      };
      /** Runs `first` in a transaction that stays open until `second` waits for a lock of its. */
      const cross = async (
        first: (queue: LaneQueueRepository) => Promise<unknown>,
        second: () => Promise<unknown>,
      ): Promise<void> => {
        let other: Promise<unknown> = Promise.resolve();
        await sending.service.app.get(Database).transaction(async (manager) => {
          await first(inside(manager));
          other = second();
          await until(async () => {
            const [{ waiting }] = (await rows<{ waiting: number }>(
              `SELECT count(*)::integer AS waiting FROM pg_stat_activity
               WHERE datname = current_database() AND wait_event_type = 'Lock'`,
            )) as [{ waiting: number }];
            return waiting > 0;
          });
        });
        await other;
      };
      const claimAgain = (by: LaneQueueRepository) => by.claim(token, 2, [wanted], [head.id]);
      const settleHead = (by: LaneQueueRepository) => by.settle(token, [1], [settlementOf(head)]);
      const followerIsFree = async () => {
        const { deliveries } = await queue.claim(token, 3, [wanted], []);
        expect(deliveries.map(({ eventType }) => eventType)).toEqual(['collect.succeeded']);
      };

      it('releases the follower when the claim comes first', async () => {
        await cross(claimAgain, () => settleHead(queue));
        await followerIsFree();
      });

      it('waits for no settle that comes first, and leaves it to release the follower', async () => {
        const database = sending.service.app.get(Database);
        await database.transaction(async (manager) => {
          await settleHead(inside(manager));
          const { deliveries } = await claimAgain(queue);
          expect(deliveries).toEqual([]);
        });
        await followerIsFree();
      });

      it('leaves nothing aside that was published after the settle had looked for a follower', async () => {
        await settleHead(queue);
        const [last] = (await queue.claim(token, 2, [wanted], [])).deliveries;
        await sending.service.app.get(Database).transaction(async (manager) => {
          await inside(manager).settle(token, [2], [settlementOf(last!)]);
          await publish('col_1', 'failed');
          expect((await queue.claim(token, 3, [wanted], [last!.id])).deliveries).toEqual([]);
        });
        const { deliveries } = await queue.claim(token, 4, [wanted], []);
        expect(deliveries.map(({ eventType }) => eventType)).toEqual(['collect.failed']);
      });
    });

    it('lets an attempt take effect once', async () => {
      const event = await publish('col_1');
      const [delivery] = await claim();
      expect(await queue.settle(token, [1], [settlementOf(delivery!, wait)])).toEqual(['settled']);
      expect(await queue.settle(token, [], [settlementOf(delivery!)])).toEqual(['dropped']);
      const shown = await deliveryWhen(sending.service, sending.key, event.id, () => true);
      expect(shown).toMatchObject({ status: 'pending', attempt_count: 1, attempts: [{ number: 1 }] });
    });

    it('keeps the end of a delivery that was cancelled meanwhile, and still records its attempt', async () => {
      const event = await publish('col_1');
      const [delivery] = await claim();
      await rows(
        `WITH ended AS (DELETE FROM signalpost.pending_deliveries WHERE id = $1 RETURNING *)
         INSERT INTO signalpost.deliveries (account_id, mode, id, endpoint_id, event_id, event_type, operation_id,
           status, status_reason, ended_at)
         SELECT account_id, mode, id, endpoint_id, event_id, event_type, operation_id, 'cancelled',
           'cancelled_by_user', now() FROM ended`,
        [delivery!.id],
      );
      expect(await queue.settle(token, [1], [settlementOf(delivery!)])).toEqual(['recorded']);
      expect(await ended(event)).toMatchObject({
        status: 'cancelled',
        status_reason: 'cancelled_by_user',
        attempt_count: 1,
        attempts: [{ number: 1, outcome: 'succeeded' }],
      });
    });

    it('leaves nothing asleep that was published since its owner saw the endpoint disabled', async () => {
      const path = `/v1/webhook-endpoints/${encodeId('we', lane[2])}`;
      const set = (status: string) => call('patch', path, { body: { status } }).expect(200);
      await publish('col_1');
      await set('disabled');
      expect(await claim()).toEqual([]);
      await set('enabled');
      await publish('col_2');
      expect(await queue.park(token, [lane])).toHaveLength(1);
      expect((await queue.findReadyLanes(100)).map(([, , id]) => id)).toContain(lane[2]);
      const [delivery] = await claim(2);
      expect(await queue.settle(token, [2], [settlementOf(delivery!)])).toEqual(['settled']);
    });

    it('leaves nothing asleep when lanes are given back while events are published', async () => {
      const published: Promise<unknown>[] = [];
      let delivered = 0;
      let batch = 0;
      const rounds = 60;
      for (let round = 1; round <= rounds; round++) {
        published.push(publish(`col_a${round}`), publish(`col_b${round}`));
        // This dispatcher hears of nothing: it sees a lane only where it is ready or still its own.
        for (let isOwned = false; delivered < round * 2;) {
          isOwned ||= (await queue.findReadyLanes(100)).some(([, , id]) => id === lane[2]);
          if (!isOwned) continue;
          const claimed = await claim(++batch);
          delivered += claimed.length;
          if (claimed.length > 0) {
            await queue.settle(
              token,
              [batch],
              claimed.map((delivery) => settlementOf(delivery)),
            );
          }
          isOwned = (await queue.park(token, [lane])).length === 0;
        }
      }
      await Promise.all(published);
      expect(delivered).toBe(rounds * 2);
    }, 15_000);
  });

  it('deliver each once between two of them', async () => {
    const paths = ['/a', '/b', '/c', '/d'];
    await Promise.all(paths.map((path) => endpoint({ url: sending.receiver.url(path) })));
    await Promise.all([startDispatcher(), startDispatcher()]);
    await publishMany(100);
    const deliveries = await allEnded();
    expect(new Set(deliveries.map((delivery) => `${delivery.status} ${delivery.attempt_count}`))).toEqual(
      new Set(['succeeded 1']),
    );
    for (const path of paths) expect(arrivalCounts(path)).toEqual(Array<number>(100).fill(1));
  }, 20_000);

  it('write nothing more once their lease is gone; another sends what they had in the air', async () => {
    let open: () => void = () => undefined;
    const gate = new Promise<void>((resolve) => (open = resolve));
    sending.receiver.answer = () =>
      sending.receiver.arrivals.length === 1 ? { after: gate, body: 'late' } : { body: 'in time' };
    const made = await endpoint();
    const first = await startDispatcher();
    const event = await publish('col_1');
    await sending.receiver.arrived(1);
    await startDispatcher();
    // What another process does with a lease that has run out.
    await rows('DELETE FROM signalpost.dispatchers WHERE token = $1', [await ownerOf(made)]);
    await sending.receiver.arrived(2);
    await ended(event);
    open();
    await stopDispatcher(first);
    expect(await ended(event)).toMatchObject({
      status: 'succeeded',
      attempt_count: 1,
      attempts: [{ number: 1, response_body: 'in time' }],
    });
    expect(arrivalCounts()).toEqual([2]);
  }, 10_000);

  it('are survived when killed with deliveries in the air, which arrive again under the same attempt', async () => {
    let isDown = true;
    sending.receiver.answer = () => (isDown ? { after: new Promise(() => undefined) } : {});
    await endpoint();
    const { process: child, url } = sending.bootDispatcher();
    await url;
    await publishMany(3);
    await sending.receiver.arrived(3);
    expect((await listDeliveries()).map(({ in_flight: inFlight }) => inFlight)).toEqual([true, true, true]);
    isDown = false;
    const killedAtMs = performance.now();
    child.kill('SIGKILL');
    await startDispatcher();
    await sending.receiver.arrived(6);
    expect(performance.now() - killedAtMs).toBeLessThan(15_000);
    const deliveries = await allEnded();
    const shown = await Promise.all(deliveries.map(({ id }) => readDelivery(id)));
    for (const delivery of shown) {
      expect(delivery).toMatchObject({ status: 'succeeded', attempt_count: 1, attempts: [{ number: 1 }] });
    }
    expect(arrivalCounts()).toEqual([2, 2, 2]);
  }, 40_000);

  it('find new work within a second by their polls alone', async () => {
    await endpoint();
    await startDispatcher();
    for (const count of [1, 2]) {
      await rows(`SELECT pg_terminate_backend(pid) FROM pg_stat_activity
        WHERE datname = current_database() AND query LIKE 'LISTEN%'`);
      await publish(`col_${count}`);
      const publishedAtMs = performance.now();
      await sending.receiver.arrived(count);
      expect(performance.now() - publishedAtMs).toBeLessThan(1_000);
    }
  });

  it('lose nothing, repeat nothing and leave nothing behind when one ends under load', async () => {
    await Promise.all([endpoint(), endpoint({ url: sending.receiver.url('/other') })]);
    // The receiver's own time: so that deliveries are in the air whenever the first one is asked to end.
    sending.receiver.answer = () => ({ after: pause(20) });
    const [first] = await Promise.all([startDispatcher(), startDispatcher()]);
    await publishMany(200);
    await sending.receiver.until((arrivals) => arrivals.length >= 50);
    await stopDispatcher(first);
    const left = await rows<{ owned: number; batches: number }>(
      `SELECT (SELECT count(*) FROM signalpost.lanes l
         WHERE NOT EXISTS (SELECT FROM signalpost.dispatchers d WHERE d.token = l.owner) AND l.owner IS NOT NULL)::integer AS owned,
       (SELECT count(*) FROM signalpost.claimed_batches b
         WHERE NOT EXISTS (SELECT FROM signalpost.dispatchers d WHERE d.token = b.token))::integer AS batches`,
    );
    expect(left).toEqual([{ owned: 0, batches: 0 }]);
    expect(new Set((await allEnded()).map(({ status }) => status))).toEqual(new Set(['succeeded']));
    for (const path of ['/hook', '/other']) expect(arrivalCounts(path)).toEqual(Array<number>(200).fill(1));
  }, 40_000);
});
