import { makeApiKey } from '../src/auth/api-key.js';
import { Metrics } from '../src/common/metrics/metrics.js';
import { keyChecksum, makeAdminKey } from '../src/config/key-format.js';
import { PUBLIC_KEY_REFUSALS } from '../src/logs/sparing-logs.js';
import { EVERY_ROUTE, pathTo, type Route } from './support/every-route.js';
import { exchange } from './support/exchange.js';
import { operationEvent, postBytes, publishNew } from './support/publishing.js';
import { type LeftLog, RequestTrail } from './support/request-trail.js';
import { type CallOptions, type MadeAccount, type Method, Service, until } from './support/service.js';

const ADDRESS = '203.0.113.9';
const ACTOR = 'Awa at the desk';

const guarded = EVERY_ROUTE.filter(([, { who }]) => who !== 'anyone');
const ofSomeKinds = guarded.filter(([, { who }]) => !who.startsWith('any key'));
const withBody = guarded.filter(([, { method }]) => method === 'POST' || method === 'PATCH');
const withObject = guarded.filter(([, { names }]) => names !== undefined);
const reads = EVERY_ROUTE.filter(([, { method }]) => method === 'GET');
/** A read that is an action nevertheless, and logged as that. */
const SECRET_READ = 'GET /v1/webhook-endpoints/:id/secret';

/** Who sends a request, and what its log says of them. */
interface Sender {
  readonly options: CallOptions;
  readonly owner: string | null;
  readonly keyId: string | null;
  readonly actor: object;
}

