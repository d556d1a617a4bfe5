import { EventCatalogue } from '../src/events/event-catalogue.js';
import { expectProblem } from './support/problems.js';
import { operationEvent, postBytes, publish, publishBatch, publishNew } from './support/publishing.js';
import { type MadeAccount, Service } from './support/service.js';

const EVENT_KEYS = [
  ...['id', 'object', 'account', 'mode', 'type', 'source', 'external_id', 'sequence', 'occurred_at', 'created_at'],
  ...['operation', 'data'],
];
const iso = (aheadMs: number): string => new Date(Date.now() + aheadMs).toISOString();

describe('publishing one event', () => {
  let service: Service;
  let account: MadeAccount;
  let key: string;
  beforeAll(async () => {
    service = await Service.start();
    await service.dataSource.query(
      `INSERT INTO signalpost.event_types (type, description, retired) VALUES
         ('payout.sent', 'A payout left.', false), ('payout.old', 'No longer used.', true)`,
    );
    await service.app.get(EventCatalogue).refresh();
  });
  beforeEach(async () => {
    account = await service.makeAccount();
    key = account.test.secretKey;
  });
  afterAll(() => service.stop());

  it('answers the event of the contract, field by field, and keeps the operation of the contract', async () => {
    const admin = { 'signalpost-account': account.id, 'signalpost-mode': 'live' };
    const pending = { status: 'pending', cause: { code: 'queued', description: null } };
    const [pendingAt, failedAt] = [iso(-600_000), iso(-60_000)];
    const customer = { name: 'Adjoua N.', phone: '+22971510758' };
    await service
      .call('post', '/v1/events', {
        headers: admin,
        body: operationEvent('collect.pending', 'col_93d8', { operation: pending, occurred_at: pendingAt }),
      })
      .expect(201);
    const { body, headers } = await service
      .call('post', '/v1/events', {
        headers: { ...admin, 'request-id': 'my-request-1' },
        body: {
          type: 'collect.failed',
          external_id: 'led-99812',
          occurred_at: failedAt,
          operation: {
            ...{ id: 'col_93d8', amount: 1000, currency: 'XOF', reference: 'INV-1021', channel: 'mtn_bj', customer },
            cause: { code: 'insufficient_funds', description: 'Balance too low' },
          },
          data: { fee: 20 },
        },
      })
      .expect(201);
    const shared = {
      ...{ id: 'col_93d8', kind: 'collect', status: 'failed', amount: 1000, currency: 'XOF', reference: 'INV-1021' },
      ...{ channel: 'mtn_bj', version: 2, metadata: {} },
      customer: { name: 'Adjoua N.', email: null, phone: '+22971510758' },
      cause: { code: 'insufficient_funds', description: 'Balance too low' },
    };
    expect(body).toEqual({
      ...{ id: expect.stringMatching(/^evt_[0-9a-z]{26}$/), object: 'event', account: account.id, mode: 'live' },
      ...{ type: 'collect.failed', source: 'platform', external_id: 'led-99812', sequence: 2 },
      ...{ occurred_at: failedAt, created_at: expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:]{8}\.\d{3}Z$/) },
      operation: { ...shared, previous_status: 'pending', stale: false },
      data: { fee: 20 },
    });
    expect(Object.keys(body as object)).toEqual(EVENT_KEYS);
    expect(headers).toMatchObject({ 'content-type': 'application/json; charset=utf-8', 'request-id': 'my-request-1' });

    const operation = await service.call('get', '/v1/operations/col_93d8', { headers: admin }).expect(200);
    expect(operation.body).toEqual({
      ...shared,
      ...{ object: 'operation', mode: 'live', last_event_id: (body as { id: string }).id },
      ...{ created_at: pendingAt, updated_at: failedAt },
    });
  });

  it('gives the same bytes in the answer, in the store and in every read', async () => {
    const data = { b: 'é\u2028"\\', 10: [1.5, null], a: { z: true } };
    const answer = await publish(service, key, operationEvent('collect.pending', 'col_1', { data })).expect(201);
    const { id } = answer.body as { id: string };
    const one = await service.call('get', `/v1/events/${id}`, { key }).expect(200);
    const list = await service.call('get', '/v1/events', { key }).expect(200);
    const [stored] = await service.dataSource.query<{ body: string }[]>(
      `SELECT body FROM signalpost.events WHERE body LIKE '%' || $1 || '%'`,
      [id],
    );
    expect([one.text, stored!.body]).toEqual([answer.text, answer.text]);
    expect(list.text).toBe(`{"object":"list","data":[${answer.text}],"has_more":false}`);
  });

  it('follows the merge rules of the contract from one event to the next', async () => {
    const full = { customer: { name: 'A' }, metadata: { a: 1 }, cause: { code: 'c' }, channel: 'mtn_bj' };
    await publishNew(service, key, operationEvent('collect.failed', 'col_1', { operation: full }));
    const kept = await publishNew(service, key, { type: 'collect.failed', operation: { id: 'col_1' } });
    expect(kept.operation).toMatchObject({ ...full, customer: { name: 'A', email: null }, cause: { code: 'c' } });
    const cleared = await publishNew(service, key, {
      type: 'collect.succeeded',
      operation: { id: 'col_1', customer: null, metadata: null, amount: null },
    });
    expect(cleared.operation).toMatchObject({ customer: null, metadata: {}, amount: null, cause: null, version: 3 });
    expect(cleared.operation).toMatchObject({ previous_status: 'failed', reference: 'INV-col_1', currency: 'XOF' });
    const empty = { id: 'col_1', cause: { code: null, description: null } };
    const wordless = await publishNew(service, key, { type: 'collect.failed', operation: empty });
    expect(wordless.operation!.cause).toBeNull();
  });

  it('takes the largest safe amount and no kind of amount that is not one', async () => {
    const largest = await publishNew(
      service,
      key,
      operationEvent('collect.pending', 'big', { operation: { amount: Number.MAX_SAFE_INTEGER } }),
    );
    expect(largest.operation!.amount).toBe(9007199254740991);
    for (const [amount, code] of [
      ['9007199254740992', 'unsafe_integer'],
      ['1e400', 'unsafe_integer'],
      ['-1', 'out_of_range'],
      ['"5"', 'wrong_type'],
    ]) {
      const bytes = `{"type":"collect.pending","operation":{"id":"x","amount":${amount}}}`;
      expectProblem(await postBytes(service, '/v1/events', key, bytes), 422, 'invalid_input', [
        `operation.amount: ${code}`,
      ]);
    }
    await service.call('get', '/v1/operations/x', { key }).expect(404);
  });

  describe('with an external_id', () => {
    const input = operationEvent('collect.pending', 'col_1', { external_id: 'led-1', data: { b: 1, a: [1, 2] } });

    it('answers a repeat with 200 and the bytes of the first, in whatever order and spacing it is written', async () => {
      const first = await publish(service, key, input).expect(201);
      const again = await publish(service, key, input).expect(200);
      const { type, operation, data, external_id: externalId } = input;
      const reversed = {
        data,
        external_id: externalId,
        operation: Object.fromEntries(Object.entries(operation as object).reverse()),
        type,
      };
      const reordered = await postBytes(service, '/v1/events', key, JSON.stringify(reversed, null, 3)).expect(200);
      expect([again.text, reordered.text]).toEqual([first.text, first.text]);
      const { body } = await service.call('get', '/v1/operations/col_1', { key }).expect(200);
      expect((body as { version: number }).version).toBe(1);
    });

    it('refuses other content by 409 that names the first event', async () => {
      const first = await publishNew(service, key, input);
      for (const changed of [{ data: { b: 1, a: [2, 1] } }, { data: { b: 1 } }, { occurred_at: null }]) {
        const refused = await publish(service, key, { ...input, ...changed });
        expectProblem(refused, 409, 'external_id_conflict');
        expect((refused.body as { detail: string }).detail).toContain(`led-1 is ${first.id}`);
      }
    });

    it('knows it in its own account and mode alone', async () => {
      await publishNew(service, key, input);
      const other = await service.makeAccount({ live_publishing: true });
      await publishNew(service, other.test.secretKey, input);
      await publishNew(service, other.live.secretKey, input);
    });

    it('has one effect when ten requests bring it at once', async () => {
      const answers = await Promise.all(Array.from({ length: 10 }, () => publish(service, key, input)));
      expect(answers.map(({ status }) => status).sort()).toEqual([...Array<number>(9).fill(200), 201]);
      expect(new Set(answers.map(({ text }) => text)).size).toBe(1);
    });
  });

  describe('is refused', () => {
    it('when the kind or the currency of the operation would change, naming both', async () => {
      await publishNew(service, key, operationEvent('collect.pending', 'col_1'));
      const kind = await publish(service, key, operationEvent('payment.failed', 'col_1'));
      expectProblem(kind, 409, 'operation_conflict');
      expect((kind.body as { detail: string }).detail).toMatch(/collect .* payment/);
      const currency = await publish(
        service,
        key,
        operationEvent('collect.failed', 'col_1', { operation: { currency: 'XAF' } }),
      );
      expectProblem(currency, 409, 'operation_conflict');
      expect((currency.body as { detail: string }).detail).toMatch(/XOF .* XAF/);
      expect((await publishNew(service, key, operationEvent('collect.failed', 'col_1'))).sequence).toBe(2);
    });

    it.each([
      ...['webhook_endpoint.disabled', 'delivery.exhausted'],
      ...['api_key.regenerated', 'api_key.revoked', 'api_key.secret_key_exposed'],
    ])('by 403 for the reserved type %s, to the account and to the platform', async (type) => {
      expectProblem(await publish(service, key, { type }), 403, 'event_type_reserved');
      const headers = { 'signalpost-account': account.id, 'signalpost-mode': 'test' };
      const byAdmin = await service.call('post', '/v1/events', { headers, body: { type } });
      expectProblem(byAdmin, 403, 'event_type_reserved');
    });

    it('for a type that nobody registered, with the nearest names', async () => {
      const refused = await publish(service, key, operationEvent('payment.suceeded', 'x'));
      expectProblem(refused, 422, 'invalid_input', ['type: unknown_event_type']);
      const { errors } = refused.body as { errors: { message: string }[] };
      expect(errors[0]!.message).toContain('payment.succeeded');
      // The platform's own are among them; what nobody may publish is not, and what resembles nothing gets no hint.
      const hintFor = async (type: string): Promise<string> => {
        const { body } = await publish(service, key, { type });
        return (body as { errors: { message: string }[] }).errors[0]!.message;
      };
      expect(await hintFor('payout.send')).toMatch(/payout\.sent/);
      expect(await hintFor('payout.odl')).not.toMatch(/payout\.old/);
      expect(await hintFor('api_key.revokd')).not.toMatch(/api_key/);
      expect(await hintFor('zzzzzzzz.qqqqqqqqqqqqqqqq')).toBe(
        'This event type is not registered. GET /v1/event-types lists all.',
      );
    });

    it.each<[string, object, string]>([
      ['no operation', { type: 'collect.failed' }, 'operation: required'],
      [
        'a kind that the type denies',
        operationEvent('collect.failed', 'x', { operation: { kind: 'payment' } }),
        'operation.kind: mismatch',
      ],
      [
        'a status that the type denies',
        operationEvent('collect.failed', 'x', { operation: { status: 'pending' } }),
        'operation.status: mismatch',
      ],
      ['a field that is not known', operationEvent('collect.failed', 'x', { amount: 5 }), 'amount: unknown_field'],
      ['account and mode', operationEvent('collect.failed', 'x', { mode: 'test' }), 'mode: unknown_field'],
      ['an operation id that is none', operationEvent('collect.failed', 'a b'), 'operation.id: invalid_format'],
    ])('with %s', async (_, input, field) => {
      expectProblem(await publish(service, key, input), 422, 'invalid_input', [field]);
    });

    it('more than ten minutes ahead or before the retention, with the bounds', async () => {
      for (const occurredAt of [iso(601_000), iso(-401 * 86_400_000)]) {
        const refused = await publish(service, key, operationEvent('collect.failed', 'x', { occurred_at: occurredAt }));
        expectProblem(refused, 422, 'invalid_input', ['occurred_at: out_of_range']);
        const { errors } = refused.body as { errors: { message: string }[] };
        const [, earliest, latest] = /between (\S+Z) and (\S+Z)/.exec(errors[0]!.message) ?? [];
        const near = (bound: string | undefined, aheadMs: number) =>
          Math.abs(Date.parse(bound!) - Date.now() - aheadMs) < 60_000;
        expect([near(earliest, -400 * 86_400_000), near(latest, 600_000)]).toEqual([true, true]);
      }
      const ahead = await publishNew(
        service,
        key,
        operationEvent('collect.failed', 'x', { occurred_at: iso(590_000) }),
      );
      const next = await publishNew(service, key, operationEvent('collect.succeeded', 'x'));
      expect([ahead.operation!.stale, next.operation!.stale]).toEqual([false, false]);
    });

    it('over 256 KiB by 413', async () => {
      const list = Array.from({ length: 20 }, () => 'x'.repeat(16_000));
      expectProblem(await publish(service, key, { type: 'collect.failed', data: { list } }), 413, 'body_too_large');
    });

    it('in live mode without the right, which the platform needs not', async () => {
      const live = account.live.secretKey;
      expectProblem(
        await publish(service, live, operationEvent('collect.failed', 'x')),
        403,
        'live_publishing_disabled',
      );
      // What is wrong with the input itself is said first.
      expectProblem(await publish(service, live, { type: 5 }), 422, 'invalid_input', ['type: wrong_type']);
      const headers = { 'signalpost-account': account.id, 'signalpost-mode': 'live' };
      const body = operationEvent('collect.failed', 'x');
      const byAdmin = await service.call('post', '/v1/events', { headers, body }).expect(201);
      expect((byAdmin.body as { source: string }).source).toBe('platform');
      const trusted = await service.makeAccount({ live_publishing: true });
      const own = await publishNew(service, trusted.live.secretKey, body);
      expect(own.source).toBe('account');
    });

    it('to callers without the right: 401 without a key, 403 with a public key or without the scope', async () => {
      const body = operationEvent('collect.failed', 'x');
      expectProblem(await service.call('post', '/v1/events', { key: null, body }), 401, 'missing_api_key');
      expectProblem(await publish(service, account.test.publicKey, body), 403, 'secret_key_required');
      const reader = await service.makeRestrictedKey(key, { scopes: ['read'] });
      expectProblem(await publish(service, reader.key, body), 403, 'insufficient_scope');
      const writer = await service.makeRestrictedKey(key, { scopes: ['events:write'] });
      await publishNew(service, writer.key, body);
      expectProblem(await service.call('post', '/v1/events', { body }), 400, 'acting_headers_required');
    });
  });

  it('reaches a suspended account from the platform, but not from the account', async () => {
    await service.call('patch', `/v1/admin/accounts/${account.id}`, { body: { status: 'suspended' } }).expect(200);
    const body = operationEvent('collect.failed', 'x');
    expectProblem(await publish(service, key, body), 403, 'account_suspended');
    const headers = { 'signalpost-account': account.id, 'signalpost-mode': 'test' };
    await service.call('post', '/v1/events', { headers, body }).expect(201);
  });

  describe('of a registered type', () => {
    it('needs no operation, and takes one whose kind and status it gives itself', async () => {
      const bare = await publishNew(service, key, { type: 'payout.sent', data: { to: 'bank' } });
      expect(bare).toMatchObject({ type: 'payout.sent', operation: null, data: { to: 'bank' } });
      const operation = { id: 'pay_1', kind: 'payment', status: 'refunded' };
      const about = await publishNew(service, key, { type: 'payout.sent', operation });
      expect(about.operation).toMatchObject({ ...operation, version: 1 });
      const { body } = await service.call('get', '/v1/operations/pay_1', { key }).expect(200);
      expect(body).toMatchObject({ status: 'refunded', last_event_id: about.id });
    });

    it('is refused with an operation that lacks them, and once the type is retired', async () => {
      for (const [operation, field] of [
        [{ id: 'x', status: 'failed' }, 'operation.kind: required'],
        [{ id: 'x', kind: 'payment' }, 'operation.status: required'],
      ] as const) {
        expectProblem(await publish(service, key, { type: 'payout.sent', operation }), 422, 'invalid_input', [field]);
      }
      expectProblem(await publish(service, key, { type: 'payout.old' }), 422, 'invalid_input', [
        'type: retired_event_type',
      ]);
    });
  });

  it('fails alone when the database refuses its values, though others are in the same commit', async () => {
    await service.dataSource.query(
      `ALTER TABLE signalpost.external_ids ADD CONSTRAINT refuse CHECK (external_id <> 'poison')`,
    );
    try {
      const inputs = Array.from({ length: 12 }, (_, n) =>
        operationEvent('collect.pending', `col_${n}`, { external_id: n === 5 ? 'poison' : `led-${n}` }),
      );
      const statuses = (await Promise.all(inputs.map((input) => publish(service, key, input)))).map(
        ({ status }) => status,
      );
      expect(statuses).toEqual(inputs.map((_, n) => (n === 5 ? 500 : 201)));
      const { results } = await publishBatch(service, key, [{ type: 'payout.sent' }]);
      expect(results[0]!.event!.sequence).toBe(12);
    } finally {
      await service.dataSource.query('ALTER TABLE signalpost.external_ids DROP CONSTRAINT refuse');
    }
  });
});
