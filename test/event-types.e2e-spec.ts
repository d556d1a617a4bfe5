import type request from 'supertest';
import { type ReadingAccount, ReadingApp } from './support/reading-app.js';

const ROUTE = '/v1/admin/event-types';
const SCHEMA = {
  type: 'object',
  required: ['amount'],
  properties: { amount: { type: 'integer', minimum: 1 }, to: { type: 'string', pattern: '^[A-Z]{2}\\d+$' } },
  additionalProperties: false,
};

/** Each level is a definition of its own, so that the JSON is flat. */
function chainedSchema(levels: number): object {
  const $defs = Object.fromEntries(
    Array.from({ length: levels }, (_, n) => [
      `d${n}`,
      n === levels - 1 ? { type: 'object' } : { properties: { in: { $ref: `#/$defs/d${n + 1}` } } },
    ]),
  );
  return { $ref: '#/$defs/d0', $defs };
}

describe('Event types', () => {
  let app: ReadingApp;
  let other: ReadingApp;
  let account: ReadingAccount;
  beforeAll(async () => {
    [app, other] = await Promise.all([ReadingApp.start(), ReadingApp.start()]);
    account = await app.makeAccount();
  });
  afterAll(() => Promise.all([app.stop(), other.stop()]));

  const register = (body: object) => app.post(ROUTE, app.adminKey, { description: 'A payout left.', ...body });
  const change = (type: string, body: object) => app.patch(`${ROUTE}/${type}`, app.adminKey, body);
  const remove = (type: string) => app.delete(`${ROUTE}/${type}`, app.adminKey);
  const publish = (input: object) => app.post('/v1/events', account.testKey, input);
  const refusal = async (test: request.Test): Promise<string> => {
    const { status, body } = await test;
    return status < 400 ? String(status) : `${status} ${body.code}`;
  };
  const fields = async (test: request.Test): Promise<string[]> => {
    const { body } = await test.expect(422);
    return (body.errors as { field: string }[]).map(({ field }) => field);
  };

  it('a type that was registered is shown whole, to keys and to admin, newest first', async () => {
    const sample = { type: 'payout.sent', data: { amount: 2500 } };
    const { body } = await register({ type: 'payout.sent', schema: SCHEMA, sample }).expect(201);
    expect(body).toEqual({
      type: 'payout.sent',
      object: 'event_type',
      description: 'A payout left.',
      built_in: false,
      retired: false,
      schema: SCHEMA,
      sample,
      created_at: expect.stringMatching(/Z$/),
    });
    expect((await app.get('/v1/event-types/payout.sent', account.testPublicKey).expect(200)).body).toEqual(body);
    const { body: list } = await app.get(ROUTE, app.adminKey, { limit: 1 }).expect(200);
    expect(list).toEqual({ object: 'list', data: [body], has_more: true });
  });

  it('an event of a registered type is taken when its data fits the schema; else each wrong field is named', async () => {
    await register({ type: 'transfer.sent', schema: SCHEMA }).expect(201);
    const { body } = await publish({ type: 'transfer.sent', data: { amount: 1, to: 'BJ66' } }).expect(201);
    expect(body.data).toEqual({ amount: 1, to: 'BJ66' });
    const wrong = await publish({ type: 'transfer.sent', data: { amount: 0, to: 'bj', fee: 1 } }).expect(422);
    expect(wrong.body.errors).toEqual([
      { field: 'data.fee', code: 'unknown_field', message: expect.any(String) },
      { field: 'data.amount', code: 'out_of_range', message: expect.any(String) },
      { field: 'data.to', code: 'invalid_format', message: expect.any(String) },
    ]);
    expect(await fields(publish({ type: 'transfer.sent' }))).toEqual(['data.amount']);
    expect(await fields(publish({ type: 'transfer.sent', data: null }))).toEqual(['data.amount']);
  });

  it('the schema of a built-in type describes what is customary, and refuses nothing', async () => {
    await publish({ type: 'payment.succeeded', operation: { id: 'pay_any' }, data: { fee: 'none' } }).expect(201);
  });

  it('every process follows a change at once, the one that made it before it answers', async () => {
    await register({ type: 'voucher.sold', schema: SCHEMA }).expect(201);
    await publish({ type: 'voucher.sold', data: { amount: 1 } }).expect(201);
    await change('voucher.sold', { schema: { type: 'object', required: ['code'] } }).expect(200);
    expect(await fields(publish({ type: 'voucher.sold', data: { amount: 1 } }))).toEqual(['data.code']);
    await change('voucher.sold', { schema: null }).expect(200);
    await publish({ type: 'voucher.sold', data: { amount: 'any' } }).expect(201);
    // The other one polls every 5 s: only the notification is this fast.
    const startedMs = performance.now();
    const isKnown = async () => (await other.get('/v1/event-types/voucher.sold', other.adminKey)).body.schema === null;
    while (!(await isKnown())) expect(performance.now() - startedMs).toBeLessThan(3_000);
  });

  it('a retired type takes no new events and stays readable with those it has, until it is brought back', async () => {
    await register({ type: 'refund.asked' }).expect(201);
    const event = await app.publish(account.testKey, { type: 'refund.asked' });
    const { body } = await change('refund.asked', { retired: true }).expect(200);
    expect(body).toMatchObject({ type: 'refund.asked', retired: true, description: 'A payout left.' });
    const { body: refused } = await publish({ type: 'refund.asked' }).expect(422);
    expect(refused.errors).toMatchObject([{ field: 'type', code: 'retired_event_type' }]);
    expect(await app.ids('/v1/events', account.testKey, { type: 'refund.asked' })).toEqual([event.id]);
    await change('refund.asked', { retired: false }).expect(200);
    await publish({ type: 'refund.asked' }).expect(201);
  });

  it('a type that endpoints name is not deleted, and how many is said; else it goes and its events stay', async () => {
    await register({ type: 'chargeback.opened' }).expect(201);
    const event = await app.publish(account.testKey, { type: 'chargeback.opened' });
    const endpoint = await app.makeEndpoint(account.testKey, { event_types: ['chargeback.opened'] });
    await app.makeEndpoint(account.testKey, { event_types: ['chargeback.*'] });
    const { body } = await remove('chargeback.opened').expect(409);
    expect(body).toMatchObject({
      code: 'event_type_in_use',
      detail: '1 webhook endpoint names chargeback.opened; retire it instead.',
    });
    const { testKey: neighbour } = await app.makeAccount();
    const second = await app.makeEndpoint(neighbour, { event_types: ['payment.*', 'chargeback.opened'] });
    expect((await remove('chargeback.opened').expect(409)).body.detail).toMatch(/^2 webhook endpoints name/);
    await app.delete(`/v1/webhook-endpoints/${endpoint}`, account.testKey).expect(204);
    await app.delete(`/v1/webhook-endpoints/${second}`, neighbour).expect(204);
    const { body: nothing } = await remove('chargeback.opened').expect(204);
    expect(nothing).toEqual({});
    expect(await refusal(app.get('/v1/event-types/chargeback.opened', account.testKey))).toBe('404 not_found');
    expect(await refusal(publish({ type: 'chargeback.opened' }))).toBe('422 invalid_input');
    await app.get(`/v1/events/${event.id}`, account.testKey).expect(200);
  });

  it('built-in types and names that are taken are conflicts', async () => {
    expect(await refusal(register({ type: 'payment.failed' }))).toBe('409 event_type_exists');
    expect(await refusal(change('payment.failed', { retired: true }))).toBe('409 event_type_built_in');
    expect(await refusal(remove('api_key.revoked'))).toBe('409 event_type_built_in');
    const twice = await Promise.all([1, 2].map(() => refusal(register({ type: 'twice.made' }))));
    expect(twice.sort()).toEqual(['201', '409 event_type_exists']);
  });

  it('a replay registers nothing again', async () => {
    const send = () => register({ type: 'once.made' }).set('idempotency-key', 'once');
    const first = await send().expect(201);
    const again = await send().expect(201);
    expect(again.body).toEqual(first.body);
    expect(again.headers['idempotency-replayed']).toBe('true');
    expect(await refusal(register({ type: 'once.other' }).set('idempotency-key', 'once'))).toBe(
      '422 idempotency_key_reused',
    );
  });

  it.each([
    ['a name that is none', { type: 'Payout' }, ['type']],
    ['a name too long', { type: `${'a'.repeat(60)}.bcde` }, ['type']],
    ['an unknown field', { type: 'a.b', retired: true }, ['retired']],
    ['no description', { type: 'a.b', description: undefined }, ['description']],
    [
      'a schema that is wrong',
      { type: 'a.b', schema: { properties: { x: { type: 'text' } } } },
      ['schema.properties.x.type'],
    ],
    [
      'a schema made to be slow',
      { type: 'a.b', schema: { properties: { x: { pattern: '^(a+)\\1$' } } } },
      ['schema.properties.x.pattern'],
    ],
    ['a schema made deep by what it refers to', { type: 'a.b', schema: chainedSchema(17) }, ['schema']],
    [
      'a schema too large',
      {
        type: 'a.b',
        schema: { description: 'x'.repeat(15_000), $comment: 'x'.repeat(15_000), title: 'x'.repeat(5_000) },
      },
      ['schema'],
    ],
    [
      'a schema whose branches multiply',
      { type: 'a.b', schema: { anyOf: Array.from({ length: 101 }, () => ({ type: 'object' })) } },
      ['schema'],
    ],
    [
      'a schema that compares all items with all',
      { type: 'a.b', schema: { properties: { x: { type: 'array', uniqueItems: true } } } },
      ['schema.properties.x.uniqueItems'],
    ],
    [
      'a schema that leads back to itself',
      { type: 'a.b', schema: { $ref: '#/$defs/a', $defs: { a: { properties: { a: { $ref: '#/$defs/a' } } } } } },
      ['schema.$defs.a.properties.a.$ref'],
    ],
    ['a sample of another type', { type: 'a.b', sample: { type: 'payment.failed' } }, ['sample.type']],
    ['a sample of the wrong shape', { type: 'a.b', sample: { type: 'a.b', more: 1 } }, ['sample.more']],
    [
      'a sample whose operation lacks what a custom type gives',
      { type: 'a.b', sample: { type: 'a.b', operation: { id: 'x' } } },
      ['sample.operation.kind', 'sample.operation.status'],
    ],
    [
      'a sample with a time that is none',
      { type: 'a.b', sample: { type: 'a.b', occurred_at: 'noon' } },
      ['sample.occurred_at'],
    ],
    [
      'a sample that its schema refuses',
      { type: 'a.b', schema: SCHEMA, sample: { type: 'a.b', data: { amount: 'x' } } },
      ['sample.data.amount'],
    ],
    [
      'a sample too large',
      {
        type: 'a.b',
        sample: { type: 'a.b', data: { a: 'x'.repeat(16_000), b: 'x'.repeat(16_000), c: 'x'.repeat(999) } },
      },
      ['sample'],
    ],
  ])('refuses %s, and names it', async (_what, body, named) => {
    expect(await fields(register(body))).toEqual(named);
    expect(await refusal(app.get('/v1/event-types/a.b', app.adminKey))).toBe('404 not_found');
  });

  it('a schema that the kept sample does not fit is refused, unless a sample that does comes with it', async () => {
    await register({ type: 'invoice.sent', sample: { type: 'invoice.sent', data: { amount: 'ten' } } }).expect(201);
    expect(await fields(change('invoice.sent', { schema: SCHEMA }))).toEqual(['sample.data.amount']);
    const sample = { type: 'invoice.sent', data: { amount: 10 } };
    const { body } = await change('invoice.sent', { schema: SCHEMA, sample }).expect(200);
    expect(body).toMatchObject({ schema: SCHEMA, sample });
  });

  it('a missing type is 404, a name that is none 422, and no other kind of key gets near', async () => {
    expect(await refusal(change('no.such', { retired: true }))).toBe('404 not_found');
    expect(await refusal(remove('no.such'))).toBe('404 not_found');
    expect(await refusal(remove('nothing'))).toBe('422 invalid_input');
    expect(await refusal(change('no.such', { description: null }))).toBe('422 invalid_input');
    expect(await refusal(app.get(ROUTE, null))).toBe('401 missing_api_key');
    for (const key of [account.testKey, account.liveKey, account.testPublicKey]) {
      expect(await refusal(app.get(ROUTE, key))).toBe('403 admin_key_required');
      expect(await refusal(app.post(ROUTE, key, {}))).toBe('403 admin_key_required');
      expect(await refusal(app.patch(`${ROUTE}/no.such`, key, {}))).toBe('403 admin_key_required');
      expect(await refusal(app.delete(`${ROUTE}/no.such`, key))).toBe('403 admin_key_required');
    }
  });

  it('the platform keeps a log of each change, and none of what was refused', async () => {
    await register({ type: 'logged.made' }).expect(201);
    await register({ type: 'logged.made' }).expect(409);
    await change('logged.made', { description: 'Other words.' }).expect(200);
    await change('logged.made', { retired: true }).expect(200);
    await remove('logged.made').expect(204);
    const { body } = await app.get('/v1/admin/logs', app.adminKey, { category: 'admin', limit: 4 }).expect(200);
    const logs = body.data as Record<string, unknown>[];
    expect(logs.map(({ action, description, metadata }) => [action, description, metadata])).toEqual([
      ['event_type.deleted', 'Event type logged.made deleted', { type: 'logged.made' }],
      ['event_type.retired', 'Event type logged.made retired', { type: 'logged.made', changed: ['retired'] }],
      ['event_type.updated', 'Event type logged.made changed', { type: 'logged.made', changed: ['description'] }],
      ['event_type.created', 'Event type logged.made created', { type: 'logged.made' }],
    ]);
    expect(logs[0]).toMatchObject({ mode: null, category: 'admin', status: 'succeeded', actor: { type: 'admin' } });
  });
});
