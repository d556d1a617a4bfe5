import { makeApiKey } from '../src/auth/api-key.js';
import { SCOPES, type Scope } from '../src/auth/scopes.js';
import type { RouteTable } from '../src/common/http/route-table.js';
import { keyChecksum, makeAdminKey } from '../src/config/key-format.js';
import { DESCRIBED_ROUTES } from './support/described-routes.js';
import { EVERY_ROUTE, pathTo, type Route } from './support/every-route.js';
import { exchange } from './support/exchange.js';
import { FakeDns } from './support/fake-dns.js';
import { type MadeAccount, Service } from './support/service.js';

const KIB = 1_024;
const MALFORMED = '{"name": ';
/** Of kinds whose ids are not TypeIDs. */
const MALFORMED_NAMES = { operation: ['a b', 'x'.repeat(129)], type: ['X', 'a b', `a.${'b'.repeat(64)}`] } as const;

const routes = EVERY_ROUTE;
const guarded = routes.filter(([, { who }]) => who !== 'anyone');
const withBody = guarded.filter(([, { method }]) => method === 'POST' || method === 'PATCH');
const withObject = guarded.filter(([, { names }]) => names !== undefined);
const ofTenants = withObject.filter(([, { names, who }]) => names !== 'type' && !['platform', 'public'].includes(who));
const lists = guarded.filter(([, { method, pattern, who }]) => {
  return method === 'GET' && !/:|stream$/.test(pattern) && who !== 'platform';
});

/** What is answered to keys that prove nothing or hold no longer, whatever the route. */
const REFUSALS = {
  'no key': '401 missing_api_key',
  malformed: '401 invalid_api_key',
  'bad checksum': '401 invalid_api_key',
  unknown: '401 invalid_api_key',
  'unknown admin': '401 invalid_api_key',
  'wrong secret': '401 invalid_api_key',
  revoked: '401 api_key_revoked',
  expired: '401 api_key_expired',
  'wrong address': '403 ip_not_allowed',
  'wrong origin': '403 origin_not_allowed',
  'in a page': '403 secret_key_in_browser',
  suspended: '403 account_suspended',
} as const;

