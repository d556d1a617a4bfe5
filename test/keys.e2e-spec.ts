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
      const events = () => count(`signalpost.events WHERE type = 'api_key.secret_key_exposed' AND body LIKE $1`);
      await until(async () => (await events()) > 0);
      await until(async () => (await count('signalpost.event_inbox WHERE input::text LIKE $1')) === 0);
      expect(await events()).toBe(1);
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
