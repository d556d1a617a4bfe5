import { encodeId, newUuid } from '../src/common/ids.js';
import { type ReadingAccount, ReadingApp } from './support/reading-app.js';

const DAY_MS = 86_400_000;
const iso = (agoMs: number): string => new Date(Date.now() - agoMs).toISOString();

function collect(id: string, status: string, more: object = {}): object {
  const { operation, ...event } = more as { operation?: object };
  return {
    type: `collect.${status}`,
    operation: { id, amount: 1000, currency: 'XOF', reference: `INV-${id}`, ...operation },
    ...event,
  };
}

describe('reading events and operations', () => {
  let service: ReadingApp;
  let account: ReadingAccount;
  let key: string;
  beforeAll(async () => {
    service = await ReadingApp.start();
  });
  beforeEach(async () => {
    account = await service.makeAccount();
    key = account.testKey;
  });
  afterAll(() => service.stop());

  const publish = (input: object, by = key) => service.publish(by, input);
  const eventIds = (query: object = {}) => service.ids('/v1/events', key, query);

  describe('an event', () => {
    it('is read with the bytes that publishing answered, alone and in the list', async () => {
      const data = { b: 1, a: 'é\u2028', 10: [1.0, { z: null }] };
      const published = await service.post('/v1/events', key, collect('col_1', 'pending', { data })).expect(201);
      const one = await service.get(`/v1/events/${published.body.id}`, key).expect(200);
      expect(one.text).toBe(published.text);
      expect(one.headers['content-type']).toBe('application/json; charset=utf-8');
      const list = await service.get('/v1/events', key).expect(200);
      expect(list.text).toBe(`{"object":"list","data":[${published.text}],"has_more":false}`);
      expect(list.headers['content-type']).toBe('application/json; charset=utf-8');
    });

    it('does not exist for another account, for the other mode, or when it never was', async () => {
      const event = await publish(collect('col_1', 'pending'));
      const other = await service.makeAccount();
      const unknown = encodeId('evt', newUuid(Date.now()));
      for (const [id, reader] of [
        [event.id, other.testKey],
        [event.id, account.liveKey],
        [unknown, key],
      ] as const) {
        for (const path of [`/v1/events/${id}`, `/v1/events/${id}/deliveries`]) {
          const { body } = await service.get(path, reader).expect(404);
          expect(body.code).toBe('not_found');
        }
      }
      expect(await service.ids('/v1/events', other.testKey)).toEqual([]);
      expect(await service.ids('/v1/events', account.liveKey)).toEqual([]);
    });

    it('is expired by the time in its id, and a malformed id or one of another kind is 422', async () => {
      const old = encodeId('evt', newUuid(Date.now() - 402 * DAY_MS));
      for (const path of [`/v1/events/${old}`, `/v1/events/${old}/deliveries`]) {
        expect((await service.get(path, key).expect(410)).body.code).toBe('expired');
      }
      for (const id of ['evt_1', encodeId('del', newUuid(Date.now())), 'evt_%00', "evt_' OR 1=1"]) {
        const { body } = await service.get(`/v1/events/${encodeURI(id)}`, key).expect(422);
        expect(body.errors[0].field).toBe('id');
      }
    });

    it('is for secret keys: none is 401, a public one is 403', async () => {
      expect((await service.get('/v1/events', null).expect(401)).body.code).toBe('missing_api_key');
      expect((await service.get('/v1/events', account.testPublicKey).expect(403)).body.code).toBe(
        'secret_key_required',
      );
    });
  });

  describe('the list of events', () => {
    it('is walked from either end without a gap or a repeat while new events arrive', async () => {
      const published: string[] = [];
      for (let n = 1; n <= 5; n++) published.push((await publish(collect(`col_${n}`, 'pending'))).id);
      const newestFirst = [...published].reverse();
      const first = await service.get('/v1/events', key, { limit: 2 }).expect(200);
      expect(first.body).toMatchObject({ has_more: true, data: newestFirst.slice(0, 2).map((id) => ({ id })) });
      const later = (await publish(collect('col_6', 'pending'))).id;
      const second = await service.get('/v1/events', key, { limit: 3, starting_after: newestFirst[1] }).expect(200);
      expect(second.body).toMatchObject({ has_more: false, data: newestFirst.slice(2).map((id) => ({ id })) });
      // The page nearest the cursor, not the newest one.
      const back = await service.get('/v1/events', key, { limit: 2, ending_before: newestFirst[3] }).expect(200);
      expect(back.body).toMatchObject({ has_more: true, data: newestFirst.slice(1, 3).map((id) => ({ id })) });
      expect(await eventIds({ ending_before: newestFirst[0] })).toEqual([later]);
    });

    it('takes any event id as a position, and refuses two cursors or one of another kind', async () => {
      const event = await publish(collect('col_1', 'pending'));
      expect(await eventIds({ starting_after: encodeId('evt', newUuid(Date.now() + 1000)) })).toEqual([event.id]);
      const refused = await service.get('/v1/events', key, { starting_after: event.id, ending_before: event.id });
      expect(refused.status).toBe(422);
      await service.get('/v1/events', key, { starting_after: 'col_1' }).expect(422);
    });

    it('filters by type, by all types of a noun, and by several at once', async () => {
      const pending = (await publish(collect('col_1', 'pending'))).id;
      const failed = (await publish(collect('col_1', 'failed'))).id;
      const paid = (await publish({ type: 'payment.succeeded', operation: { id: 'pay_1' } })).id;
      expect(await eventIds({ type: 'collect.failed' })).toEqual([failed]);
      expect(await eventIds({ type: 'collect.*' })).toEqual([failed, pending]);
      expect(await eventIds({ type: ['payment.*', 'collect.pending'] })).toEqual([paid, pending]);
      expect(await eventIds({ type: ['payment.succeeded', 'collect.pending'] })).toEqual([paid, pending]);
      expect(await eventIds({ type: ['payment.*', 'payment.succeeded'], limit: 1 })).toEqual([paid]);
      expect(await eventIds({ type: 'payout.*' })).toEqual([]);
      expect(await eventIds({ type: 'collect.*', starting_after: failed })).toEqual([pending]);
      expect(await eventIds({ type: 'collect.*', ending_before: pending, limit: 1 })).toEqual([failed]);
    });

    it('filters by what the event carries of its operation, each alone and together', async () => {
      const one = (await publish(collect('col_1', 'pending', { external_id: 'led-1' }))).id;
      const two = (await publish(collect('col_1', 'failed', { external_id: 'led-2' }))).id;
      const other = (await publish({ type: 'payment.succeeded', operation: { id: 'pay_1', reference: 'R 7' } })).id;
      expect(await eventIds({ operation_id: 'col_1' })).toEqual([two, one]);
      expect(await eventIds({ operation_id: ['col_1', 'pay_1', 'col_1'] })).toEqual([other, two, one]);
      expect(await eventIds({ operation_kind: 'payment' })).toEqual([other]);
      expect(await eventIds({ operation_status: ['failed', 'succeeded'] })).toEqual([other, two]);
      expect(await eventIds({ reference: 'INV-col_1' })).toEqual([two, one]);
      expect(await eventIds({ reference: ['R 7', 'none'] })).toEqual([other]);
      expect(await eventIds({ external_id: ['led-1', 'led-2'] })).toEqual([two, one]);
      expect(await eventIds({ external_id: 'led-1', operation_id: 'pay_1' })).toEqual([]);
      expect(await eventIds({ operation_id: 'col_1', type: 'collect.failed', operation_kind: 'collect' })).toEqual([
        two,
      ]);
      expect(await eventIds({ operation_id: ['col_1', 'pay_1'], type: 'payment.*' })).toEqual([other]);
      expect(await eventIds({ external_id: 'led-2', type: 'collect.*', operation_status: 'failed' })).toEqual([two]);
    });

    it('finds words by their beginnings, without regard to accents, and takes signs for nothing but signs', async () => {
      const customer = { name: "Séverine N'Guessan", email: 'severine@example.com', phone: '+22971510758' };
      const found = (await publish(collect('col_9', 'pending', { external_id: 'led-77', operation: { customer } }))).id;
      await publish(collect('col_8', 'pending'));
      for (const q of ['severine', 'SÉVER', "n'guessan", '22971510758', 'col_9', 'INV-col_9', 'led-77', 'guess sev']) {
        expect([q, await eventIds({ q })]).toEqual([q, [found]]);
      }
      for (const q of ['severine absent', 'everine', '100%sever', "sev' OR 1=1 --"]) {
        expect([q, await eventIds({ q })]).toEqual([q, []]);
      }
      for (const q of ['%', '_', '!&|', '']) await service.get('/v1/events', key, { q }).expect(422);
    });

    it('filters by times: from inclusive, to exclusive, and the earlier of retention and bound', async () => {
      const old = await publish(collect('col_1', 'pending', { occurred_at: iso(3 * DAY_MS) }));
      const now = await publish(collect('col_2', 'pending', { occurred_at: iso(DAY_MS) }));
      expect(await eventIds({ created_after: now.created_at })).toEqual([now.id]);
      expect(await eventIds({ created_before: now.created_at })).toEqual([old.id]);
      expect(await eventIds({ created_after: '0001-01-01T00:00:00Z' })).toEqual([now.id, old.id]);
      expect(await eventIds({ created_before: '0001-01-01T00:00:00Z' })).toEqual([]);
      expect(await eventIds({ created_after: '9999-12-31T23:59:59Z' })).toEqual([]);
      expect(await eventIds({ occurred_after: now.occurred_at })).toEqual([now.id]);
      expect(await eventIds({ occurred_before: now.occurred_at })).toEqual([old.id]);
      for (const name of ['created', 'occurred']) {
        const query = { [`${name}_after`]: iso(0), [`${name}_before`]: iso(DAY_MS) };
        const { body } = await service.get('/v1/events', key, query).expect(422);
        expect(body.errors[0].field).toBe(`${name}_before`);
      }
    });

    it('filters by the status of any of its deliveries', async () => {
      const endpoint = await service.makeEndpoint(key, { event_types: ['collect.*'] });
      const waiting = (await publish(collect('col_1', 'pending'))).id;
      const done = (await publish(collect('col_2', 'pending'))).id;
      await publish({ type: 'payment.succeeded', operation: { id: 'pay_1' } });
      const [delivery] = await service.ids(`/v1/events/${done}/deliveries`, key);
      await service.settle(delivery!, 1, { status: 'succeeded' });
      expect(await eventIds({ delivery_status: 'pending' })).toEqual([waiting]);
      expect(await eventIds({ delivery_status: 'succeeded' })).toEqual([done]);
      expect(await eventIds({ delivery_status: ['pending', 'succeeded'], type: 'collect.*' })).toEqual([done, waiting]);
      await service.patch(`/v1/webhook-endpoints/${endpoint}`, key, { status: 'disabled' }).expect(200);
      expect(await eventIds({ delivery_status: 'pending' })).toEqual([]);
      expect(await eventIds({ delivery_status: 'skipped' })).toEqual([waiting]);
    });

    it('names every wrong parameter and answers none of them with 500', async () => {
      for (const [name, value] of [
        ['limit', '0'],
        ['limit', '101'],
        ['limit', '1e9'],
        ['limit', 'x'],
        ['type', 'collect'],
        ['type', '*'],
        ['type', 'collect.%'],
        ['operation_kind', 'loan'],
        ['operation_status', ''],
        ['operation_id', 'x'.repeat(129)],
        ['created_after', '2026-02-30T00:00:00Z'],
        ['created_after', 'yesterday'],
        ['delivery_status', 'in_flight'],
        ['order', 'asc'],
        ['__proto__', '1'],
        ['constructor', '1'],
        ['external_id', '\u0000'],
        ['q', '\u0000'],
      ]) {
        const { body, status } = await service.get(`/v1/events?${name}=${encodeURIComponent(value!)}`, key);
        expect([name, value, status, body.errors?.[0]?.field.replace(/\[0\]$/, '')]).toEqual([name, value, 422, name]);
      }
      await service.get('/v1/events?q=%ff', key).expect(422);
      await service.get('/v1/events?limit=1&limit=2', key).expect(422);
    });
  });

  describe('an operation', () => {
    it('has its latest state, and does not exist for others', async () => {
      await publish(collect('col_1', 'pending', { occurred_at: iso(60_000) }));
      const last = await publish(
        collect('col_1', 'failed', {
          occurred_at: iso(1_000),
          operation: {
            cause: { code: 'insufficient_funds', description: 'Balance too low' },
            metadata: { 2: 'b', a: 1 },
          },
        }),
      );
      const { body } = await service.get('/v1/operations/col_1', key).expect(200);
      expect(body).toEqual({
        id: 'col_1',
        object: 'operation',
        mode: 'test',
        kind: 'collect',
        status: 'failed',
        version: 2,
        amount: 1000,
        currency: 'XOF',
        reference: 'INV-col_1',
        channel: null,
        customer: null,
        cause: { code: 'insufficient_funds', description: 'Balance too low' },
        metadata: { 2: 'b', a: 1 },
        last_event_id: last.id,
        created_at: expect.stringMatching(/Z$/) as string,
        updated_at: last.occurred_at,
      });
      const other = await service.makeAccount();
      for (const reader of [other.testKey, account.liveKey]) {
        await service.get('/v1/operations/col_1', reader).expect(404);
        await service.get('/v1/operations/col_1/timeline', reader).expect(404);
      }
      await service.get('/v1/operations/none', key).expect(404);
      await service.get(`/v1/operations/${'x'.repeat(129)}`, key).expect(422);
      await service.get('/v1/operations/a%20b', key).expect(422);
    });

    it('stands in the list by its beginning, and its id is a cursor that is looked up', async () => {
      await publish(collect('b', 'pending', { occurred_at: iso(3_000) }));
      await publish(collect('c', 'pending', { occurred_at: iso(9_000) }));
      await publish(collect('a', 'succeeded', { occurred_at: iso(6_000), operation: { reference: 'Élan 12' } }));
      await publish({ type: 'payment.failed', occurred_at: iso(20_000), operation: { id: 'pay_1' } });
      const ids = (query: object = {}) => service.ids('/v1/operations', key, query);
      expect(await ids()).toEqual(['b', 'a', 'c', 'pay_1']);
      expect(await ids({ limit: 2 })).toEqual(['b', 'a']);
      expect(await ids({ limit: 1, starting_after: 'a' })).toEqual(['c']);
      expect(await ids({ limit: 1, ending_before: 'c' })).toEqual(['a']);
      expect(await ids({ starting_after: 'pay_1' })).toEqual([]);
      expect(await ids({ kind: 'payment' })).toEqual(['pay_1']);
      expect(await ids({ status: ['succeeded', 'failed'] })).toEqual(['a', 'pay_1']);
      expect(await ids({ reference: 'Élan 12' })).toEqual(['a']);
      expect(await ids({ q: 'elan' })).toEqual(['a']);
      expect(await ids({ q: 'pay_1' })).toEqual(['pay_1']);
      const { body } = await service.get('/v1/operations/a', key).expect(200);
      expect(await ids({ created_after: body.created_at })).toEqual(['b', 'a']);
      expect(await ids({ created_before: body.created_at })).toEqual(['c', 'pay_1']);
      for (const query of [{ starting_after: 'none' }, { ending_before: 'none' }, { starting_after: "a' --" }]) {
        const refused = await service.get('/v1/operations', key, query).expect(422);
        expect(refused.body.errors[0].field).toBe(Object.keys(query)[0]);
      }
      const other = await service.makeAccount();
      await service.get('/v1/operations', other.testKey, { starting_after: 'a' }).expect(422);
    });
  });

  describe('the timeline', () => {
    it('tells events, logs and deliveries with attempts in one order, the same in pages from either end', async () => {
      await service.makeEndpoint(key);
      const events = [await publish(collect('col_1', 'pending')), await publish(collect('col_1', 'failed'))];
      await publish(collect('col_2', 'pending'));
      const [latest] = await service.ids('/v1/deliveries', key, { event_id: events[0]!.id });
      await service.settle(latest!, 2);
      const path = '/v1/operations/col_1/timeline';
      const whole = (await service.get(path, key, { limit: 100 }).expect(200)).body.data as Entry[];
      expect(whole.map(({ object }) => object).sort()).toEqual([
        ...['delivery', 'delivery', 'event', 'event', 'log', 'log'],
      ]);
      const order = whole.map(({ created_at, id }) => `${created_at} ${id}`);
      expect(order).toEqual([...order].sort());
      expect(whole.filter(({ object }) => object === 'event')).toEqual(events);
      expect(whole.find(({ id }) => id === latest)!.attempts).toHaveLength(2);

      const forward: Entry[] = [];
      for (let cursor: string | undefined; ; cursor = forward.at(-1)!.id) {
        const { body } = await service.get(path, key, { limit: 1, ...(cursor && { starting_after: cursor }) });
        forward.push(...(body.data as Entry[]));
        if (!body.has_more) break;
      }
      expect(forward).toEqual(whole);
      const backward: Entry[] = [];
      for (let cursor = whole.at(-1)!.id; ; cursor = backward[0]!.id) {
        const { body } = await service.get(path, key, { limit: 2, ending_before: cursor });
        backward.unshift(...(body.data as Entry[]));
        if (!body.has_more) break;
      }
      expect(backward).toEqual(whole.slice(0, -1));
      await service.get(path, key, { starting_after: encodeId('we', newUuid(Date.now())) }).expect(422);
    });
  });

  describe('event types', () => {
    it('are shown to any key with a description, a schema and a sample that can be published', async () => {
      const { body } = await service.get('/v1/event-types', account.testPublicKey, { limit: 100 }).expect(200);
      const types = body.data as { type: string; description: string; schema: object; sample: object }[];
      expect(types.length).toBeGreaterThanOrEqual(15);
      for (const { type, schema, sample } of types.filter((one) => /^(payment|collect)\./.test(one.type))) {
        expect(schema).toMatchObject({ type: 'object' });
        const { occurred_at: _, external_id: __, operation, ...rest } = sample as { [field: string]: object };
        const published = await publish({ ...rest, operation: { ...operation, id: type } });
        expect(published.type).toBe(type);
      }
      await service.get('/v1/event-types/payment.failed', service.adminKey).expect(200);
      await service.get('/v1/event-types/payment.unknown', key).expect(404);
      await service.get('/v1/event-types/payment', key).expect(422);
      await service.get('/v1/event-types', key, { starting_after: 'no.such' }).expect(422);
      const rest = await service.ids('/v1/event-types', key, { limit: 100, starting_after: types[0]!.type });
      expect(rest).toHaveLength(types.length - 1);
    });
  });
});

interface Entry {
  readonly id: string;
  readonly object: string;
  readonly created_at: string;
  readonly attempts?: object[];
}
