import { decodeId } from '../src/common/ids.js';
import { Database } from '../src/database/database.js';
import { LaneQueueRepository } from '../src/deliveries/lane-queue.repository.js';
import { LeftoversJob } from '../src/dispatcher/leftovers-job.js';
import { makeDue } from './support/deliveries.js';
import { DispatchFixture } from './support/dispatch-fixture.js';
import { operationEvent } from './support/publishing.js';
import type { Arrival } from './support/receiver.js';
import { until } from './support/service.js';

describe('endpoints and what is owed to them', () => {
  const sending = DispatchFixture.install();
  const { call, endpoint, ended, publish, publishMany, readAll, rows, waiting } = sending;

  const change = (id: string, body: object) => call('patch', `/v1/webhook-endpoints/${id}`, { body }).expect(200);
  const storedEnd = async (delivery: { id: string }) => {
    const [row] = await rows<{ status: string; status_reason: string; ended_at: Date }>(
      'SELECT status, status_reason, ended_at FROM signalpost.deliveries WHERE id = $1',
      [decodeId('del', delivery.id)],
    );
    return row;
  };
  const actions = async (endpointId: string) =>
    (await readAll<{ id: string; action: string }>(`/v1/logs?endpoint_id=${endpointId}`)).map(({ action }) => action);

  it('takes a 410 as the end: of the delivery, of the endpoint, and of all it waits for', async () => {
    const { id } = await endpoint({ event_types: ['collect.*'] });
    await endpoint({ url: sending.receiver.url('/told'), event_types: ['webhook_endpoint.disabled'] });
    sending.receiver.answer = ({ path, body }) => {
      if (path === '/told') return {};
      return { status: body.includes('col_gone') ? 410 : 500 };
    };
    const earlier = await waiting(await publish('col_1'));
    const gone = await ended(await publish('col_gone'));
    expect(gone).toMatchObject({ status: 'failed', status_reason: 'gone', attempt_count: 1 });
    const [told] = await sending.receiver.arrived(1, '/told');
    expect(JSON.parse(told!.body)).toMatchObject({
      type: 'webhook_endpoint.disabled',
      data: { endpoint_id: id, url: sending.receiver.url(), reason: 'gone', unfinished: 1 },
    });
    const { body } = await call('get', `/v1/webhook-endpoints/${id}`).expect(200);
    expect(body).toMatchObject({ status: 'disabled', disabled_reason: 'gone' });
    expect(await actions(id)).toContain('webhook_endpoint.disabled');

    const skipped = await ended({ id: earlier.event_id });
    expect(skipped).toMatchObject({
      status: 'skipped',
      status_reason: 'endpoint_disabled',
      ended_at: body.disabled_at,
    });
    await until(async () => (await storedEnd(skipped)) !== undefined);
    expect(await storedEnd(skipped)).toEqual({
      status: 'skipped',
      status_reason: 'endpoint_disabled',
      ended_at: new Date(body.disabled_at as string),
    });
    const planned = await ended(await publish('col_later'));
    expect(planned).toMatchObject({ status: 'skipped', status_reason: 'endpoint_disabled', attempt_count: 0 });
  });

  it.each([
    [25, 'disabled'],
    [23, 'enabled'],
  ])('after %i hours of failures, exhaustion leaves the endpoint %s, and says so if it does', async (hours, status) => {
    const { id } = await endpoint({ event_types: ['collect.*'], retry_schedule: [3_600] });
    await endpoint({ url: sending.receiver.url('/told'), event_types: ['webhook_endpoint.disabled'] });
    sending.receiver.answer = ({ path }) => ({ status: path === '/told' ? 200 : 500 });
    const delivery = await waiting(await publish('col_1'));
    await rows(`UPDATE signalpost.webhook_endpoints SET failing_since = now() - $2 * interval '1 hour' WHERE id = $1`, [
      decodeId('we', id),
      hours,
    ]);
    await makeDue(sending.service, delivery.id);
    expect(await ended({ id: delivery.event_id })).toMatchObject({ status: 'failed', status_reason: 'exhausted' });
    const read = async () => (await call('get', `/v1/webhook-endpoints/${id}`)).body as object;
    const told = status === 'disabled' ? 1 : 0;
    if (told) await until(async () => isDisabled(await read()));
    expect(await read()).toMatchObject({ status, disabled_reason: status === 'disabled' ? 'failing' : null });
    expect((await actions(id)).filter((action) => action === 'webhook_endpoint.disabled')).toHaveLength(told);
    const arrivals = await sending.receiver.arrived(told, '/told');
    expect(arrivals.map(({ body }) => JSON.parse(body) as object)).toEqual(
      Array.from({ length: told }, () =>
        expect.objectContaining({
          type: 'webhook_endpoint.disabled',
          data: expect.objectContaining({
            endpoint_id: id,
            reason: 'failing',
            failing_since: expect.stringMatching(/Z$/) as string,
          }) as object,
        }),
      ),
    );
  });

  it('forgets a run of failures with the first success, also under a later owner of the lane', async () => {
    const { id } = await endpoint();
    const failingSince = async () => {
      const found = await rows<{ failing_since: Date | null }>(
        'SELECT failing_since FROM signalpost.webhook_endpoints WHERE id = $1',
        [decodeId('we', id)],
      );
      return found[0]!.failing_since;
    };
    sending.receiver.answer = () => ({ status: 500 });
    const delivery = await waiting(await publish('col_1'));
    expect(await failingSince()).not.toBeNull();
    // Another owner would find the lane as this one's next claim does: with what it knew forgotten.
    const [{ owner }] = (await rows<{ owner: string }>('SELECT owner FROM signalpost.lanes WHERE endpoint_id = $1', [
      decodeId('we', id),
    ])) as [{ owner: string }];
    await rows('DELETE FROM signalpost.dispatchers WHERE token = $1', [owner]);
    sending.receiver.answer = () => ({});
    await makeDue(sending.service, delivery.id);
    expect(await ended({ id: delivery.event_id })).toMatchObject({ status: 'succeeded' });
    expect(await failingSince()).toBeNull();
  });

  it('cancels what is unfinished when the endpoint is deleted, and keeps what was skipped before', async () => {
    const { id } = await endpoint();
    sending.receiver.answer = () => ({ status: 500 });
    const first = await waiting(await publish('col_1'));
    await change(id, { status: 'disabled' });
    await change(id, { status: 'enabled' });
    const second = await waiting(await publish('col_2'));
    await call('delete', `/v1/webhook-endpoints/${id}`).expect(204);
    const stands = async (eventId: string) => {
      const { status, status_reason: reason } = await ended({ id: eventId });
      return [status, reason];
    };
    const expected = [
      ['skipped', 'endpoint_disabled'],
      ['cancelled', 'endpoint_deleted'],
    ];
    expect([await stands(first.event_id), await stands(second.event_id)]).toEqual(expected);
    await until(async () => (await storedEnd(first)) !== undefined && (await storedEnd(second)) !== undefined);
    expect([await stands(first.event_id), await stands(second.event_id)]).toEqual(expected);
    expect(sending.receiver.arrivals).toHaveLength(2);
  });

  it('looks once more for what a slow publish may have planned for an endpoint that was just disabled', async () => {
    const { id } = await endpoint();
    const flag = async () => {
      const found = await rows<{ has_leftovers: boolean }>(
        'SELECT has_leftovers FROM signalpost.webhook_endpoints WHERE id = $1',
        [decodeId('we', id)],
      );
      return found[0]!.has_leftovers;
    };
    const isStuck = async (statement: string) => {
      const stuck = await rows(
        `SELECT FROM pg_stat_activity
         WHERE datname = current_database() AND wait_event_type = 'Lock' AND query LIKE $1`,
        [statement],
      );
      return stuck.length > 0;
    };
    const { app } = sending.service;
    // A publish locks lanes last of all, when it has read the endpoint.
    const { publishing, looking } = await app.get(Database).transaction(async (manager) => {
      await manager.query('SELECT FROM signalpost.lanes WHERE endpoint_id = $1 FOR UPDATE', [decodeId('we', id)]);
      const slow = publish('col_1');
      await until(() => isStuck('%publish_events%'));
      await change(id, { status: 'disabled' });
      const look = app.get(LeftoversJob).runOnce();
      await until(() => isStuck('%signalpost.ledgers%FOR SHARE%'));
      expect(await flag()).toBe(true);
      return { publishing: slow, looking: look };
    });
    const delivery = await ended(await publishing);
    expect(delivery).toMatchObject({ status: 'skipped', status_reason: 'endpoint_disabled' });
    await looking;
    await until(async () => (await storedEnd(delivery)) !== undefined);
    await until(async () => !(await flag()));
  });

  it('sends what came during a suspension once the account is active again', async () => {
    await endpoint();
    const suspend = (status: string) =>
      sending.service.call('patch', `/v1/admin/accounts/${sending.account.id}`, { body: { status } }).expect(200);
    await suspend('suspended');
    const headers = { 'signalpost-account': sending.account.id, 'signalpost-mode': 'test' };
    const body = operationEvent('collect.pending', 'col_1');
    const { body: event } = await sending.service.call('post', '/v1/events', { headers, body }).expect(201);
    // The dispatcher has met the closed lane and put it to sleep.
    await until(async () => {
      const found = await rows(
        `SELECT FROM signalpost.lanes WHERE account_id = $1 AND owner IS NULL AND wake_at = 'infinity' AND gen > 0`,
        [decodeId('acct', sending.account.id)],
      );
      return found.length === 1;
    });
    expect(sending.receiver.arrivals).toEqual([]);
    await suspend('active');
    expect((await sending.receiver.arrived(1))[0]!.eventId).toBe(event.id);
  });

  it('keeps the order of an operation while its first event fails, and holds no other operation back', async () => {
    await endpoint({ ordering: 'operation', retry_schedule: [60] });
    let isDown = true;
    sending.receiver.answer = ({ body }) => (isDown && body.includes('"col_1"') ? { status: 500 } : {});
    const first = await publish('col_1');
    const head = await waiting(first);
    const second = await publish('col_1', 'failed');
    const third = await publish('col_1', 'succeeded');
    const other = await publish('col_2');
    await ended(other);
    const followers = await sending.listDeliveries({ operation_id: 'col_1' });
    expect(followers.map(({ attempt_count: count }) => count)).toEqual([0, 0, 1]);
    isDown = false;
    await makeDue(sending.service, head.id);
    await ended(third);
    const order = sending.receiver.arrivals
      .filter(({ body }) => body.includes('"col_1"'))
      .map(({ eventId }) => eventId);
    expect(order).toEqual([first.id, first.id, second.id, third.id]);
  });

  it('sends those that wait for their turn, in order, when the order is given up and new events go past them', async () => {
    const { id } = await endpoint({ ordering: 'operation', retry_schedule: [60] });
    sending.receiver.answer = () => ({ status: 500 });
    const first = await publish('col_1');
    const head = await waiting(first);
    sending.receiver.answer = () => ({});
    const followers: { id: string }[] = [];
    for (let n = 0; n < 20; n++) followers.push(await publish('col_1', n % 2 === 0 ? 'failed' : 'succeeded'));
    await until(async () => {
      const behind = await rows(
        `SELECT FROM signalpost.pending_deliveries WHERE endpoint_id = $1 AND due_at = 'infinity'`,
        [decodeId('we', id)],
      );
      return behind.length === followers.length;
    });
    await change(id, { ordering: 'none' });
    let open: () => void = () => undefined;
    const gate = new Promise<void>((resolve) => (open = resolve));
    sending.receiver.answer = ({ eventId }) => (eventId === first.id ? { after: gate } : {});
    await makeDue(sending.service, head.id);
    await sending.receiver.until((arrivals) => arrivals.filter(({ eventId }) => eventId === first.id).length === 2);
    // The lane has nothing else to do now, and each of the next events finds it so.
    for (let n = 0; n < 3; n++) await ended(await publish(`col_before_${n}`));
    open();
    for (let n = 0; n < 20; n++) await ended(await publish(`col_after_${n}`));
    await ended(followers.at(-1)!);
    const order = sending.receiver.arrivals
      .filter(({ body }) => body.includes('"col_1"'))
      .map(({ eventId }) => eventId);
    expect(order).toEqual([first.id, first.id, ...followers.map((follower) => follower.id)]);
  });

  it('sends at no more than the rate, from the first request on', async () => {
    await endpoint({ rate_limit: 20 });
    await publishMany(25);
    const arrivals = await sending.receiver.arrived(25);
    expect(mostWithin(1_000, arrivals)).toBeLessThanOrEqual(21);
    expect(mostWithin(200, arrivals)).toBeLessThanOrEqual(6);
    expect(arrivals.at(-1)!.atMs - arrivals[0]!.atMs).toBeLessThan(2_000);
  });

  it('ends a delivery whose event is past the retention as expired, and goes on behind it', async () => {
    const { id } = await endpoint({ ordering: 'operation', retry_schedule: [3_600] });
    sending.receiver.answer = () => ({ status: 500 });
    const old = await waiting(await publish('col_1'));
    const next = await publish('col_1', 'succeeded');
    sending.receiver.answer = () => ({});
    await rows('DELETE FROM signalpost.events WHERE id = $1', [decodeId('evt', old.event_id)]);
    await makeDue(sending.service, old.id);
    await ended(next);
    expect(await storedEnd(old)).toMatchObject({ status: 'failed', status_reason: 'expired' });
    const logs = await readAll<{ id: string; description: string }>(`/v1/logs?endpoint_id=${id}`);
    expect(logs.map(({ description }) => description)).toContainEqual(
      expect.stringContaining('older than the retention'),
    );
    await until(async () => (await rows('SELECT FROM signalpost.claimed_batches')).length === 0);
  });

  it('tells a claim nothing newer than what it looked at, so that what comes meanwhile shows as a change', async () => {
    const { id } = await endpoint();
    sending.receiver.answer = () => ({ status: 500 });
    const failed = await waiting(await publish('col_1'));
    const runner = sending.service.dataSource.createQueryRunner();
    await runner.connect();
    const lane = sending.laneOf({ id });
    const [{ owner, gen }] = (await rows<{ owner: string; gen: string }>(
      'SELECT owner, gen FROM signalpost.lanes WHERE endpoint_id = $1',
      [lane[2]],
    )) as [{ owner: string; gen: string }];
    try {
      await rows('UPDATE signalpost.pending_deliveries SET due_at = now() WHERE id = $1', [decodeId('del', failed.id)]);
      await runner.startTransaction();
      // Who records a batch, behind its look at the queue, waits for whoever writes one under the same number.
      await runner.query(
        `INSERT INTO signalpost.claimed_batches (token, batch, account_ids, modes, delivery_ids, attempt_numbers)
         VALUES ($1, 999999, '{}', '{}', '{}', '{}')`,
        [owner],
      );
      const wanted = { lane, room: 10, recheckWaiting: false, recheckAfter: null, rateLimit: null, after: null };
      const claiming = sending.service.app.get(LaneQueueRepository).claim(owner, 999_999, [wanted], []);
      await until(async () => {
        const held = await rows(
          `SELECT FROM pg_stat_activity WHERE datname = current_database() AND query LIKE '%claim_deliveries(%'
             AND pid <> pg_backend_pid() AND wait_event = 'transactionid'`,
        );
        return held.length > 0;
      });
      await rows('UPDATE signalpost.lanes SET gen = gen + 1 WHERE endpoint_id = $1', [lane[2]]);
      await runner.rollbackTransaction();
      expect((await claiming).lanes.map((state) => state.gen)).toEqual([gen]);
    } finally {
      await runner.release();
    }
  });
});

function isDisabled(endpoint: object): boolean {
  return (endpoint as { status: string }).status === 'disabled';
}

function mostWithin(windowMs: number, arrivals: readonly Arrival[]): number {
  const counts = arrivals.map(
    ({ atMs }) => arrivals.filter((other) => other.atMs >= atMs && other.atMs < atMs + windowMs).length,
  );
  return Math.max(...counts);
}
