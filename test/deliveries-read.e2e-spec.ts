import { decodeId, encodeId, newUuid } from '../src/common/ids.js';
import { holdLease } from './support/held-lease.js';
import { type ReadingAccount, ReadingApp } from './support/reading-app.js';

const collect = (id: string, status = 'pending'): object => ({ type: `collect.${status}`, operation: { id } });

describe('reading deliveries', () => {
  let service: ReadingApp;
  let account: ReadingAccount;
  let key: string;
  let endpoint: string;
  beforeAll(async () => {
    service = await ReadingApp.start();
  });
  beforeEach(async () => {
    account = await service.makeAccount();
    key = account.testKey;
    endpoint = await service.makeEndpoint(key);
  });
  afterAll(() => service.stop());

  const ids = (query: object = {}) => service.ids('/v1/deliveries', key, query);
  const publish = (id: string, status?: string) => service.publish(key, collect(id, status));
  const read = async (id: string) => (await service.get(`/v1/deliveries/${id}`, key).expect(200)).body as Delivery;
  /** The only delivery of a new event. */
  const makeDelivery = async (operationId: string): Promise<string> => {
    const event = await publish(operationId);
    return (await ids({ event_id: event.id }))[0]!;
  };
  /** An unfinished delivery of the same event, made later by hand. */
  const resend = async (id: string): Promise<string> => {
    const uuid = newUuid(Date.now() + 5_000);
    await service.dataSource.query(
      `INSERT INTO signalpost.pending_deliveries (account_id, mode, id, endpoint_id, endpoint_epoch, event_id,
         event_type, operation_id, trigger, previous_delivery_id, due_at)
       SELECT account_id, mode, $2, endpoint_id, 1, event_id, event_type, operation_id, 'retry', id, 'infinity'
       FROM signalpost.deliveries WHERE id = $1`,
      [decodeId('del', id), uuid],
    );
    return encodeId('del', uuid);
  };

  it('shows a new one as pending and due, in the millisecond of its event', async () => {
    const event = await publish('col_1');
    const list = await service.get(`/v1/events/${event.id}/deliveries`, key).expect(200);
    expect(list.body).toEqual({
      object: 'list',
      has_more: false,
      data: [
        {
          id: expect.stringMatching(/^del_/) as string,
          object: 'delivery',
          mode: 'test',
          event_id: event.id,
          event_type: 'collect.pending',
          endpoint_id: endpoint,
          operation_id: 'col_1',
          status: 'pending',
          status_reason: null,
          in_flight: false,
          trigger: 'event',
          previous_delivery_id: null,
          recovery_id: null,
          attempt_count: 0,
          next_attempt_at: event.created_at,
          created_at: event.created_at,
          ended_at: null,
        },
      ],
    });
    expect(await read(list.body.data[0].id as string)).toEqual({ ...list.body.data[0], attempts: [] });
  });

  it('shows an ended one with its attempts, oldest first, and lists it without them', async () => {
    const id = await makeDelivery('col_1');
    await service.settle(id, 2, { status: 'failed', reason: 'exhausted' });
    const delivery = await read(id);
    expect(delivery).toMatchObject({
      status: 'failed',
      status_reason: 'exhausted',
      attempt_count: 2,
      next_attempt_at: null,
      ended_at: expect.stringMatching(/Z$/) as string,
    });
    expect(delivery.attempts).toEqual([
      expect.objectContaining({ number: 1 }),
      {
        id: expect.stringMatching(/^att_/) as string,
        object: 'attempt',
        number: 2,
        started_at: expect.stringMatching(/Z$/) as string,
        duration_ms: 120,
        outcome: 'failed',
        status_code: 500,
        error: null,
        response_body: 'oops',
        response_truncated: false,
      },
    ]);
    const { body } = await service.get('/v1/deliveries', key).expect(200);
    expect(body.data[0]).not.toHaveProperty('attempts');
  });

  it('hides attempts past their own retention, and a delivery past that of events', async () => {
    const id = await makeDelivery('col_1');
    await service.settle(id, 2);
    await service.dataSource.query(
      `UPDATE signalpost.attempts SET started_at = now() - interval '92 days' WHERE number = 1 AND delivery_id = $1`,
      [decodeId('del', id)],
    );
    expect((await read(id)).attempts.map(({ number }) => number)).toEqual([2]);
    const old = encodeId('del', newUuid(Date.now() - 402 * 86_400_000));
    await service.get(`/v1/deliveries/${old}`, key).expect(404);
  });

  it('unites unfinished and ended ones in the order of their ids, from either end', async () => {
    const made: string[] = [];
    for (let n = 1; n <= 4; n++) made.push(await makeDelivery(`col_${n}`));
    await service.settle(made[0]!, 1, { status: 'succeeded' });
    await service.settle(made[2]!, 1, { status: 'failed', reason: 'gone' });
    const newestFirst = [...made].reverse();
    expect(await ids()).toEqual(newestFirst);
    expect(await ids({ limit: 2 })).toEqual(newestFirst.slice(0, 2));
    expect(await ids({ limit: 2, starting_after: newestFirst[0] })).toEqual(newestFirst.slice(1, 3));
    expect(await ids({ limit: 2, ending_before: newestFirst[3] })).toEqual(newestFirst.slice(1, 3));
    expect(await ids({ endpoint_id: endpoint, limit: 3 })).toEqual(newestFirst.slice(0, 3));
  });

  it('filters by endpoint, event, operation, status and time, each alone and together', async () => {
    const other = await service.makeEndpoint(key, { event_types: ['collect.failed'] });
    const first = await publish('col_1');
    const second = await publish('col_1', 'failed');
    const third = await publish('col_2');
    const [done] = await ids({ event_id: first.id });
    const [toOther] = await ids({ endpoint_id: other });
    const [open] = await ids({ event_id: second.id, endpoint_id: endpoint });
    const [last] = await ids({ operation_id: 'col_2' });
    await service.settle(done!, 1, { status: 'succeeded' });
    const again = await resend(done!);
    expect(await ids({ event_id: first.id })).toEqual([again, done]);
    expect(await ids({ event_id: [first.id, third.id, first.id] })).toEqual([again, last, done]);
    expect(await ids({ operation_id: 'col_1' })).toEqual([again, ...[toOther, open].sort().reverse(), done]);
    expect(await ids({ operation_id: 'col_1', endpoint_id: other })).toEqual([toOther]);
    expect(await ids({ operation_id: 'col_1', event_id: third.id })).toEqual([]);
    expect(await ids({ status: 'succeeded' })).toEqual([done]);
    expect(await ids({ status: ['succeeded', 'pending'], endpoint_id: endpoint })).toEqual([again, last, open, done]);
    expect(await ids({ status: 'skipped' })).toEqual([]);
    expect(await ids({ endpoint_id: [endpoint, other], created_before: second.created_at })).toEqual([done]);
    expect(await ids({ created_after: third.created_at })).toEqual([again, last]);
    expect(await ids({ event_id: first.id, limit: 1, starting_after: again })).toEqual([done]);
    expect(await service.ids(`/v1/events/${first.id}/deliveries`, key, { limit: 1 })).toEqual([again]);
    await service.settle(again, 1, { status: 'failed', reason: 'gone' });
    expect(await ids({ event_id: first.id })).toEqual([again, done]);
    expect(await ids({ operation_id: 'col_1', status: 'failed' })).toEqual([again]);
    expect(await service.ids('/v1/events', key, { delivery_status: 'failed' })).toEqual([first.id]);
  });

  it('shows one that waits for its turn without a time', async () => {
    const done = await makeDelivery('col_1');
    await service.settle(done, 1, { status: 'succeeded' });
    const again = await read(await resend(done));
    expect(again).toMatchObject({
      status: 'pending',
      trigger: 'retry',
      previous_delivery_id: done,
      next_attempt_at: null,
    });
  });

  it('reads unfinished ones as skipped from the moment their endpoint is disabled, also once it is enabled', async () => {
    const id = await makeDelivery('col_1');
    const path = `/v1/webhook-endpoints/${endpoint}`;
    const { body } = await service.patch(path, key, { status: 'disabled' }).expect(200);
    const skipped = { status: 'skipped', status_reason: 'endpoint_disabled', next_attempt_at: null };
    expect(await read(id)).toMatchObject({ ...skipped, ended_at: body.disabled_at as string });
    expect(await ids({ status: 'pending' })).toEqual([]);
    expect(await ids({ status: 'skipped' })).toEqual([id]);
    await service.patch(path, key, { status: 'enabled' }).expect(200);
    expect(await read(id)).toMatchObject(skipped);
  });

  it('reads unfinished ones as cancelled from the moment their endpoint is deleted', async () => {
    const id = await makeDelivery('col_1');
    await service.delete(`/v1/webhook-endpoints/${endpoint}`, key).expect(204);
    expect(await read(id)).toMatchObject({
      status: 'cancelled',
      status_reason: 'endpoint_deleted',
      next_attempt_at: null,
      ended_at: expect.stringMatching(/Z$/) as string,
    });
    expect(await ids({ status: 'cancelled' })).toEqual([id]);
  });

  it('is in flight while a living dispatcher has it claimed for the attempt that comes next', async () => {
    const id = await makeDelivery('col_1');
    const token = await holdLease(service);
    const claim = (number: number) =>
      service.dataSource.query(
        `INSERT INTO signalpost.claimed_batches (token, batch, account_ids, modes, delivery_ids, attempt_numbers)
         VALUES ($1, $2, ARRAY[$3::uuid], '{test}', ARRAY[$4::uuid], ARRAY[$5::integer])`,
        [token, number, decodeId('acct', account.id), decodeId('del', id), number],
      );
    await claim(2);
    expect((await read(id)).in_flight).toBe(false);
    await claim(1);
    expect((await read(id)).in_flight).toBe(true);
    expect((await service.get('/v1/deliveries', key)).body.data[0].in_flight).toBe(true);
    await service.dataSource.query(
      `UPDATE signalpost.dispatchers SET lease_until = now() - interval '1 s' WHERE token = $1`,
      [token],
    );
    expect((await read(id)).in_flight).toBe(false);
  });

  it('belongs to its account and mode alone, and is for secret keys', async () => {
    const id = await makeDelivery('col_1');
    const other = await service.makeAccount();
    for (const reader of [other.testKey, account.liveKey]) {
      await service.get(`/v1/deliveries/${id}`, reader).expect(404);
      expect(await service.ids('/v1/deliveries', reader)).toEqual([]);
      expect(await service.ids('/v1/deliveries', reader, { operation_id: 'col_1' })).toEqual([]);
      expect(await service.ids('/v1/deliveries', reader, { endpoint_id: endpoint })).toEqual([]);
    }
    await service.get('/v1/deliveries', null).expect(401);
    await service.get(`/v1/deliveries/${id}`, account.testPublicKey).expect(403);
  });

  it('names every wrong parameter and answers none of them with 500', async () => {
    for (const [name, value] of [
      ['endpoint_id', 'we_1'],
      ['event_id', endpoint],
      ['operation_id', ''],
      ['operation_id', '\u0000'],
      ['status', 'in_flight'],
      ['created_after', '2026-13-01T00:00:00Z'],
      ['starting_after', 'evt_1'],
      ['attempts', 'true'],
    ] as const) {
      const { body, status } = await service.get(`/v1/deliveries?${name}=${encodeURIComponent(value)}`, key);
      expect([name, status, body.errors?.[0]?.field.replace(/\[0\]$/, '')]).toEqual([name, 422, name]);
    }
    await service.get(`/v1/deliveries/${encodeId('evt', newUuid(Date.now()))}`, key).expect(422);
  });
});

interface Delivery {
  readonly id: string;
  readonly in_flight: boolean;
  readonly attempts: { readonly number: number }[];
}
