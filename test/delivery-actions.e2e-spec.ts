import { decodeId, encodeId } from '../src/common/ids.js';
import { DispatcherLeaseRepository } from '../src/deliveries/dispatcher-lease.repository.js';
import { type ClaimedDelivery, LaneQueueRepository } from '../src/deliveries/lane-queue.repository.js';
import type { LaneId } from '../src/deliveries/lane-signals.js';
import type { Settlement } from '../src/deliveries/settle-arguments.js';
import { makeEndpoint, type ShownDelivery } from './support/deliveries.js';
import { DispatchFixture } from './support/dispatch-fixture.js';
import { FakeDns } from './support/fake-dns.js';
import { until } from './support/service.js';
import { settlementOf } from './support/settlements.js';

interface ShownLog {
  readonly id: string;
  readonly action: string;
  readonly status: string;
  readonly description: string;
  readonly delivery_id: string | null;
  readonly request_id: string | null;
  readonly actor: { readonly type: string };
}

describe('acting on deliveries', () => {
  /** Publishes and answers; nothing is sent unless a test claims it by hand or starts a dispatcher. */
  const sending = DispatchFixture.install({ ROLE: 'api' });
  const { call, endpoint, laneOf, listDeliveries, outcome, publish, readAll, readDelivery, rows } = sending;
  let queue: LaneQueueRepository;
  let token: string;
  beforeAll(() => {
    queue = sending.service.app.get(LaneQueueRepository);
  });
  beforeEach(async () => {
    token = await sending.holdLease();
  });

  const deliveryOf = async (event: { id: string }): Promise<ShownDelivery> =>
    readDelivery((await listDeliveries({ event_id: event.id }))[0]!.id);
  const act = (id: string, action: 'retry' | 'cancel', headers = {}) =>
    call('post', `/v1/deliveries/${id}/${action}`, { headers });
  const acted = async (id: string, action: 'retry' | 'cancel'): Promise<ShownDelivery> =>
    (await act(id, action).expect(action === 'retry' ? 202 : 200)).body as ShownDelivery;
  const redeliver = (eventId: string, body?: object, headers = {}) =>
    call('post', `/v1/events/${eventId}/redeliver`, { body, headers });
  const logsOf = async (deliveryId: string) =>
    (await readAll<ShownLog>('/v1/logs')).filter((log) => log.delivery_id === deliveryId);
  let batch = 0;
  const claim = async (lane: LaneId, recheckWaiting = false): Promise<ClaimedDelivery[]> => {
    const wanted = { lane, room: 100, recheckWaiting, rateLimit: null, recheckAfter: null, after: null };
    return [...(await queue.claim(token, ++batch, [wanted], [])).deliveries];
  };
  const settle = (delivery: ClaimedDelivery, next?: Settlement['next']) =>
    queue.settle(token, [batch], [settlementOf(delivery, next)]);
  const failed: Settlement['next'] = { end: 'failed', reason: 'exhausted' };
  const laneStateOf = async (made: { id: string }) => {
    const [lane] = await rows<{ owner: string | null; is_awake: boolean; gen: string }>(
      'SELECT owner, wake_at <= now() AS is_awake, gen FROM signalpost.lanes WHERE endpoint_id = $1',
      [decodeId('we', made.id)],
    );
    return lane!;
  };

  describe('retry', () => {
    it('makes a pending one due now, wakes its lane and logs it', async () => {
      const made = await endpoint();
      const event = await publish('col_1');
      const [delivery] = await claim(laneOf(made));
      await settle(delivery!, { waitMs: 3_600_000 });
      expect(await queue.park(token, [laneOf(made)])).toHaveLength(1);
      const before = await deliveryOf(event);
      const { body, headers } = await act(before.id, 'retry').expect(202);
      expect(body).toMatchObject({
        ...before,
        next_attempt_at: expect.any(String) as string,
        status: 'pending',
        trigger: 'event',
        attempt_count: 1,
      });
      expect(Date.parse(body.next_attempt_at as string)).toBeLessThan(Date.parse(before.next_attempt_at!) - 3_000_000);
      expect(await laneStateOf(made)).toMatchObject({ owner: null, is_awake: true });
      expect((await claim(laneOf(made))).map(({ id }) => id)).toEqual([delivery!.id]);
      expect(await logsOf(before.id)).toMatchObject([
        {
          action: 'delivery.retried',
          status: 'info',
          description: `New try asked for: webhook to ${sending.receiver.url().replace('http://', '')}`,
          request_id: headers['request-id'],
          actor: { type: 'key' },
        },
      ]);
    });

    it('asked twice at once leaves a pending one the only one', async () => {
      await endpoint();
      const event = await publish('col_1');
      const { id } = await deliveryOf(event);
      const both = await Promise.all([acted(id, 'retry'), acted(id, 'retry')]);
      expect(both.map((delivery) => delivery.id)).toEqual([id, id]);
      expect(await listDeliveries({ event_id: event.id })).toHaveLength(1);
    });

    it('leaves one whose attempt is under way as it is', async () => {
      const made = await endpoint();
      const event = await publish('col_1');
      const [delivery] = await claim(laneOf(made));
      const before = await deliveryOf(event);
      expect(before.in_flight).toBe(true);
      expect(await acted(before.id, 'retry')).toEqual(before);
      expect(await settle(delivery!)).toEqual(['settled']);
      expect(await deliveryOf(event)).toMatchObject({ status: 'succeeded', attempt_count: 1 });
    });

    it('lets one that waits for its turn wait on', async () => {
      const made = await endpoint({ ordering: 'operation' });
      await publish('col_1');
      const [head] = await claim(laneOf(made));
      const next = await publish('col_1', 'succeeded');
      expect(await claim(laneOf(made))).toEqual([head]);
      const { id } = await deliveryOf(next);
      expect(await acted(id, 'retry')).toMatchObject({ status: 'pending', next_attempt_at: null });
    });

    it.each(['failed', 'succeeded', 'cancelled'])('makes a new one of one that %s, outside the order', async (end) => {
      const made = await endpoint({ ordering: 'operation' });
      const event = await publish('col_1');
      const [delivery] = await claim(laneOf(made));
      const first = await deliveryOf(event);
      if (end === 'cancelled') await acted(first.id, 'cancel');
      await settle(delivery!, end === 'failed' ? failed : undefined);
      const before = await readDelivery(first.id);
      expect(before.status).toBe(end);
      await publish('col_1', 'succeeded');
      const again = await acted(first.id, 'retry');
      expect(again).toMatchObject({
        event_id: event.id,
        event_type: 'collect.pending',
        endpoint_id: made.id,
        operation_id: 'col_1',
        status: 'pending',
        trigger: 'retry',
        previous_delivery_id: first.id,
        attempt_count: 0,
        attempts: [],
      });
      expect(again.id).not.toBe(first.id);
      expect(await readDelivery(first.id)).toEqual(before);
      expect((await claim(laneOf(made))).map(({ id }) => encodeId('del', id)).sort()).toContain(again.id);
      expect((await logsOf(again.id)).map(({ action }) => action)).toEqual(['delivery.retried']);
      const ids = (await listDeliveries({ event_id: event.id })).map(({ id }) => id);
      expect(ids).toEqual([again.id, first.id]);
    });

    it('repeats its answer under one Idempotency-Key and makes another without', async () => {
      const made = await endpoint();
      const event = await publish('col_1');
      const [delivery] = await claim(laneOf(made));
      await settle(delivery!);
      const { id } = await deliveryOf(event);
      const headers = { 'idempotency-key': 'retry-1' };
      const first = await act(id, 'retry', headers).expect(202);
      const replayed = await act(id, 'retry', headers).expect(202);
      expect(replayed.headers['idempotency-replayed']).toBe('true');
      expect(replayed.body).toEqual(first.body);
      expect(await listDeliveries({ event_id: event.id })).toHaveLength(2);
      await act(id, 'retry').expect(202);
      expect(await listDeliveries({ event_id: event.id })).toHaveLength(3);
    });

    it('says that an endpoint is disabled, deleted, or its event too old', async () => {
      const made = await endpoint();
      const event = await publish('col_1');
      const { id } = await deliveryOf(event);
      const path = `/v1/webhook-endpoints/${made.id}`;
      await call('patch', path, { body: { status: 'disabled' } }).expect(200);
      expect(await outcome('post', `/v1/deliveries/${id}/retry`)).toBe('409 endpoint_disabled');
      await call('patch', path, { body: { status: 'enabled' } }).expect(200);
      const again = await acted(id, 'retry');
      expect(again).toMatchObject({ trigger: 'retry', previous_delivery_id: id });
      await rows('DELETE FROM signalpost.events WHERE id = $1', [decodeId('evt', event.id)]);
      expect(await outcome('post', `/v1/deliveries/${id}/retry`)).toBe('410 expired');
      await call('delete', path).expect(204);
      expect(await outcome('post', `/v1/deliveries/${again.id}/retry`)).toBe('404 not_found');
    });
  });

  describe('cancel', () => {
    it('ends a pending one at once, so that nobody claims it, and logs it', async () => {
      const made = await endpoint();
      const event = await publish('col_1');
      const { id } = await deliveryOf(event);
      const cancelled = await acted(id, 'cancel');
      expect(cancelled).toMatchObject({
        id,
        status: 'cancelled',
        status_reason: 'cancelled_by_user',
        in_flight: false,
        next_attempt_at: null,
        ended_at: expect.any(String) as string,
      });
      expect(await readDelivery(id)).toEqual(cancelled);
      expect(await claim(laneOf(made))).toEqual([]);
      expect(await logsOf(id)).toMatchObject([
        { action: 'delivery.cancelled', status: 'info', description: expect.stringMatching(/ cancelled$/) as string },
      ]);
      expect(await outcome('post', `/v1/deliveries/${id}/cancel`)).toBe('409 delivery_ended');
    });

    it('keeps its end when the attempt in the air succeeds, and records that attempt', async () => {
      const made = await endpoint();
      const event = await publish('col_1');
      const [delivery] = await claim(laneOf(made));
      const { id } = await deliveryOf(event);
      const cancelled = await acted(id, 'cancel');
      expect(cancelled).toMatchObject({ status: 'cancelled', attempt_count: 0, attempts: [] });
      expect(await settle(delivery!)).toEqual(['recorded']);
      expect(await readDelivery(id)).toEqual({
        ...cancelled,
        attempt_count: 1,
        attempts: [expect.objectContaining({ number: 1, outcome: 'succeeded' })],
      });
    });

    it('and a settle of the same delivery at the same time agree on one end', async () => {
      const made = await endpoint();
      for (let round = 1; round <= 20; round++) {
        const event = await publish(`col_${round}`);
        const [delivery] = await claim(laneOf(made));
        const { id } = await deliveryOf(event);
        const [settled, cancelled] = await Promise.all([
          settle(delivery!),
          outcome('post', `/v1/deliveries/${id}/cancel`),
        ]);
        const shown = await readDelivery(id);
        const expected = settled![0] === 'settled' ? ['409 delivery_ended', 'succeeded'] : ['200', 'cancelled'];
        expect([cancelled, shown.status, shown.attempts.length]).toEqual([...expected, 1]);
      }
    });

    it.each([
      ['the owner lives', false],
      ['the owner dies first', true],
    ])('of the head of an operation gives the next its turn when %s', async (_case, isKilled) => {
      const made = await endpoint({ ordering: 'operation' });
      const head = await publish('col_1');
      expect(await claim(laneOf(made))).toHaveLength(1);
      const next = await publish('col_1', 'succeeded');
      await publish('col_1', 'succeeded');
      await claim(laneOf(made));
      expect(await deliveryOf(next)).toMatchObject({ status: 'pending', next_attempt_at: null });
      const { gen } = await laneStateOf(made);
      if (isKilled) await rows('DELETE FROM signalpost.dispatchers WHERE token = $1', [token]);
      await acted((await deliveryOf(head)).id, 'cancel');
      expect(Number((await laneStateOf(made)).gen)).toBe(Number(gen) + 1);
      if (isKilled) {
        await rows('DELETE FROM signalpost.claimed_batches WHERE token = $1', [token]);
        await sending.service.app.get(DispatcherLeaseRepository).freeLanes();
        token = await sending.holdLease();
      }
      // Without looking for what waits: whoever cancels has released it.
      expect((await claim(laneOf(made))).map(({ eventId }) => encodeId('evt', eventId))).toEqual([next.id]);
    });

    it('of a follower leaves its head and the next one in their order', async () => {
      const made = await endpoint({ ordering: 'operation' });
      await publish('col_1');
      const [head] = await claim(laneOf(made));
      const second = await publish('col_1', 'succeeded');
      const third = await publish('col_1', 'succeeded');
      await claim(laneOf(made));
      await acted((await deliveryOf(second)).id, 'cancel');
      expect((await claim(laneOf(made))).map(({ id }) => id)).toEqual([head!.id]);
      await settle(head!);
      expect((await claim(laneOf(made))).map(({ eventId }) => encodeId('evt', eventId))).toEqual([third.id]);
    });

    it.each(['disabled', 'deleted'])('knows one whose endpoint was %s as ended', async (change) => {
      const made = await endpoint();
      const { id } = await deliveryOf(await publish('col_1'));
      const path = `/v1/webhook-endpoints/${made.id}`;
      if (change === 'disabled') await call('patch', path, { body: { status: 'disabled' } }).expect(200);
      else await call('delete', path).expect(204);
      expect(await outcome('post', `/v1/deliveries/${id}/cancel`)).toBe('409 delivery_ended');
    });
  });

  describe('redeliver', () => {
    it('makes one for every enabled endpoint that takes the type now, with what was before', async () => {
      const first = await endpoint();
      const disabled = await endpoint();
      await endpoint({ event_types: ['payment.*'] });
      const event = await publish('col_1');
      const added = await endpoint({ event_types: ['*'] });
      await call('patch', `/v1/webhook-endpoints/${disabled.id}`, { body: { status: 'disabled' } }).expect(200);
      const before = (await listDeliveries({ event_id: event.id, endpoint_id: first.id }))[0]!;
      const { body } = await redeliver(event.id).expect(202);
      expect(body).toMatchObject({ object: 'list', has_more: false });
      const made = body.data as ShownDelivery[];
      expect(made.map((delivery) => delivery.endpoint_id)).toEqual([first.id, added.id]);
      expect(made).toMatchObject([
        { trigger: 'redeliver', previous_delivery_id: before.id, status: 'pending', event_id: event.id },
        { trigger: 'redeliver', previous_delivery_id: null, status: 'pending', event_id: event.id },
      ]);
      expect(made[0]).not.toHaveProperty('attempts');
      expect(await laneStateOf(added)).toMatchObject({ is_awake: true, gen: '1' });
      expect(await claim(laneOf(first))).toHaveLength(2);
      expect((await logsOf(made[1]!.id)).map(({ action }) => action)).toEqual(['delivery.redelivered']);
      const second = await redeliver(event.id, { endpoint_id: first.id }).expect(202);
      expect((second.body.data as object[])[0]).toMatchObject({ previous_delivery_id: made[0]!.id });
    });

    it('sends to the endpoint named whatever it takes, and to none when none takes the type', async () => {
      const payments = await endpoint({ event_types: ['payment.*'] });
      const event = await publish('col_1');
      expect((await redeliver(event.id, { endpoint_id: null }).expect(202)).body).toEqual({
        object: 'list',
        data: [],
        has_more: false,
      });
      const { body } = await redeliver(event.id, { endpoint_id: payments.id }).expect(202);
      expect(body.data).toMatchObject([{ endpoint_id: payments.id, event_type: 'collect.pending' }]);
      expect(await claim(laneOf(payments))).toHaveLength(1);
    });

    it('refuses endpoints that are disabled, deleted or foreign, malformed ids and events that are too old', async () => {
      const made = await endpoint();
      const event = await publish('col_1');
      const answer = (body: object, eventId = event.id) => outcome('post', `/v1/events/${eventId}/redeliver`, { body });
      const other = await sending.makeAccount();
      const foreign = await makeEndpoint(sending.service, other.test.secretKey, { url: sending.receiver.url() });
      const dns = new FakeDns();
      dns.addresses.set('shop.example', ['8.8.8.8']);
      dns.answerFor(sending.service);
      const live = await makeEndpoint(sending.service, sending.account.live.secretKey, {
        url: 'https://shop.example/hook',
      });
      expect(await answer({ endpoint_id: foreign.id })).toBe('404 not_found');
      expect(await answer({ endpoint_id: live.id })).toBe('404 not_found');
      for (const endpointId of [event.id, 'we_1', 1, '']) {
        expect(await answer({ endpoint_id: endpointId })).toBe('422 invalid_input');
      }
      const path = `/v1/webhook-endpoints/${made.id}`;
      await call('patch', path, { body: { status: 'disabled' } }).expect(200);
      expect(await answer({ endpoint_id: made.id })).toBe('409 endpoint_disabled');
      await call('delete', path).expect(204);
      expect(await answer({ endpoint_id: made.id })).toBe('404 not_found');
      const longAgo = encodeId('evt', '00d0c0c0-0000-7000-8000-000000000000');
      expect(await answer({}, longAgo)).toBe('410 expired');
      expect(await listDeliveries({ event_id: event.id })).toHaveLength(1);
    });

    it('happens once under one Idempotency-Key, also when asked twice at once', async () => {
      await endpoint();
      const event = await publish('col_1');
      const headers = { 'idempotency-key': 'again' };
      const answers = await Promise.all([redeliver(event.id, {}, headers), redeliver(event.id, {}, headers)]);
      expect(answers.map(({ status }) => status)).toEqual(expect.arrayContaining([202]));
      expect(await redeliver(event.id, {}, headers)).toMatchObject({ status: 202 });
      expect(await listDeliveries({ event_id: event.id })).toHaveLength(2);
    });
  });

  it('is sent by a running dispatcher at once, resends beside what they repeat', async () => {
    await sending.startDispatcher();
    const path = '/sent';
    await endpoint({ url: sending.receiver.url(path), retry_schedule: [3_600] });
    sending.receiver.answer = () => (sending.receiver.at(path).length === 1 ? { status: 500 } : {});
    const event = await publish('col_1');
    await sending.receiver.arrived(1, path);
    await until(async () => (await deliveryOf(event)).attempt_count === 1);
    const { id } = await deliveryOf(event);
    await acted(id, 'retry');
    await sending.receiver.arrived(2, path);
    await until(async () => (await readDelivery(id)).status === 'succeeded');
    await acted(id, 'retry');
    await redeliver(event.id).expect(202);
    const arrivals = await sending.receiver.arrived(4, path);
    expect(new Set(arrivals.map(({ eventId }) => eventId))).toEqual(new Set([event.id]));
  });
});