describe('every route', () => {
  let service: Service;
  let origin: string;
  let merchant: MadeAccount;
  let other: MadeAccount;
  /** An object of the merchant's test mode for every kind that a path can name. */
  let objects: Record<string, string>;
  let address = 0;
  let clientToken: Record<string, string>;
  let refusedKeys: Record<keyof typeof REFUSALS, string | null>;
  const restrictedKeys = new Map<string, Promise<{ key: string }>>();

  beforeAll(async () => {
    // Every test speaks from an address of its own, so that none is refused for the wrong keys of another.
    service = await Service.start({ environment: { TRUST_PROXY: '127.0.0.1' } });
    origin = await service.app.getUrl();
    const dns = new FakeDns();
    dns.addresses.set('shop.example', ['8.8.8.8']);
    dns.answerFor(service);
    [merchant, other] = await Promise.all([service.makeAccount(), service.makeAccount()]);
    objects = await makeObjects();
    clientToken = await service.clientTokenHeaders(merchant.test.secretKey, 'pay_1');
    refusedKeys = await makeRefusedKeys();
  });
  beforeEach(() => (address += 1));
  afterAll(() => service.stop());

  async function makeObjects(): Promise<Record<string, string>> {
    const key = merchant.test.secretKey;
    const id = async (path: string, body: object, status = 201): Promise<string> => {
      const made = await service.call('post', path, { key, body }).expect(status);
      return made.body.id as string;
    };
    const we = await id('/v1/webhook-endpoints', { url: 'https://shop.example/hook', event_types: ['*'] });
    const evt = await id('/v1/events', { type: 'payment.pending', operation: { id: 'pay_1' } });
    const { body } = await service.call('get', `/v1/events/${evt}/deliveries`, { key }).expect(200);
    const del = body.data[0].id as string;
    const log = await id('/v1/logs', { action: 'refund.asked', status: 'info', description: 'Refund' });
    const { id: unused } = await service.makeRestrictedKey(key);
    const rec = await id(`/v1/webhook-endpoints/${we}/recover`, { since: new Date().toISOString() }, 202);
    return { we, evt, del, log, rec, key: unused, operation: 'pay_1' };
  }

  /** Keys that are refused; each that is known was accepted before its trouble began. */
  async function makeRefusedKeys(): Promise<typeof refusedKeys> {
    const [old, suspended, paged] = await Promise.all([1, 2, 3].map(() => service.makeAccount()));
    const sound = old!.test.secretKey;
    const wrong = `${sound.slice(0, 20)}${'0'.repeat(30)}`;
    const ended = await service.makeRestrictedKey(paged!.test.secretKey, { scopes: SCOPES });
    const far = await service.makeRestrictedKey(paged!.test.secretKey, { allowed_ips: ['2001:db8::/32'] });
    for (const key of [sound, ended.key, suspended!.test.secretKey, paged!.test.publicKey]) {
      await service.call('get', '/v1/account', { key }).expect(200);
    }
    await service.call('post', '/v1/api-keys/regenerate', { key: sound }).expect(201);
    await service.dataSource.query(
      `UPDATE signalpost.api_keys SET expires_at = now() FROM signalpost.key_lookup l
       WHERE key_id = id AND l.public_part = $1`,
      [ended.key.slice(8, 20)],
    );
    const page = { key: paged!.test.secretKey, body: { allowed_origins: ['https://shop.example'] } };
    await service.call('patch', `/v1/api-keys/${paged!.test.publicKeyId}`, page).expect(200);
    const path = `/v1/admin/accounts/${suspended!.id}`;
    await service.call('patch', path, { body: { status: 'suspended' } }).expect(200);
    return {
      'no key': null,
      malformed: 'sk_test_short',
      'bad checksum': sound.slice(0, -1) + (sound.endsWith('0') ? '1' : '0'),
      unknown: makeApiKey('restricted', 'live'),
      'unknown admin': makeAdminKey(),
      'wrong secret': wrong + keyChecksum(wrong),
      revoked: sound,
      expired: ended.key,
      'wrong address': far.key,
      'wrong origin': paged!.test.publicKey,
      'in a page': paged!.test.secretKey,
      suspended: suspended!.test.secretKey,
    };
  }

  /** A restricted key with these scopes, made once; in both modes, for each limits how many it makes. */
  async function restrictedTo(scopes: readonly Scope[]): Promise<string> {
    const name = scopes.join();
    const { secretKey } = restrictedKeys.size % 2 === 0 ? merchant.test : merchant.live;
    const made = restrictedKeys.get(name) ?? service.makeRestrictedKey(secretKey, { scopes });
    restrictedKeys.set(name, made);
    return (await made).key;
  }

  interface Sent {
    readonly key?: string | null;
    readonly headers?: Record<string, string>;
    readonly body?: string | object;
    readonly query?: string;
    readonly path?: string;
    readonly type?: string;
  }

  /** A request as given, and what came of it: `200`, or status and code, the shape of the error being checked. */
  async function send(route: Route, sent: Sent = {}) {
    const { key = null, headers = {}, body, query = '', path = route.path, type } = sent;
    const sentHeaders: Record<string, string> = { 'x-forwarded-for': `198.18.0.${address}`, ...headers };
    if (key !== null) sentHeaders.authorization = `Bearer ${key}`;
    if (body !== undefined || type !== undefined) sentHeaders['content-type'] = type ?? 'application/json';
    const {
      status,
      headers: answered,
      text,
    } = await exchange({
      method: route.method,
      url: origin + path + query,
      headers: sentHeaders,
      body: typeof body === 'object' ? JSON.stringify(body) : body,
    });
    expect(answered['request-id']).toMatch(/^[A-Za-z0-9._-]{8,128}$/);
    if (status < 400) return { outcome: String(status), headers: answered, problem: null };
    const problem = JSON.parse(text) as { code: string; request_id: string; errors: { field: string }[] };
    expect(answered['content-type']).toBe('application/problem+json');
    expect(problem).toMatchObject({
      type: `/docs/errors#${problem.code}`,
      title: expect.any(String),
      status,
      detail: expect.any(String),
      request_id: answered['request-id'],
      errors: expect.any(Array),
    });
    return { outcome: `${status} ${problem.code}`, headers: answered, problem };
  }

  const outcome = async (route: Route, sent?: Sent): Promise<string> => (await send(route, sent)).outcome;
  const acting = (account: MadeAccount, mode = 'test') => ({
    'signalpost-account': account.id,
    'signalpost-mode': mode,
  });
  /** What is let in by who the caller is, here with the rest of the request in order or not. */
  function entry({ who }: Route): Sent {
    if (who === 'platform') return { key: service.adminKey };
    if (who === 'acting') return { key: service.adminKey, headers: acting(merchant) };
    return who === 'public' ? { key: merchant.test.publicKey, headers: clientToken } : { key: merchant.test.secretKey };
  }

  it('is described, and every described route exists', () => {
    const instance: unknown = service.app.getHttpAdapter().getInstance();
    const existing = (instance as { routeTable: RouteTable }).routeTable
      .list()
      .filter((name) => !/^(?:HEAD|OPTIONS) /.test(name));
    expect(existing.sort()).toEqual(Object.keys(DESCRIBED_ROUTES).sort());
  });

  it('that does not exist is 404 before anything else is looked at', async () => {
    for (const pattern of ['/nothing', '/v1/nothing', '/v1/events/a/b/c', '/v2/events']) {
      for (const method of ['GET', 'POST'] as const) {
        const route: Route = { who: 'anyone', method, pattern, path: pattern };
        expect(await outcome(route, { query: '?api_key=x', body: MALFORMED, type: 'text/plain' })).toBe(
          '404 not_found',
        );
      }
    }
  });

  describe.each(routes)('%s', (_name, route) => {
    it('answers other methods with 405 and the methods there are, before anything else is looked at', async () => {
      const there = routes.filter(([, { pattern }]) => pattern === route.pattern).map(([, { method }]) => method);
      for (const method of ['PUT', ...(['GET', 'POST', 'PATCH', 'DELETE'] as const)]) {
        // A longer path may take `:id` for its own word, as `regenerate` and `batch` do.
        const elsewhere = routes.some(([, r]) => r.method === method && matches(r.pattern, route.path));
        if (elsewhere) continue;
        const wrong = { ...route, method: method as Route['method'] };
        const { outcome: answered, headers } = await send(wrong, { query: '?api_key=x' });
        expect(answered).toBe('405 method_not_allowed');
        expect(String(headers.allow).split(', ')).toEqual(expect.arrayContaining([...there, 'OPTIONS']));
        expect(String(headers.allow)).not.toContain(method);
      }
    });

    it('refuses a key in the query string before body, type and authentication', async () => {
      const body = route.method === 'GET' ? {} : { body: 'x'.repeat(KIB), type: 'text/plain' };
      for (const query of [`?q=${merchant.test.secretKey}`, '?api_key=x', `?${merchant.test.publicKey}=1`]) {
        expect(await outcome(route, { ...body, query })).toBe('400 key_in_query');
      }
    });
  });

  describe.each(withBody)('%s', (_name, route) => {
    it('refuses what is too large or no JSON by its type before it asks who sent it', async () => {
      const limit = route.bodyLimitBytes ?? 256 * KIB;
      const tooLong = { type: 'application/json', headers: { 'content-length': String(limit + 1) } };
      expect(await outcome(route, tooLong)).toBe('413 body_too_large');
      expect(await outcome(route, { body: ' '.repeat(limit) })).toBe('401 missing_api_key');
      for (const type of ['text/plain', 'application/x-www-form-urlencoded', 'application/json; charset=latin1']) {
        expect(await outcome(route, { body: '{}', type })).toBe('415 unsupported_media_type');
      }
    });

    it('reads the body only after it knows who sent it, then says what is wrong with it', async () => {
      const { body = {}, path } = await known(route);
      const sent = { ...entry(route), path };
      expect(await outcome(route, { ...sent, body: MALFORMED })).toBe('400 malformed_json');
      expect(await outcome(route, { ...sent, body: '{"a":1,"a":2}' })).toBe('400 malformed_json');
      const unknown = await send(route, { ...sent, body: { ...body, surprise: 1 } });
      expect(unknown.outcome).toBe('422 invalid_input');
      expect(unknown.problem?.errors).toEqual([expect.objectContaining({ field: 'surprise', code: 'unknown_field' })]);
      const isRequired = route.method === 'POST' && Object.keys(body).length > 0;
      if (isRequired) expect(await outcome(route, sent)).toBe('400 body_required');
    });
  });

  describe.each(guarded)('%s', (_name, route) => {
    const wrong: Sent = { query: '?surprise=1', ...(route.method === 'GET' ? {} : { body: MALFORMED }) };

    it('refuses keys that prove nothing or hold no longer, before it looks at parameters and body', async () => {
      const { headers } = await send(route, wrong);
      expect(headers['www-authenticate']).toBe('Bearer realm="signalpost"');
      const page = { origin: 'https://evil.example' };
      const answers = Object.entries(refusedKeys).map(async ([what, key]) => {
        const isPage = what === 'wrong origin' || what === 'in a page';
        return [what, await outcome(route, { ...wrong, key, headers: isPage ? page : {} })] as const;
      });
      expect(Object.fromEntries(await Promise.all(answers))).toEqual(REFUSALS);
    });

    it('lets in the kinds of key of the contract alone, before it looks at parameters and body', async () => {
      const { who } = route;
      const isOpen = who.startsWith('any key');
      const isAdmins = who === 'platform' || who === 'acting';
      const kind = isAdmins ? 'admin' : who === 'public' ? 'public' : 'secret';
      const other = `403 ${kind}_key_required`;
      const refused = {
        public: isOpen ? null : who === 'public' ? '401 invalid_client_token' : other,
        restricted: isOpen ? null : who.startsWith('secret') && route.scope ? '403 insufficient_scope' : other,
        secret: isOpen || kind === 'secret' ? null : other,
        platform: /platform/.test(who) ? null : who === 'public' ? other : '400 acting_headers_required',
        acting: who === 'public' ? other : null,
        half: who === 'platform' ? null : who === 'public' ? other : '400 admin_header',
        secretActing: isOpen || kind === 'secret' ? '400 admin_header' : other,
      };
      const letIn = (answered: string) => (/^(?:401|403|400 admin|400 acting)/.test(answered) ? answered : null);
      const sent = async (more: Sent) => letIn(await outcome(route, { ...wrong, ...more }));
      expect({
        public: await sent({ key: merchant.test.publicKey }),
        restricted: await sent({
          key: await restrictedTo(SCOPES.filter((scope) => scope !== route.scope && scope !== 'read')),
        }),
        secret: await sent({ key: merchant.test.secretKey }),
        platform: await sent({ key: service.adminKey }),
        acting: await sent({ key: service.adminKey, headers: acting(merchant) }),
        half: who === 'platform' ? null : await sent({ key: service.adminKey, headers: { 'signalpost-mode': 'test' } }),
        secretActing: await sent({ key: merchant.test.secretKey, headers: acting(merchant) }),
      }).toEqual(refused);
    });

    it('takes a restricted key with its scope alone, and one that reads exactly where nothing changes', async () => {
      const { scope } = route;
      if (scope === undefined) return;
      const sent = async (scopes: Scope[]) => outcome(route, { ...wrong, key: await restrictedTo(scopes) });
      expect(await sent([scope])).not.toMatch(/^40[13]/);
      const reads = route.method === 'GET' && scope !== 'webhook_secrets:read';
      expect(scope.endsWith(':read')).toBe(route.method === 'GET' || /verify-signature$/.test(route.pattern));
      const answered = await sent(['read']);
      if (reads || /verify-signature$/.test(route.pattern)) expect(answered).not.toMatch(/^40[13]/);
      else expect(answered).toBe('403 insufficient_scope');
    });

    it('names a parameter that it does not know', async () => {
      const { body, path } = await known(route);
      const { outcome: answered, problem } = await send(route, { ...entry(route), body, path, query: '?surprise=1' });
      expect(answered).toBe('422 invalid_input');
      expect(problem?.errors).toEqual([expect.objectContaining({ field: 'surprise', code: 'unknown_field' })]);
    });
  });

  describe.each(withObject)('%s', (_name, route) => {
    it('refuses an id that is malformed or of another kind as input', async () => {
      const { names, body } = route;
      const ids =
        names === 'operation' || names === 'type'
          ? MALFORMED_NAMES[names]
          : [`${names}_1`, 'x', objects[names === 'we' ? 'evt' : 'we']!];
      for (const id of ids) {
        const { outcome: answered, problem } = await send(route, {
          ...entry(route),
          body,
          path: pathTo(route.pattern, id),
        });
        expect([id, answered]).toEqual([id, '422 invalid_input']);
        expect(problem?.errors).toEqual([expect.objectContaining({ field: names === 'type' ? 'type' : 'id' })]);
      }
    });

    it('says 404 of an object that does not exist', async () => {
      expect(await outcome(route, { ...entry(route), body: route.body })).toBe('404 not_found');
    });
  });

  describe.each(ofTenants)('%s', (_name, route) => {
    it("answers for another account's object and the other mode's exactly as for none, and leaves it as it is", async () => {
      const id = objects[route.names!]!;
      const before = await stateOf(route, id);
      const callers: Sent[] = [
        ...(route.who === 'acting' ? [] : [{ key: other.test.secretKey }, { key: merchant.live.secretKey }]),
        { key: service.adminKey, headers: acting(other) },
        { key: service.adminKey, headers: acting(merchant, 'live') },
      ];
      const missing = await send(route, { ...callers[0], body: route.body });
      const without = (problem: object | null) =>
        JSON.stringify({ ...problem, request_id: null }).replace(/[a-z]+_[0-9a-z]{26}/, '<id>');
      const theirs = { path: pathTo(route.pattern, id), body: route.body };
      for (const who of callers) {
        const answered = await send(route, { ...theirs, ...who });
        expect(answered.outcome).toBe('404 not_found');
        expect(without(answered.problem)).toEqual(without(missing.problem));
      }
      expect(await stateOf(route, id)).toEqual(before);
    });
  });

  describe.each(lists)('%s', (_name, route) => {
    it('shows nothing of another account or of the other mode', async () => {
      const ids = Object.values(objects).filter((id) => /^[a-z]+_[0-9a-z]{26}$/.test(id));
      const textFor = async (key: string) => (await service.call('get', route.path, { key }).expect(200)).text;
      for (const key of [other.test.secretKey, merchant.live.secretKey]) {
        const text = await textFor(key);
        expect(ids.filter((id) => text.includes(id))).toEqual([]);
      }
    });
  });

  it('lets admin act for a suspended account', async () => {
    const suspended = await service.makeAccount();
    const path = `/v1/admin/accounts/${suspended.id}`;
    await service.call('patch', path, { body: { status: 'suspended' } }).expect(200);
    const answers = guarded
      .filter(([, { who }]) => who !== 'platform' && who !== 'public')
      .map(async ([name, route]) => {
        const sent = { query: '?surprise=1', key: service.adminKey, headers: acting(suspended) };
        return [name, await outcome(route, sent)];
      });
    for (const [name, answered] of await Promise.all(answers)) {
      expect([name, answered]).toEqual([name, expect.stringMatching(/^(?:422|400 body_required)/)]);
    }
  });

  /** What the route's body must be, and a path to an object that exists. */
  async function known(route: Route): Promise<{ body?: object; path: string }> {
    const { names, body, pattern } = route;
    if (names === undefined || names === 'type') return { body, path: route.path };
    return { body, path: pathTo(pattern, names === 'acct' ? merchant.id : objects[names]!) };
  }

  /** The object as its owner reads it. */
  async function stateOf(route: Route, id: string): Promise<unknown> {
    const base = route.pattern.slice(0, route.pattern.indexOf('/:id'));
    const { body } = await service.call('get', `${base}/${id}`, { key: merchant.test.secretKey }).expect(200);
    return body;
  }
});

function matches(pattern: string, path: string): boolean {
  return new RegExp(`^${pattern.replace(/[.]/g, '\\.').replace(/:\w+/g, '[^/]+')}$`).test(path);
}
