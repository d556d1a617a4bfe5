import { Service } from './support/service.js';

const UNKNOWN_ACCOUNT = 'acct_01k96sd3k8e2r9wq6m4h0v5xtz';

describe('Accounts', () => {
  let service: Service;
  beforeAll(async () => (service = await Service.start()));
  afterAll(() => service.stop());

  const acting = (account: string, mode = 'live') => ({ 'signalpost-account': account, 'signalpost-mode': mode });

  it('creating answers the account with a whole key pair for each mode, and its ledgers are there', async () => {
    const { body } = await service
      .call('post', '/v1/admin/accounts', {
        body: { name: 'Boutique Adjoua', external_id: 'm-1043', locale: 'fr', metadata: { tier: 2 } },
      })
      .expect(201);
    expect(body.account).toEqual({
      id: expect.stringMatching(/^acct_/),
      object: 'account',
      name: 'Boutique Adjoua',
      external_id: 'm-1043',
      status: 'active',
      locale: 'fr',
      live_publishing: false,
      metadata: { tier: 2 },
      created_at: expect.stringMatching(/Z$/),
      updated_at: expect.stringMatching(/Z$/),
    });
    expect(body.keys.map(({ mode }: { mode: string }) => mode)).toEqual(['test', 'live']);
    for (const { mode, public_key, secret_key } of body.keys) {
      expect(public_key.key).toMatch(new RegExp(`^pk_${mode}_[0-9A-Za-z]{48}$`));
      expect(secret_key.key).toMatch(new RegExp(`^sk_${mode}_[0-9A-Za-z]{48}$`));
      expect(secret_key.key_preview).toBe(`sk_${mode}_…${secret_key.key.slice(-4)}`);
    }
    const ledgers = await service.dataSource.query(
      `SELECT mode FROM signalpost.ledgers l JOIN signalpost.accounts a ON a.id = l.account_id
       WHERE a.external_id = 'm-1043' ORDER BY mode`,
    );
    expect(ledgers).toEqual([{ mode: 'live' }, { mode: 'test' }]);
  });

  it('an external_id that is taken is a conflict, on creating and on changing, and makes nothing', async () => {
    await service.makeAccount({ external_id: 'taken' });
    const other = await service.makeAccount({ external_id: 'free' });
    const body = { name: 'Second', external_id: 'taken' };
    expect(await service.outcome('post', '/v1/admin/accounts', { body })).toBe('409 external_id_conflict');
    const path = `/v1/admin/accounts/${other.id}`;
    expect(await service.outcome('patch', path, { body: { external_id: 'taken' } })).toBe('409 external_id_conflict');
    const { body: found } = await service.call('get', '/v1/admin/accounts?external_id=taken').expect(200);
    expect(found.data).toHaveLength(1);
  });

  it('a replay of a creation makes no second account and shows no secret again', async () => {
    const options = { body: { name: 'Once' }, headers: { 'idempotency-key': 'create-once' } };
    const first = await service.call('post', '/v1/admin/accounts', options).expect(201);
    const again = await service.call('post', '/v1/admin/accounts', options).expect(201);
    expect(again.headers['idempotency-replayed']).toBe('true');
    expect(again.body.account).toEqual(first.body.account);
    for (const { public_key, secret_key } of again.body.keys) {
      expect(secret_key.key).toBeNull();
      expect(public_key.key).toMatch(/^pk_/);
    }
  });

  it('lists newest first, in pages that neither repeat nor miss, both ways', async () => {
    const made = [];
    for (const name of ['one', 'two', 'three']) made.unshift((await service.makeAccount({ name })).id);
    const { body: first } = await service.call('get', '/v1/admin/accounts?limit=2').expect(200);
    expect(first).toMatchObject({ object: 'list', has_more: true });
    expect(first.data.map(({ id }: { id: string }) => id)).toEqual(made.slice(0, 2));
    const { body: next } = await service.call('get', `/v1/admin/accounts?limit=1&starting_after=${made[1]}`);
    expect(next.data[0].id).toBe(made[2]);
    const { body: back } = await service.call('get', `/v1/admin/accounts?limit=2&ending_before=${made[2]}`);
    expect(back.data.map(({ id }: { id: string }) => id)).toEqual(made.slice(0, 2));
  });

  it.each([
    ['no name', {}],
    ['an unknown locale', { name: 'A', locale: 'de' }],
    ['an unknown field', { name: 'A', mode: 'live' }],
    ['null where none is allowed', { name: null }],
  ])('refuses %s', async (_what, body) => {
    expect(await service.outcome('post', '/v1/admin/accounts', { body })).toBe('422 invalid_input');
  });

  it('a missing account is 404, a malformed id 422, and no other kind of key gets near', async () => {
    const account = await service.makeAccount();
    expect(await service.outcome('get', `/v1/admin/accounts/${UNKNOWN_ACCOUNT}`)).toBe('404 not_found');
    expect(await service.outcome('get', '/v1/admin/accounts/key_01')).toBe('422 invalid_input');
    expect(await service.outcome('get', `/v1/admin/accounts/${account.id}`, { key: null })).toBe('401 missing_api_key');
    for (const key of [account.live.secretKey, account.live.publicKey]) {
      expect(await service.outcome('get', `/v1/admin/accounts/${account.id}`, { key })).toBe('403 admin_key_required');
    }
  });

  it('suspending refuses the keys with the next request and reactivating lets them in; admin acts all the while', async () => {
    const { id, live } = await service.makeAccount();
    const asMerchant = () => service.outcome('get', '/v1/account', { key: live.secretKey });
    expect(await asMerchant()).toBe('200');
    await service.call('patch', `/v1/admin/accounts/${id}`, { body: { status: 'suspended' } }).expect(200);
    expect(await asMerchant()).toBe('403 account_suspended');
    expect(await service.outcome('get', '/v1/account', { headers: acting(id) })).toBe('200');
    await service.call('patch', `/v1/admin/accounts/${id}`, { body: { status: 'active' } }).expect(200);
    expect(await asMerchant()).toBe('200');
  });

  it('the account as its own key sees it: its mode, its key, the retention, and nothing of the platform', async () => {
    const { id, test } = await service.makeAccount({ external_id: 'seen', metadata: { secret: true } });
    const { body } = await service.call('get', '/v1/account', { key: test.publicKey }).expect(200);
    expect(body).toEqual({
      id,
      object: 'account',
      name: 'Boutique',
      status: 'active',
      locale: 'en',
      live_publishing: false,
      mode: 'test',
      api_key: { id: test.publicKeyId, kind: 'public', name: 'Public key', scopes: null },
      retention: { days: 400, attempt_days: 90, oldest_at: expect.stringMatching(/T00:00:00.000Z$/) },
      created_at: expect.stringMatching(/Z$/),
    });
    const { body: asAdmin } = await service.call('get', '/v1/account', { headers: acting(id) }).expect(200);
    expect(asAdmin).toMatchObject({ id, mode: 'live', api_key: null });
  });

  it('acting takes both headers, a real account and an admin key', async () => {
    const { id, live } = await service.makeAccount();
    const outcome = (headers: Record<string, string>, key?: string) =>
      service.outcome('get', '/v1/account', { headers, key });
    expect(await outcome({})).toBe('400 acting_headers_required');
    expect(await outcome({ 'signalpost-account': id })).toBe('400 admin_header');
    expect(await outcome({ 'signalpost-mode': 'live' })).toBe('400 admin_header');
    expect(await outcome(acting('acct_1'))).toBe('422 invalid_input');
    expect(await outcome(acting(id, 'both'))).toBe('422 invalid_input');
    expect(await outcome(acting(UNKNOWN_ACCOUNT))).toBe('404 not_found');
    expect(await outcome({ ...acting(id), 'signalpost-actor': 'x'.repeat(201) })).toBe('422 invalid_input');
    expect(await outcome(acting(id), live.secretKey)).toBe('400 admin_header');
    expect(await outcome({ 'signalpost-actor': 'Zoe' }, live.secretKey)).toBe('400 admin_header');
    expect(await outcome({ ...acting(id), 'signalpost-actor': 'Zoe' })).toBe('200');
  });

  it('the platform keeps a log of what it did to accounts, with who did it', async () => {
    const account = await service.makeAccount({ name: 'Logged' });
    const { id } = account;
    expect(await service.outcome('get', '/v1/admin/logs', { key: account.live.secretKey })).toBe(
      '403 admin_key_required',
    );
    await service.call('patch', `/v1/admin/accounts/${id}`, { body: { status: 'suspended' } }).expect(200);
    const { body } = await service.call('get', '/v1/admin/logs?category=admin&limit=2').expect(200);
    const actor = { type: 'admin', id: service.config.adminKeys[0]!.name };
    const log = { mode: null, category: 'admin', status: 'succeeded', actor, metadata: { account: id } };
    expect(body.data).toMatchObject([
      { ...log, action: 'account.suspended', description: 'Account Logged suspended' },
      { ...log, action: 'account.created', description: 'Account Logged created' },
    ]);
  });
});