describe('a request that is refused', () => {
  let service: Service;
  let origin: string;
  let account: MadeAccount;
  let trail: RequestTrail;
  let restricted: { id: string; key: string };
  let clientToken: Record<string, string>;
  beforeAll(async () => {
    service = await Service.start({ environment: { TRUST_PROXY: '127.0.0.1' } });
    origin = await service.app.getUrl();
    account = await service.makeAccount();
    trail = new RequestTrail(service, account);
    restricted = await service.makeRestrictedKey(account.test.secretKey, { scopes: ['webhook_secrets:read'] });
    await publishNew(service, account.test.secretKey, operationEvent('payment.pending', 'pay_1'));
    clientToken = await service.clientTokenHeaders(account.test.secretKey, 'pay_1');
  });
  afterAll(() => service.stop());

  const ofKey = (key: string, keyId: string, name: string, headers: object = {}): Sender => ({
    options: { key, headers: { 'x-forwarded-for': ADDRESS, ...headers } },
    owner: account.id,
    keyId,
    actor: { type: 'key', id: keyId, name, ip: ADDRESS },
  });
  const ofAdmin = (headers: object, owner: string | null, name = ACTOR): Sender => ({
    options: { headers: { 'x-forwarded-for': ADDRESS, 'signalpost-actor': ACTOR, ...headers } },
    owner,
    keyId: null,
    actor: { type: 'admin', id: service.config.adminKeys[0]!.name, name, ip: ADDRESS },
  });
  const bySecretKey = (): Sender => ofKey(account.test.secretKey, account.test.secretKeyId, 'Secret key');
  const acting = (id = account.id) => ({ 'signalpost-account': id, 'signalpost-mode': 'test' });
  /** Somebody whom the route lets in. */
  function letIn({ who }: Route): Sender {
    if (who === 'platform') return ofAdmin({}, null);
    if (who === 'acting') return ofAdmin(acting(), account.id);
    if (who !== 'public') return bySecretKey();
    return ofKey(account.test.publicKey, account.test.publicKeyId, 'Public key', clientToken);
  }

  /** Sends it, and expects exactly one log of it, where it belongs and with all that is due. */
  async function expectLogged(
    { method, pattern, path }: Route,
    { options, owner, keyId, actor }: Sender,
    sent: CallOptions,
    answered: string,
  ): Promise<void> {
    const { answer, logs, requestId } = await trail.of(
      method.toLowerCase() as Method,
      path,
      { ...options, ...sent },
      1,
    );
    const { status } = answer;
    // A GET of a file or a stream is answered with a problem as well.
    const { code } = JSON.parse(answer.text) as { code: string };
    expect(`${status} ${code}`).toBe(answered);
    const left: LeftLog = { account: owner, category: 'api', action: 'request.refused', request_id: requestId };
    expect(logs).toEqual([left]);
    const [listed, key] = owner === null ? ['/v1/admin/logs', service.adminKey] : ['/v1/logs', account.test.secretKey];
    const { body } = await service.call('get', listed, { key, query: { request_id: requestId } }).expect(200);
    expect(body.data).toEqual([
      expect.objectContaining({
        mode: owner === null ? null : 'test',
        category: 'api',
        action: 'request.refused',
        status: 'failed',
        description: `${method} ${pattern} refused: ${status} ${code}`,
        api_key_id: keyId,
        request_id: requestId,
        actor,
        http: { method, route: pattern, status, code, duration_ms: expect.any(Number) },
        metadata: {},
      }),
    ]);
  }

  describe('with a key that proved right leaves one log, in the account of the key', () => {
    it.each(guarded)('%s: a wrong parameter', async (_name, route) => {
      await expectLogged(route, letIn(route), { body: route.body, query: { surprise: 1 } }, '422 invalid_input');
    });

    it.each(withBody)('%s: a wrong body', async (_name, route) => {
      await expectLogged(route, letIn(route), { body: { ...route.body, surprise: 1 } }, '422 invalid_input');
    });

    it.each(withObject)('%s: an object that is not there', async (_name, route) => {
      await expectLogged(route, letIn(route), { body: route.body }, '404 not_found');
    });

    it.each(ofSomeKinds)('%s: the wrong kind of key', async (_name, route) => {
      const { who, scope } = route;
      const isAdmins = who === 'platform' || who === 'acting';
      const kind = isAdmins ? 'admin' : who === 'public' ? 'public' : 'secret';
      const isInScope = scope === 'webhook_secrets:read';
      const sender = isInScope
        ? ofKey(account.test.publicKey, account.test.publicKeyId, 'Public key')
        : ofKey(restricted.key, restricted.id, 'Export');
      const isOfScope = scope !== undefined && !isInScope;
      await expectLogged(route, sender, {}, isOfScope ? '403 insufficient_scope' : `403 ${kind}_key_required`);
    });

    it('or of the account that admin acts for; without one in the platform’s', async () => {
      const [, route] = EVERY_ROUTE.find(([name]) => name === 'POST /v1/webhook-endpoints')!;
      const body = { url: 'no URL', event_types: ['*'] };
      await expectLogged(route, ofAdmin(acting(), account.id), { body }, '422 invalid_input');
      const name = service.config.adminKeys[0]!.name;
      await expectLogged(route, ofAdmin({}, null, name), { body }, '400 acting_headers_required');
      const [, read] = EVERY_ROUTE.find(([name]) => name === 'GET /v1/logs')!;
      await expectLogged(read, ofAdmin({}, null, name), {}, '400 acting_headers_required');
      const nobody = { 'signalpost-account': 'acct_01k96sd3k8e2r9wq6m4h0v5xtz', 'signalpost-mode': 'test' };
      await expectLogged(route, ofAdmin(nobody, null, name), { body }, '404 not_found');
    });

    it.each(['/v1/events', '/v1/events/batch', '/v1/logs'])(
      'POST %s: no JSON, though what it takes is its own log',
      async (path) => {
        const requestId = trail.nextId();
        const { key, headers } = bySecretKey().options;
        await postBytes(service, path, key!, '{"type": ', { ...headers, 'request-id': requestId }).expect(400);
        const left = { account: account.id, category: 'api', action: 'request.refused', request_id: requestId };
        expect(await trail.left(requestId, 1)).toEqual([left]);
      },
    );

    it.each(['revoked', 'expired', 'suspended', 'from a wrong address'])('also where the key is %s', async (what) => {
      const own = await service.makeAccount();
      const scopes = ['logs:read'];
      const allowed = what === 'from a wrong address' ? { allowed_ips: ['2001:db8::/32'] } : {};
      const { id, key } = await service.makeRestrictedKey(own.test.secretKey, { scopes, ...allowed });
      if (what === 'revoked') {
        await service.call('delete', `/v1/api-keys/${id}`, { key: own.test.secretKey }).expect(200);
      } else if (what === 'expired') {
        await service.dataSource.query(
          `UPDATE signalpost.api_keys SET expires_at = now() FROM signalpost.key_lookup l
           WHERE key_id = id AND l.public_part = $1`,
          [key.slice(8, 20)],
        );
      } else if (what === 'suspended') {
        await service.suspend(own.id);
      }
      const { answer, logs } = await trail.of('get', '/v1/logs', { key }, 1);
      expect([401, 403]).toContain(answer.status);
      expect(logs).toEqual([expect.objectContaining({ account: own.id, category: 'api', action: 'request.refused' })]);
    });

    it('with the pattern of its route, never the path, whatever stands in it', async () => {
      const { key } = bySecretKey().options;
      const { requestId } = await trail.of('get', '/v1/logs/4111111111111111', { key }, 1);
      const { body } = await service.call('get', '/v1/logs', { key, query: { request_id: requestId } }).expect(200);
      expect(body.data).toMatchObject([
        { description: 'GET /v1/logs/:id refused: 422 invalid_input', http: { route: '/v1/logs/:id' } },
      ]);
      expect(JSON.stringify(body)).not.toContain('4111');
    });

    it('and where the key is used in a web page one about the key, not two', async () => {
      const headers = { origin: 'https://evil.example' };
      const { answer, logs } = await trail.of('post', '/v1/logs', { key: account.test.secretKey, headers }, 1);
      expect(answer.body.code).toBe('secret_key_in_browser');
      expect(logs.map(({ account: owner, category, action }) => [owner, category, action])).toEqual([
        [account.id, 'key', 'api_key.refused_in_browser'],
      ]);
    });
  });

  it('of a public key, which stands in a page for everybody, is logged up to a rate: the others are counted', async () => {
    const { test } = await service.makeAccount();
    const requestId = trail.nextId();
    const sent = PUBLIC_KEY_REFUSALS.burst + 15;
    for (let request = 0; request < sent; request += 1) {
      const answer = await trail.send(requestId, 'get', '/v1/logs', { key: test.publicKey });
      expect(answer.body.code).toBe('secret_key_required');
    }
    const leftOut = async (): Promise<number> => {
      const metrics = await service.app.get(Metrics).registry.metrics();
      return Number(/^signalpost_request_logs_left_out_total\{reason="public_key"\} (\d+)$/m.exec(metrics)![1]);
    };
    await until(async () => (await trail.left(requestId, 0)).length + (await leftOut()) >= sent);
    expect(await leftOut()).toBeGreaterThan(0);
    expect((await trail.left(requestId, 0)).length).toBe(sent - (await leftOut()));
    // What the merchant's own keys are refused is logged as ever.
    const own = await trail.of('get', '/v1/logs', { key: test.secretKey, query: { surprise: 1 } }, 1);
    expect(own.logs).toHaveLength(1);
  });

  describe('before a key proved right leaves none, in no account and not in the platform’s', () => {
    const wrongSecret = (): string => {
      const start = `${account.test.secretKey.slice(0, 20)}${'0'.repeat(30)}`;
      return start + keyChecksum(start);
    };

    // From an address of its own each, since wrong keys of one address are counted.
    let address = 0;
    beforeEach(() => (address += 1));

    it.each(guarded)('%s: no key, and keys that prove nothing', async (_name, { method, path, body }) => {
      const keys = [null, 'sk_test_short', makeApiKey('secret', 'test'), makeAdminKey(), wrongSecret()];
      const requestId = trail.nextId();
      for (const key of keys) {
        const headers = { 'x-forwarded-for': `198.18.0.${address}`, ...acting() };
        const answer = await trail.send(requestId, method.toLowerCase() as Method, path, { key, headers, body });
        expect(answer.status).toBe(401);
      }
      expect(await trail.left(requestId, 0)).toEqual([]);
    });

    it.each(guarded)(
      '%s: a right key that is not looked at, since it stands in the query too',
      async (_name, route) => {
        const query = { api_key: account.test.secretKey };
        const options = { ...letIn(route).options, query, body: route.body };
        const { answer, logs } = await trail.of(route.method.toLowerCase() as Method, route.path, options, 0);
        expect([answer.status, logs]).toEqual([400, []]);
      },
    );

    it.each(withBody)('%s: nor one before a body that is too large or no JSON by its type', async (_name, route) => {
      const { method, path, bodyLimitBytes = 256 * 1_024 } = route;
      const types: [status: number, headers: Record<string, string>][] = [
        [413, { 'content-type': 'application/json', 'content-length': String(bodyLimitBytes + 1) }],
        [415, { 'content-type': 'text/plain', 'content-length': '1' }],
      ];
      const requestId = trail.nextId();
      for (const [status, more] of types) {
        const headers = { authorization: `Bearer ${account.test.secretKey}`, 'request-id': requestId, ...more };
        const answer = await exchange({ method, url: origin + path, headers });
        expect(answer.status).toBe(status);
      }
      expect(await trail.left(requestId, 0)).toEqual([]);
    });

    it('nor a right key where there is no such route or method', async () => {
      const key = account.test.secretKey;
      for (const [method, path, status] of [
        ['post', '/v1/nothing', 404],
        ['get', '/v1/events/a/b/c', 404],
        ['put', '/v1/events', 405],
        ['delete', '/v1/logs', 405],
      ] as const) {
        const { answer, logs } = await trail.of(method, path, { key }, 0);
        expect([answer.status, logs]).toEqual([status, []]);
      }
    });
  });

  describe('is told from what is only read, which leaves none', () => {
    const objects: Record<string, string> = {};
    beforeAll(async () => {
      const key = account.test.secretKey;
      const idOf = async (path: string, body: object): Promise<string> => {
        const answer = await service.call('post', path, { key, body });
        return answer.body.id as string;
      };
      objects.we = await idOf('/v1/webhook-endpoints', { url: 'https://shop.example/hook', event_types: ['*'] });
      objects.evt = await idOf('/v1/events', operationEvent('payment.pending', 'pay_1'));
      objects.log = await idOf('/v1/logs', { action: 'a', status: 'info', description: 'A' });
      objects.rec = await idOf(`/v1/webhook-endpoints/${objects.we}/recover`, { since: new Date().toISOString() });
      const { body } = await service.call('get', `/v1/events/${objects.evt}/deliveries`, { key }).expect(200);
      objects.del = body.data[0].id as string;
      Object.assign(objects, { key: restricted.id, acct: account.id, operation: 'pay_1', type: 'payment.pending' });
    });

    it.each(reads.filter(([name]) => name !== SECRET_READ))('%s', async (_name, route) => {
      const { pattern, names, who } = route;
      const path = names === undefined ? pattern : pathTo(pattern, objects[names]!);
      const { headers, key = service.adminKey } = who === 'anyone' ? bySecretKey().options : letIn(route).options;
      const requestId = trail.nextId();
      const leave = new AbortController();
      const answer = await fetch(origin + path, {
        headers: { ...headers, authorization: `Bearer ${key}`, 'request-id': requestId },
        signal: leave.signal,
      });
      // A stream goes on until its reader leaves.
      leave.abort();
      if (who !== 'anyone') expect(answer.status).toBe(200);
      expect(await trail.left(requestId, 0)).toEqual([]);
    });

    it(`${SECRET_READ} leaves one, of the endpoint, and no second one of the request`, async () => {
      const path = `/v1/webhook-endpoints/${objects.we}/secret`;
      const { answer, logs } = await trail.of('get', path, { key: account.test.secretKey }, 1);
      expect(answer.status).toBe(200);
      expect(logs.map(({ category, action }) => [category, action])).toEqual([
        ['webhook', 'webhook_endpoint.secret_read'],
      ]);
    });
  });
});
