import { type MadeAccount, Service, until } from './support/service.js';

interface ShownKey {
  readonly id: string;
  readonly kind: string;
  readonly status: string;
  readonly key: string | null;
  readonly replaced_by: string | null;
  readonly requests_since_replaced: number;
  readonly last_used_at: string | null;
  readonly expires_at: string | null;
}

describe('Regenerating a pair of keys', () => {
  let service: Service;
  let second: Service;
  let account: MadeAccount;
  beforeAll(async () => {
    service = await Service.start({ environment: { TRUST_PROXY: '127.0.0.1' } });
    second = await Service.start({ config: service.config });
  });
  afterAll(() => Promise.all([service.stop(), second.stop()]));
  beforeEach(async () => (account = await service.makeAccount()));

  const uses = (key: string, headers = {}, at = service) => at.outcome('get', '/v1/account', { key, headers });
  const regenerate = (key: string, body: object = {}, at = service) =>
    at.call('post', '/v1/api-keys/regenerate', { key, body });
  const keysOf = async (key: string): Promise<ShownKey[]> =>
    (await service.call('get', '/v1/api-keys?limit=100', { key }).expect(200)).body.data as ShownKey[];

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

  it('during an overlap both pairs work, and each old key tells who still uses it, from when it was replaced', async () => {
    const { secretKey, publicKey, secretKeyId, publicKeyId } = account.live;
    const from = (ip: string, agent: string) => ({ 'x-forwarded-for': ip, 'user-agent': agent });
    expect(await uses(secretKey, from('203.0.113.1', 'before'))).toBe('200');
    const { body } = await regenerate(secretKey, { expire_previous_in: 3600 }).expect(201);
    const next = body.secret_key.key as string;
    const since = Date.now();
    for (let count = 0; count < 3; count += 1) {
      expect(await uses(secretKey, from(`203.0.113.${count}`, `backend/${count}`))).toBe('200');
    }
    expect(await uses(secretKey, { ...from('203.0.113.9', 'page'), origin: 'https://evil.example' })).toBe(
      '403 secret_key_in_browser',
    );
    expect(await uses(publicKey, from('2001:db8::1', 'x'.repeat(400)))).toBe('200');
    for (const key of [next, body.public_key.key as string]) expect(await uses(key)).toBe('200');

    const shown = async (id: string) => (await keysOf(next)).find((key) => key.id === id)!;
    await until(async () => (await shown(secretKeyId)).requests_since_replaced === 4);
    await until(async () => (await shown(publicKeyId)).requests_since_replaced === 1);
    const [secret, open, current] = await Promise.all(
      [secretKeyId, publicKeyId, body.secret_key.id as string].map(shown),
    );
    const old = { status: 'expiring', expires_at: expect.stringMatching(/Z$/) };
    expect(secret).toMatchObject({
      ...old,
      key: null,
      replaced_by: body.secret_key.id,
      last_used_ip: '203.0.113.9',
      last_used_user_agent: 'page',
    });
    expect(open).toMatchObject({
      ...old,
      key: publicKey,
      replaced_by: body.public_key.id,
      last_used_ip: '2001:db8::1',
      last_used_user_agent: 'x'.repeat(300),
    });
    for (const { last_used_at } of [secret!, open!]) {
      expect(Date.parse(last_used_at!)).toBeGreaterThanOrEqual(since - 1);
      expect(Date.parse(last_used_at!)).toBeLessThanOrEqual(Date.now());
    }
    expect(current).toMatchObject({ status: 'active', replaced_by: null, requests_since_replaced: 0 });
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

  it('many at once, from two processes, leave exactly one current pair, and restricted keys as they were', async () => {
    const restricted = await service.makeRestrictedKey(account.live.secretKey);
    const answers = await Promise.all(
      [service, second, service, second].map((at, index) =>
        regenerate(account.live.secretKey, { expire_previous_in: index % 2 ? 0 : 60 }, at),
      ),
    );
    // One that ends the caller's own key may be faster than another one is let in.
    const made = answers.filter(({ status }) => status === 201);
    expect(made.length).toBeGreaterThanOrEqual(1);
    for (const { status, body } of answers) if (status !== 201) expect(body.code).toBe('api_key_revoked');
    const headers = { 'signalpost-account': account.id, 'signalpost-mode': 'live' };
    const { body: list } = await service.call('get', '/v1/api-keys', { headers, query: { limit: 100 } }).expect(200);
    const keys = list.data as ShownKey[];
    const current = keys.filter(({ status }) => status === 'active');
    expect(current.map(({ kind }) => kind).sort()).toEqual(['public', 'restricted', 'secret']);
    const currentId = current.find(({ kind }) => kind === 'secret')!.id;
    const { body: pair } = made.find(({ body }) => body.secret_key.id === currentId)!;
    for (const at of [service, second]) {
      expect(await uses(pair.secret_key.key as string, {}, at)).toBe('200');
      expect(await uses(pair.public_key.key as string, {}, at)).toBe('200');
      expect(await uses(restricted.key, {}, at)).toBe('200');
    }
  });

  it('one after another, quickly, leaves exactly one current pair and each old pair its own successor', async () => {
    let key = account.live.secretKey;
    const ids = [account.live.secretKeyId];
    for (let count = 0; count < 4; count += 1) {
      const { body } = await regenerate(key, { expire_previous_in: 600 }).expect(201);
      key = body.secret_key.key as string;
      ids.push(body.secret_key.id as string);
    }
    const secrets = (await keysOf(key)).filter(({ kind }) => kind === 'secret').reverse();
    expect(secrets.map(({ id, replaced_by, status }) => [id, replaced_by, status])).toEqual(
      ids.map((id, index) => [id, ids[index + 1] ?? null, index < 4 ? 'expiring' : 'active']),
    );
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

  it("a lost answer that ended the caller's own key is made good by the platform", async () => {
    await regenerate(account.live.secretKey).expect(201);
    expect(await uses(account.live.secretKey)).toBe('401 api_key_revoked');
    const headers = { 'signalpost-account': account.id, 'signalpost-mode': 'live' };
    const { body } = await service.call('post', '/v1/api-keys/regenerate', { headers }).expect(201);
    expect(await uses(body.secret_key.key as string)).toBe('200');
    expect(body.secret_key.mode).toBe('live');
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
