import { makeApiKey } from '../src/auth/api-key.js';
import { decodeId } from '../src/common/ids.js';
import { EndpointDisabling } from '../src/webhooks/endpoint-disabling.js';
import { FakeDns } from './support/fake-dns.js';
import { expectProblem } from './support/problems.js';
import { type MadeAccount, Service, until } from './support/service.js';

const MISSING = 'we_01k96sd3k8e2r9wq6m4h0v5xtz';

interface Endpoint {
  id: string;
  secret: string | null;
  public_key: string | null;
  status: string;
  updated_at: string;
  warnings: { code: string; message: string }[];
}

describe('/v1/webhook-endpoints', () => {
  let service: Service;
  let merchant: MadeAccount;
  let other: MadeAccount;
  let account: string;
  const dns = new FakeDns();

  beforeAll(async () => {
    service = await Service.start();
    dns.answerFor(service);
    dns.addresses.set('shop.example', ['8.8.8.8']);
    dns.addresses.set('inside.example', ['8.8.8.8', '10.0.0.7']);
    [merchant, other] = await Promise.all([service.makeAccount(), service.makeAccount()]);
    account = decodeId('acct', merchant.id);
  });
  afterAll(() => service.stop());
  beforeEach(async () => {
    const tables = ['webhook_endpoints', 'webhook_secrets', 'endpoint_lookup', 'lanes', 'logs', 'event_types'];
    // One by one: whoever holds two of them at once meets the scheduled jobs, which lock them in an order of their own.
    for (const table of tables) await service.dataSource.query(`TRUNCATE signalpost.${table}`);
  });

  const call = (method: 'get' | 'post' | 'patch' | 'delete', path: string, key = merchant.test.secretKey) =>
    service.call(method, `/v1/webhook-endpoints${path}`, { key });
  const create = (body: object, key?: string) => call('post', '', key).send(body);
  const input = (changes: object = {}) => ({
    url: 'https://shop.example/hook',
    event_types: ['payment.*'],
    ...changes,
  });
  const created = async (changes: object = {}, key?: string): Promise<Endpoint> => {
    const response = await create(input(changes), key).expect(201);
    return response.body as Endpoint;
  };
  const logged = async (): Promise<string[]> => {
    const rows: { action: string }[] = await service.dataSource.query(
      `SELECT action FROM signalpost.logs WHERE category = 'webhook' ORDER BY id`,
    );
    return rows.map(({ action }) => action);
  };

  it('creates an endpoint with every default of the contract, its lane and its log', async () => {
    const endpoint = await created({}, merchant.live.secretKey);
    expect(endpoint).toEqual({
      id: expect.stringMatching(/^we_/) as string,
      object: 'webhook_endpoint',
      mode: 'live',
      url: 'https://shop.example/hook',
      event_types: ['payment.*'],
      description: null,
      status: 'enabled',
      disabled_reason: null,
      disabled_at: null,
      headers: {},
      rate_limit: null,
      timeout_ms: 15000,
      retry_schedule: null,
      ordering: 'none',
      signature: { scheme: 'standard', header: null, label: null },
      public_key: null,
      metadata: {},
      created_at: expect.stringMatching(/Z$/) as string,
      updated_at: endpoint.updated_at,
      secret: expect.stringMatching(/^whsec_/) as string,
      warnings: [],
    });
    const [lane] = await service.dataSource.query<object[]>('SELECT * FROM signalpost.lanes');
    expect(lane).toMatchObject({ account_id: account, mode: 'live', endpoint_id: decodeId('we', endpoint.id) });
    expect(await logged()).toEqual(['webhook_endpoint.created']);
  });

  it('shows secret and warnings on creation only', async () => {
    const { id } = await created();
    const read = await call('get', `/${id}`).expect(200);
    const list = await call('get', '').expect(200);
    const [listed] = (list.body as { data: object[] }).data;
    expect(listed).toEqual(read.body);
    expect(read.body).not.toHaveProperty('secret');
    expect(read.body).not.toHaveProperty('warnings');
  });

  it('keeps every field that is given', async () => {
    const given = {
      description: 'Stock',
      headers: { Authorization: 'Bearer x' },
      rate_limit: 5,
      timeout_ms: 2000,
      retry_schedule: [1, 60],
      ordering: 'operation',
      metadata: { team: 'a' },
    };
    const endpoint = await created({ ...given, signature: { scheme: 'timestamped', label: 'v2' } });
    expect(endpoint).toMatchObject({
      ...given,
      signature: { scheme: 'timestamped', header: 'X-Webhook-Signature', label: 'v2' },
    });
  });

  it.each([
    ['url', { url: 'http://10.0.0.1/' }, 'url: url_forbidden'],
    ['url of a forbidden address', { url: 'https://inside.example/' }, 'url: url_forbidden'],
    ['url of an address in disguise', { url: 'https://0xa.1/' }, 'url: url_forbidden'],
    ['event type', { event_types: ['payment.*', 'payment.nosuch'] }, 'event_types[1]: unknown_event_type'],
    ['noun', { event_types: ['nosuch.*'] }, 'event_types[0]: unknown_event_type'],
    ['no event type', { event_types: [] }, 'event_types: too_short'],
    ['header injection', { headers: { 'X-A': 'a\r\nHost: b' } }, 'headers.X-A: invalid_header_value'],
    ['reserved header', { headers: { 'webhook-id': 'a' } }, 'headers.webhook-id: reserved_header'],
    ['endless schedule', { retry_schedule: [691_200, 1] }, 'retry_schedule: too_long'],
    ['negative wait', { retry_schedule: [-1] }, 'retry_schedule[0]: out_of_range'],
    ['short secret', { secret: 'whsec_0123456789abc' }, 'secret: invalid_secret'],
    ['signature header', { signature: { scheme: 'timestamped', header: 'Host' } }, 'signature.header: reserved_header'],
    ['label of standard', { signature: { scheme: 'standard', label: 'v1' } }, 'signature.label: not_applicable'],
    ['label of the time', { signature: { scheme: 'timestamped', label: 't' } }, 'signature.label: reserved_label'],
    [
      'API key as a secret',
      { secret: makeApiKey('secret', 'test'), signature: { scheme: 'timestamped' } },
      'secret: invalid_secret',
    ],
    ['unknown field', { colour: 'red' }, 'colour: unknown_field'],
  ])('refuses a wrong %s by name', async (_name, changes, error) => {
    expectProblem(await create(input(changes)), 422, 'invalid_input', [error]);
    expect(await logged()).toEqual([]);
  });

  it('takes a registered type of the platform', async () => {
    expectProblem(await create(input({ event_types: ['payout.sent'] })), 422, 'invalid_input');
    await service.dataSource.query(
      `INSERT INTO signalpost.event_types (type, description) VALUES ('payout.sent', 'x')`,
    );
    await created({ event_types: ['payout.sent', 'payout.*', '*'] });
  });

  it('opens the ranges of the setting to test mode, and no literal to live mode', async () => {
    await created({ url: 'http://127.0.0.1:4000/hook' });
    const live = await create(input({ url: 'https://127.0.0.1/hook' }), merchant.live.secretKey);
    expectProblem(live, 422, 'invalid_input', ['url: url_forbidden']);
    const plain = await create(input({ url: 'http://shop.example/hook' }), merchant.live.secretKey);
    expectProblem(plain, 422, 'invalid_input', ['url: url_forbidden']);
  });

  it('warns of a URL that is used, that has no address yet, or that is not encrypted', async () => {
    const { id } = await created({ url: 'http://soon.example/' });
    const { warnings } = await created({ url: 'http://soon.example/' });
    expect(warnings.map(({ code }) => code)).toEqual(['duplicate_url', 'unresolvable', 'plain_http']);
    expect(warnings[0]?.message).toContain(id);
  });

  it('never crosses accounts or modes', async () => {
    const { id } = await created();
    for (const key of [other.test.secretKey, merchant.live.secretKey]) {
      for (const missing of [id, MISSING]) {
        expectProblem(await call('get', `/${missing}`, key), 404, 'not_found');
        expectProblem(await call('patch', `/${missing}`, key).send({ description: 'x' }), 404, 'not_found');
        expectProblem(await call('delete', `/${missing}`, key), 404, 'not_found');
        expectProblem(await call('get', `/${missing}/secret`, key), 404, 'not_found');
        expectProblem(await call('post', `/${missing}/rotate-secret`, key).send({}), 404, 'not_found');
      }
      expect((await call('get', '', key)).body).toMatchObject({ data: [] });
    }
    expectProblem(await call('get', '/evt_01k96sd3k8e2r9wq6m4h0v5xtz'), 422, 'invalid_input');
  });

  it('keeps to 50 endpoints in an account and mode, also for creations at once', async () => {
    await service.dataSource.query(
      `INSERT INTO signalpost.webhook_endpoints (account_id, mode, id, url, event_types)
       SELECT $1, 'test', gen_random_uuid(), 'https://shop.example/' || n, '{*}' FROM generate_series(1, 48) n`,
      [account],
    );
    const responses = await Promise.all(Array.from({ length: 5 }, () => create(input())));
    expect(responses.map(({ status }) => status).sort()).toEqual([201, 201, 409, 409, 409]);
    expectProblem(await create(input()), 409, 'limit_reached');
    await created({}, merchant.live.secretKey);
  });

  it('creates once with one Idempotency-Key, and never stores the secret', async () => {
    const send = () => create(input()).set('idempotency-key', 'one');
    const first = (await send().expect(201)).body as Endpoint;
    const again = await send().expect(201);
    expect(again.headers['idempotency-replayed']).toBe('true');
    expect(again.body).toEqual({ ...first, secret: null });
    const kept: { response: object }[] = await service.dataSource.query(
      'SELECT response::text FROM signalpost.idempotency_keys',
    );
    expect(JSON.stringify(kept)).not.toContain('whsec_');
  });

  it('changes what is named, clears by null, and leaves the rest', async () => {
    const { id } = await created({ description: 'a', rate_limit: 5, headers: { 'X-A': '1' }, metadata: { a: 'b' } });
    const changes = { url: 'https://shop.example/other', rate_limit: null, headers: { 'X-B': '2' }, metadata: null };
    const { body } = await call('patch', `/${id}`).send(changes).expect(200);
    expect(body).toMatchObject({
      url: changes.url,
      rate_limit: null,
      headers: { 'X-B': '2' },
      metadata: {},
      description: 'a',
      event_types: ['payment.*'],
    });
    expect((await call('get', `/${id}`)).body).toEqual(body);
    expect(await logged()).toEqual(['webhook_endpoint.created', 'webhook_endpoint.updated']);
  });

  it('judges a change together with what stays', async () => {
    const { id } = await created({ headers: { 'X-Sign': '1' } });
    const signature = { scheme: 'timestamped', header: 'X-Sign' };
    expectProblem(await call('patch', `/${id}`).send({ signature }), 422, 'invalid_input', [
      'headers.X-Sign: duplicate_header',
    ]);
    expectProblem(await call('patch', `/${id}`).send({ signature: { scheme: 'ed25519' } }), 422, 'invalid_input', [
      'signature.scheme: immutable',
    ]);
    expectProblem(await call('patch', `/${id}`).send({ url: 'https://inside.example/' }), 422, 'invalid_input');
  });

  it('disables and enables with reason, time, lane and count', async () => {
    const { id } = await created();
    const disabled = await call('patch', `/${id}`).send({ status: 'disabled' }).expect(200);
    expect(disabled.body).toMatchObject({
      status: 'disabled',
      disabled_reason: 'manual',
      disabled_at: expect.stringMatching(/^\d{4}-.*Z$/) as string,
    });
    // An event is for what the service decides by itself; whoever disables by hand knows it.
    const told = await service.dataSource.query<object[]>(
      `SELECT input::text FROM signalpost.event_inbox WHERE input::text LIKE $1
       UNION ALL SELECT body FROM signalpost.events WHERE body LIKE $1`,
      [`%${id}%`],
    );
    expect(told).toEqual([]);
    expect(disabled.body).not.toHaveProperty('recoverable_count');
    expect(disabled.body).not.toHaveProperty('recoverable_since');
    // A new epoch: what was unfinished is skipped, and enabling never revives it.
    const rows = await service.dataSource.query<object[]>(
      'SELECT epoch, has_leftovers FROM signalpost.webhook_endpoints',
    );
    expect(rows).toEqual([{ epoch: 2, has_leftovers: true }]);
    const enabled = await call('patch', `/${id}`).send({ status: 'enabled' }).expect(200);
    expect(enabled.body).toMatchObject({
      status: 'enabled',
      disabled_reason: null,
      disabled_at: null,
      recoverable_count: 0,
      recoverable_since: disabled.body.disabled_at as string,
    });
    const lanes: { gen: string }[] = await service.dataSource.query('SELECT gen FROM signalpost.lanes');
    expect(lanes).toEqual([{ gen: '1' }]);
    expect(await logged()).toEqual([
      'webhook_endpoint.created',
      'webhook_endpoint.disabled',
      'webhook_endpoint.enabled',
    ]);
  });

  it('is not disabled by the service when it was changed since the revision that the service speaks of', async () => {
    const { id } = await created();
    const ref = { accountId: account, mode: 'test' as const, id: decodeId('we', id) };
    await call('patch', `/${id}`).send({ description: 'another' }).expect(200);
    const disable = (revision: number) =>
      service.dataSource.transaction((manager) =>
        service.app.get(EndpointDisabling).disable(ref, 'gone', manager, { revision }),
      );
    expect([await disable(1), await disable(2)]).toEqual([false, true]);
  });

  it('is disabled by the service once, with a log and a system event', async () => {
    const { id } = await created();
    const ref = { accountId: account, mode: 'test' as const, id: decodeId('we', id) };
    const disable = () =>
      service.dataSource.transaction((manager) => service.app.get(EndpointDisabling).disable(ref, 'gone', manager));
    expect((await Promise.all([disable(), disable()])).sort()).toEqual([false, true]);
    expect((await call('get', `/${id}`)).body).toMatchObject({ status: 'disabled', disabled_reason: 'gone' });
    const rows = await service.dataSource.query<object[]>(
      'SELECT epoch, has_leftovers FROM signalpost.webhook_endpoints',
    );
    expect(rows).toEqual([{ epoch: 2, has_leftovers: true }]);
    const events = (): Promise<{ data: object }[]> =>
      service.dataSource.query(
        `SELECT body::json -> 'data' AS data FROM signalpost.events
         WHERE type = 'webhook_endpoint.disabled' AND body LIKE $1`,
        [`%${id}%`],
      );
    await until(async () => (await events()).length > 0);
    const data = {
      endpoint_id: id,
      url: 'https://shop.example/hook',
      reason: 'gone',
      failing_since: null,
      unfinished: 0,
    };
    expect(await events()).toEqual([{ data }]);
    expect(await service.dataSource.query('SELECT FROM signalpost.event_inbox')).toEqual([]);
    expect(await logged()).toEqual(['webhook_endpoint.created', 'webhook_endpoint.disabled']);
  });

  it('deletes: gone for its owner, kept for history', async () => {
    const { id } = await created();
    await call('delete', `/${id}`).expect(204);
    expectProblem(await call('delete', `/${id}`), 404, 'not_found');
    expectProblem(await call('get', `/${id}`), 404, 'not_found');
    const rows = await service.dataSource.query<object[]>('SELECT deleted_at FROM signalpost.webhook_endpoints');
    expect(rows).toEqual([{ deleted_at: expect.any(Date) as Date }]);
  });

  it('pages from the newest, in both directions', async () => {
    const ids: string[] = [];
    for (let n = 0; n < 3; n += 1) ids.unshift((await created({ url: `https://shop.example/${n}` })).id);
    const page = async (query: string) => {
      const { body } = await call('get', query).expect(200);
      const { data, has_more } = body as { data: Endpoint[]; has_more: boolean };
      return [...data.map(({ id }) => ids.indexOf(id)), has_more];
    };
    expect(await page('?limit=2')).toEqual([0, 1, true]);
    expect(await page(`?limit=2&starting_after=${ids[1]}`)).toEqual([2, false]);
    expect(await page(`?limit=1&ending_before=${ids[2]}`)).toEqual([1, true]);
  });

  describe('callers', () => {
    const restricted = async (...scopes: string[]) =>
      (await service.makeRestrictedKey(merchant.test.secretKey, { scopes })).key;
    const outcomes = async (id: string, key: string) => ({
      list: await outcome(call('get', '', key)),
      read: await outcome(call('get', `/${id}`, key)),
      create: await outcome(create(input(), key)),
      change: await outcome(call('patch', `/${id}`, key).send({ description: 'x' })),
      secret: await outcome(call('get', `/${id}/secret`, key)),
      rotate: await outcome(call('post', `/${id}/rotate-secret`, key)),
      delete: await outcome(call('delete', `/${id}`, key)),
    });
    const outcome = async (request: ReturnType<typeof call>) => {
      const { status, body } = await request;
      return status < 400 ? status : `${status} ${body.code}`;
    };
    const all = (what: string) => ({
      list: what,
      read: what,
      create: what,
      change: what,
      secret: what,
      rotate: what,
      delete: what,
    });

    it('public keys manage no endpoint', async () => {
      const { id } = await created();
      expect(await outcomes(id, merchant.test.publicKey)).toEqual(all('403 secret_key_required'));
    });

    it('a restricted key does what its scopes say, and reading endpoints is not reading their secrets', async () => {
      const { id } = await created();
      const none = all('403 insufficient_scope');
      expect(await outcomes(id, await restricted('events:read'))).toEqual(none);
      expect(await outcomes(id, await restricted('webhooks:read'))).toEqual({ ...none, list: 200, read: 200 });
      expect(await outcomes(id, await restricted('read'))).toEqual({ ...none, list: 200, read: 200 });
      expect(await outcomes(id, await restricted('webhook_secrets:read'))).toEqual({ ...none, secret: 200 });
      const written = { create: 201, change: 200, rotate: 201, delete: 204 };
      expect(await outcomes(id, await restricted('webhooks:write'))).toEqual({ ...none, ...written });
    });

    it('admin acts for an account that is suspended, whose own keys are refused', async () => {
      const suspended = await service.makeAccount();
      const { id } = await created({}, suspended.test.secretKey);
      const path = `/v1/admin/accounts/${suspended.id}`;
      await service.call('patch', path, { body: { status: 'suspended' } }).expect(200);
      expect(await outcomes(id, suspended.test.secretKey)).toEqual(all('403 account_suspended'));
      const acting = { 'signalpost-account': suspended.id, 'signalpost-mode': 'test', 'signalpost-actor': 'Zoe' };
      const changed = await call('patch', `/${id}`, service.adminKey).set(acting).send({ description: 'seen' });
      expect(changed.body).toMatchObject({ id, description: 'seen' });
      const [log] = await service.dataSource.query<object[]>(
        `SELECT actor_type, actor_name FROM signalpost.logs WHERE action = 'webhook_endpoint.updated'`,
      );
      expect(log).toEqual({ actor_type: 'admin', actor_name: 'Zoe' });
    });
  });
});
