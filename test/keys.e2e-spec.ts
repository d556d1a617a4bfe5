import { keyChecksum } from '../src/config/key-format.js';
import { type MadeAccount, Service, until } from './support/service.js';

const PAGE = { origin: 'https://evil.example' };

interface ShownKey {
  id: string;
  kind: string;
  status: string;
  key: string | null;
  replaced_by: string | null;
  requests_since_replaced: number;
  expires_at: string | null;
}

describe('API keys', () => {
  let service: Service;
  let account: MadeAccount;
  beforeAll(async () => (service = await Service.start()));
  afterAll(() => service.stop());
  beforeEach(async () => (account = await service.makeAccount()));

  const uses = (key: string, headers = {}) => service.outcome('get', '/v1/account', { key, headers });
  const regenerate = (key: string, body: object = {}) => service.call('post', '/v1/api-keys/regenerate', { key, body });
  const keysOf = async (key: string): Promise<ShownKey[]> =>
    (await service.call('get', '/v1/api-keys?limit=100', { key }).expect(200)).body.data as ShownKey[];

  describe('authentication', () => {
    it('malformed, unknown and wrong keys are one answer, and it names the scheme', async () => {
      const { secretKey } = account.live;
      const wrong = `${secretKey.slice(0, 20)}${'0'.repeat(30)}`;
      const bad = ['x', `${secretKey}0`, `${secretKey.slice(0, -1)}?`, wrong + keyChecksum(wrong)];
      for (const key of bad) expect(await uses(key)).toBe('401 invalid_api_key');
      const { headers } = await service.call('get', '/v1/account', { key: 'x' });
      expect(headers['www-authenticate']).toBe('Bearer realm="signalpost", error="invalid_token"');
    });

    it('a public key and a restricted one are told which kind of key the route needs', async () => {
      const restricted = await service.makeRestrictedKey(account.live.secretKey);
      for (const key of [account.live.publicKey, restricted.key]) {
        for (const [method, path] of [
          ['get', '/v1/api-keys'],
          ['get', `/v1/api-keys/${account.live.secretKeyId}`],
          ['post', '/v1/api-keys'],
          ['post', '/v1/api-keys/regenerate'],
          ['patch', `/v1/api-keys/${account.live.secretKeyId}`],
          ['delete', `/v1/api-keys/${account.live.secretKeyId}`],
        ] as const) {
          expect(await service.outcome(method, path, { key })).toBe('403 secret_key_required');
        }
        expect(await uses(key)).toBe('200');
      }
    });
  });

  describe('isolation', () => {
    it("another account's key and the other mode's are the same 404 as one that does not exist", async () => {
      const other = await service.makeAccount();
      const { secretKey: key } = account.live;
      for (const id of [other.live.secretKeyId, account.test.secretKeyId, 'key_01k96sd3k8e2r9wq6m4h0v5xtz']) {
        for (const method of ['get', 'delete'] as const) {
          expect(await service.outcome(method, `/v1/api-keys/${id}`, { key })).toBe('404 not_found');
        }
        const body = { name: 'Mine' };
        expect(await service.outcome('patch', `/v1/api-keys/${id}`, { key, body })).toBe('404 not_found');
      }
      expect(await service.outcome('get', '/v1/api-keys/evt_01', { key })).toBe('422 invalid_input');
      expect((await keysOf(key)).map(({ id }) => id).sort()).toEqual(
        [account.live.publicKeyId, account.live.secretKeyId].sort(),
      );
    });
  });

  describe('regenerate', () => {
    it('by default every earlier pair ends now, and its caller still gets the answer', async () => {
      const first = await regenerate(account.live.secretKey, { expire_previous_in: 3600 }).expect(201);
      const second = await regenerate(account.live.secretKey).expect(201);
      for (const key of [account.live.secretKey, account.live.publicKey, first.body.secret_key.key as string]) {
        expect(await uses(key)).toBe('401 api_key_revoked');
      }
      expect(await uses(second.body.secret_key.key as string)).toBe('200');
      expect(await uses(second.body.public_key.key as string)).toBe('200');
      expect(await uses(account.test.secretKey)).toBe('200');
    });

    it('during an overlap both pairs work, and the old one tells who still uses it', async () => {
      const { body } = await regenerate(account.live.secretKey, { expire_previous_in: 3600 }).expect(201);
      const next = body.secret_key.key as string;
      for (let count = 0; count < 3; count += 1) expect(await uses(account.live.secretKey)).toBe('200');
      const old = async () => (await keysOf(next)).find(({ id }) => id === account.live.secretKeyId)!;
      await until(async () => (await old()).requests_since_replaced === 3);
      expect(await old()).toMatchObject({
        status: 'expiring',
        key: null,
        replaced_by: body.secret_key.id as string,
        last_used_ip: '127.0.0.1',
        last_used_at: expect.stringMatching(/Z$/),
      });
    });

    it('at the end of an overlap the old pair is expired, also where it was just used', async () => {
      await regenerate(account.live.secretKey, { expire_previous_in: 1 }).expect(201);
      expect(await uses(account.live.secretKey)).toBe('200');
      await until(async () => (await uses(account.live.secretKey)) === '401 api_key_expired');
    });

    it('a second regeneration with an overlap leaves the first overlap its own end', async () => {
      const first = await regenerate(account.live.secretKey, { expire_previous_in: 600 }).expect(201);
      const end = async () =>
        (await keysOf(account.live.secretKey)).find(({ id }) => id === account.live.secretKeyId)!.expires_at;
      const before = await end();
      await regenerate(first.body.secret_key.key as string, { expire_previous_in: 604_800 }).expect(201);
      expect(await end()).toBe(before);
      expect(before).not.toBeNull();
    });

    it('two at once leave exactly one current pair, and restricted keys as they were', async () => {
      const restricted = await service.makeRestrictedKey(account.live.secretKey);
      const answers = await Promise.all([1, 2, 3].map(() => regenerate(account.live.secretKey)));
      expect(answers.map(({ status }) => status)).toEqual([201, 201, 201]);
      const outcomes = await Promise.all(answers.map(({ body }) => uses(body.secret_key.key as string)));
      expect(outcomes.filter((outcome) => outcome === '200')).toHaveLength(1);
      const current = answers[outcomes.indexOf('200')]!.body.secret_key.key as string;
      const active = (await keysOf(current)).filter(({ status }) => status === 'active');
      expect(active.map(({ kind }) => kind).sort()).toEqual(['public', 'restricted', 'secret']);
      expect(await uses(restricted.key)).toBe('200');
    });

    it('name and origins carry over', async () => {
      const path = `/v1/api-keys/${account.live.publicKeyId}`;
      const body = { name: 'Checkout', allowed_origins: ['https://Shop.example/'] };
      await service.call('patch', path, { key: account.live.secretKey, body }).expect(200);
      const { body: pair } = await regenerate(account.live.secretKey).expect(201);
      expect(pair.public_key).toMatchObject({ name: 'Checkout', allowed_origins: ['https://shop.example'] });
    });

    it('a replay makes no second pair and shows no secret', async () => {
      const options = {
        key: account.live.secretKey,
        body: { expire_previous_in: 60 },
        headers: { 'idempotency-key': 'r' },
      };
      const first = await service.call('post', '/v1/api-keys/regenerate', options).expect(201);
      const again = await service.call('post', '/v1/api-keys/regenerate', options).expect(201);
      expect(again.body.secret_key).toEqual({ ...first.body.secret_key, key: null });
    });

    it.each([-1, 604_801, 1.5, '60'])('refuses an overlap of %p', async (expire_previous_in) => {
      const outcome = await regenerate(account.live.secretKey, { expire_previous_in });
      expect(outcome.body).toMatchObject({ code: 'invalid_input', errors: [{ field: 'expire_previous_in' }] });
    });

    it('has a limit of its own, told in headers, before the body is judged', async () => {
      let answer = await regenerate(account.live.secretKey, { expire_previous_in: -1 });
      expect(answer.headers['ratelimit-policy']).toBe('"regenerate";q=30;w=60');
      for (let count = 0; count < 40 && answer.status === 422; count += 1) {
        answer = await regenerate(account.live.secretKey, { expire_previous_in: -1 });
      }
      expect(answer.body.code).toBe('rate_limited');
      expect(Number(answer.headers['retry-after'])).toBeGreaterThanOrEqual(1);
      expect(await uses(account.live.secretKey)).toBe('200');
    });
  });

  describe('restricted keys', () => {
    it('the whole key is in the answer that makes it and nowhere else, not even in the database', async () => {
      const { secretKey } = account.live;
      const made = await service.makeRestrictedKey(secretKey, { scopes: ['events:read', 'logs:write'] });
      const { body } = await service.call('get', `/v1/api-keys/${made.id}`, { key: secretKey }).expect(200);
      expect(body).toMatchObject({ kind: 'restricted', key: null, scopes: ['events:read', 'logs:write'] });
      const tables = ['api_keys', 'key_lookup', 'logs', 'event_inbox', 'idempotency_keys'];
      for (const table of tables) {
        const rows = await service.dataSource.query(`SELECT row_to_json(t)::text AS row FROM signalpost.${table} t`);
        const text = JSON.stringify(rows);
        for (const key of [made.key, secretKey, account.test.secretKey]) expect(text).not.toContain(key.slice(20, 50));
      }
    });

    it('works only from its addresses', async () => {
      const far = await service.makeRestrictedKey(account.live.secretKey, { allowed_ips: ['198.51.100.0/24'] });
      const near = await service.makeRestrictedKey(account.live.secretKey, { allowed_ips: ['::1', '127.0.0.0/8'] });
      expect(await uses(far.key)).toBe('403 ip_not_allowed');
      expect(await uses(near.key)).toBe('200');
      const body = { allowed_ips: [] };
      await service.call('patch', `/v1/api-keys/${far.id}`, { key: account.live.secretKey, body }).expect(200);
      expect(await uses(far.key)).toBe('200');
    });

    it('ends at expires_at, which must be to come', async () => {
      const expires_at = new Date(Date.now() + 1_000).toISOString();
      const { key } = await service.makeRestrictedKey(account.live.secretKey, { expires_at });
      expect(await uses(key)).toBe('200');
      await until(async () => (await uses(key)) === '401 api_key_expired');
      const past = { name: 'Past', scopes: ['read'], expires_at: '2020-01-01T00:00:00Z' };
      const { body } = await service.call('post', '/v1/api-keys', { key: account.live.secretKey, body: past });
      expect(body).toMatchObject({ code: 'invalid_input', errors: [{ field: 'expires_at', code: 'not_in_future' }] });
    });

    it.each([
      [{ scopes: ['read'] }, 'name'],
      [{ name: 'A', scopes: [] }, 'scopes'],
      [{ name: 'A', scopes: ['keys:read'] }, 'scopes[0]'],
      [{ name: 'A', scopes: ['read'], allowed_ips: ['10.0.0.0/33'] }, 'allowed_ips[0]'],
      [{ name: 'A', scopes: ['read'], mode: 'live' }, 'mode'],
    ])('refuses %j and names the field', async (body, field) => {
      const answer = await service.call('post', '/v1/api-keys', { key: account.live.secretKey, body });
      expect(answer.body).toMatchObject({ status: 422, code: 'invalid_input', errors: [{ field }] });
    });

    it('revoking answers the revoked key, and again the same; a current pair is for regenerate', async () => {
      const { secretKey: key } = account.live;
      const made = await service.makeRestrictedKey(key);
      const first = await service.call('delete', `/v1/api-keys/${made.id}`, { key }).expect(200);
      expect(first.body).toMatchObject({ id: made.id, status: 'revoked', revoked_at: expect.stringMatching(/Z$/) });
      const again = await service.call('delete', `/v1/api-keys/${made.id}`, { key }).expect(200);
      expect(again.body).toEqual(first.body);
      expect(await uses(made.key)).toBe('401 api_key_revoked');
      for (const id of [account.live.secretKeyId, account.live.publicKeyId]) {
        expect(await service.outcome('delete', `/v1/api-keys/${id}`, { key })).toBe('409 use_regenerate');
      }
    });
  });

  describe('browsers', () => {
    it('a secret key from a page is refused so that the page can read why; servers and our own pages pass', async () => {
      const { secretKey: key } = account.live;
      const { status, body, headers } = await service.call('get', '/v1/account', { key, headers: PAGE });
      expect([status, body.code]).toEqual([403, 'secret_key_in_browser']);
      expect(headers['access-control-allow-origin']).toBe(PAGE.origin);
      expect(headers['access-control-allow-credentials']).toBeUndefined();
      expect(await uses(key, { 'sec-fetch-site': 'cross-site' })).toBe('403 secret_key_in_browser');
      expect(await uses(key, { 'sec-fetch-mode': 'cors' })).toBe('200');
      expect(await uses(key, { 'sec-fetch-site': 'same-origin', ...PAGE })).toBe('200');
      expect(await uses(service.adminKey, PAGE)).toBe('403 secret_key_in_browser');
      expect(await uses(account.live.publicKey, PAGE)).toBe('200');
    });

    it('each refusal leaves a log, and the account hears of it once an hour', async () => {
      for (let count = 0; count < 3; count += 1) await uses(account.live.secretKey, PAGE);
      const count = async (sql: string) =>
        Number(
          (await service.dataSource.query(`SELECT count(*) AS n FROM ${sql}`, [`%${account.live.secretKeyId}%`]))[0].n,
        );
      await until(
        async () =>
          (await count(`signalpost.logs WHERE action = 'api_key.refused_in_browser' AND actor_id LIKE $1`)) === 3,
      );
      expect(await count(`signalpost.event_inbox WHERE input::text LIKE $1`)).toBe(1);
    });

    it("a public key's origins are enforced; without an Origin it passes", async () => {
      const { secretKey, publicKey, publicKeyId } = account.live;
      const body = { allowed_origins: ['https://shop.example'] };
      await service.call('patch', `/v1/api-keys/${publicKeyId}`, { key: secretKey, body }).expect(200);
      expect(await uses(publicKey, PAGE)).toBe('403 origin_not_allowed');
      expect(await uses(publicKey, { origin: 'https://shop.example' })).toBe('200');
      expect(await uses(publicKey)).toBe('200');
      const secretPath = `/v1/api-keys/${account.live.secretKeyId}`;
      expect(await service.outcome('patch', secretPath, { key: secretKey, body })).toBe('422 invalid_input');
    });
  });

  describe('several processes', () => {
    let second: Service;
    beforeAll(async () => (second = await Service.start({ config: service.config })));
    afterAll(() => second.stop());

    const revokedAfterMs = async (): Promise<number> => {
      const made = await service.makeRestrictedKey(account.live.secretKey);
      expect(await second.outcome('get', '/v1/account', { key: made.key })).toBe('200');
      await service.call('delete', `/v1/api-keys/${made.id}`, { key: account.live.secretKey }).expect(200);
      const revokedAt = performance.now();
      await until(
        async () => (await second.outcome('get', '/v1/account', { key: made.key })) === '401 api_key_revoked',
      );
      return performance.now() - revokedAt;
    };

    it('a key revoked in one is refused by the other within a second', async () => {
      for (let trial = 0; trial < 10; trial += 1) expect(await revokedAfterMs()).toBeLessThan(1_000);
    });

    it('also within five seconds when the LISTEN connections were just cut', async () => {
      await service.dataSource.query(
        `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
         WHERE datname = current_database() AND application_name LIKE '%listener%'`,
      );
      expect(await revokedAfterMs()).toBeLessThan(5_000);
    });
  });

  describe('logs and events', () => {
    it('created, updated, revoked and regenerated say who did it; regenerated and revoked are events', async () => {
      const { id, live } = account;
      const headers = { 'signalpost-account': id, 'signalpost-mode': 'live', 'signalpost-actor': 'Zoe' };
      const made = await service.makeRestrictedKey(live.secretKey);
      await service.call('patch', `/v1/api-keys/${made.id}`, { headers, body: { name: 'Renamed' } }).expect(200);
      await service.call('delete', `/v1/api-keys/${made.id}`, { headers }).expect(200);
      await service.call('post', '/v1/api-keys/regenerate', { headers }).expect(201);
      const rows = await service.dataSource.query(
        `SELECT l.action, l.actor_type, l.actor_name, l.mode FROM signalpost.logs l
         JOIN signalpost.key_lookup k ON k.key_id = l.api_key_id AND k.account_id = l.account_id
         WHERE l.category = 'key'
           AND k.account_id = (SELECT account_id FROM signalpost.key_lookup WHERE public_part = $1) ORDER BY l.id`,
        [live.secretKey.slice(8, 20)],
      );
      const admin = { actor_type: 'admin', actor_name: 'Zoe', mode: 'live' };
      expect(rows).toEqual([
        { action: 'api_key.created', actor_type: 'key', actor_name: 'Secret key', mode: 'live' },
        { action: 'api_key.updated', ...admin },
        { action: 'api_key.revoked', ...admin },
        { action: 'api_key.regenerated', ...admin },
      ]);
      const events = await service.dataSource.query(
        `SELECT input ->> 'type' AS type FROM signalpost.event_inbox
         WHERE account_id = (SELECT account_id FROM signalpost.key_lookup WHERE public_part = $1) ORDER BY position`,
        [live.secretKey.slice(8, 20)],
      );
      expect(events).toEqual([{ type: 'api_key.revoked' }, { type: 'api_key.regenerated' }]);
    });
  });
});

describe('Rate limits per key', () => {
  let service: Service;
  beforeAll(async () => (service = await Service.start({ environment: { RATE_LIMIT_PER_SECOND: '2' } })));
  afterAll(() => service.stop());

  it('pass the burst, then refuse with when to come back, and keep keys apart', async () => {
    const { live, test } = await service.makeAccount();
    const answers = [];
    for (let count = 0; count < 4; count += 1)
      answers.push(await service.call('get', '/v1/account', { key: live.secretKey }));
    expect(answers.map(({ status }) => status)).toEqual([200, 200, 429, 429]);
    expect(answers[0]!.headers).toMatchObject({ 'ratelimit-policy': '"key";q=2;w=1', ratelimit: '"key";r=1;t=1' });
    expect(answers[2]!.headers['retry-after']).toBe('1');
    expect(await service.outcome('get', '/v1/account', { key: test.secretKey })).toBe('200');
  });
});
