import { type MadeAccount, Service, until } from './support/service.js';

const PAGE = 'https://evil.example';

interface ShownLog {
  readonly action: string;
  readonly description: string;
  readonly status: string;
  readonly api_key_id: string | null;
  readonly request_id: string | null;
  readonly actor: object;
  readonly metadata: object;
}

interface ShownEvent {
  readonly type: string;
  readonly source: string;
  readonly data: { readonly key_id: string; readonly key_preview: string; readonly actor: object };
}

describe('What is written down about keys', () => {
  let service: Service;
  beforeAll(async () => (service = await Service.start({ environment: { TRUST_PROXY: '127.0.0.1' } })));
  afterAll(() => service.stop());

  /** The account's logs about keys, oldest first. */
  async function logsOf(key: string): Promise<ShownLog[]> {
    const { body } = await service.call('get', '/v1/logs', { key, query: { category: 'key', limit: 100 } });
    return (body.data as ShownLog[]).reverse();
  }

  async function eventsOf(key: string, count: number): Promise<ShownEvent[]> {
    const list = async () => {
      const { body } = await service.call('get', '/v1/events', { key, query: { type: 'api_key.*' } }).expect(200);
      return body.data as ShownEvent[];
    };
    await until(async () => (await list()).length >= count);
    return (await list()).reverse();
  }

  /** Every thing that can happen to keys, with the caller's headers; answers the current secret key. */
  async function useKeys({ test }: MadeAccount, who: { key: string; headers?: Record<string, string> }) {
    const made = await service.call('post', '/v1/api-keys', { ...who, body: { name: 'Export', scopes: ['read'] } });
    const path = `/v1/api-keys/${made.body.id}`;
    await service.call('patch', path, { ...who, body: { name: 'Nightly', allowed_ips: [] } }).expect(200);
    await service.call('delete', path, who).expect(200);
    const origin = { origin: PAGE };
    const page = { key: test.secretKey, headers: { 'x-forwarded-for': '203.0.113.9', ...origin } };
    expect(await service.outcome('get', '/v1/account', page)).toBe('403 secret_key_in_browser');
    await until(async () => (await logsOf(test.secretKey)).length === 4);
    const { body } = await service
      .call('post', '/v1/api-keys/regenerate', { ...who, body: { expire_previous_in: 7_200 } })
      .expect(201);
    return { key: body.secret_key.key as string, preview: made.body.key_preview as string, pair: body };
  }

  it.each([
    [
      'en',
      [
        'Restricted API key Export (<preview>) created',
        'API key Nightly (<preview>) changed: name, allowed_ips',
        'API key Nightly (<preview>) revoked',
        `API key Secret key (<secret>) refused: it was used in a web page of ${PAGE}`,
        'API keys regenerated; the earlier ones end in 2 h',
      ],
    ],
    [
      'fr',
      [
        'Clé API restreinte Export (<preview>) créée',
        'Clé API Nightly (<preview>) modifiée : name, allowed_ips',
        'Clé API Nightly (<preview>) révoquée',
        `Clé API Secret key (<secret>) refusée : elle a servi dans une page web de ${PAGE}`,
        'Clés API régénérées ; les précédentes prennent fin dans 2 h',
      ],
    ],
  ])('is told in the language of the account (%s), with the key that did it and from where', async (locale, told) => {
    const account = await service.makeAccount({ locale });
    const { secretKey, secretKeyId } = account.test;
    const headers = { 'x-forwarded-for': '198.51.100.7', 'request-id': `keys-${locale}-request` };
    const { key, preview, pair } = await useKeys(account, { key: secretKey, headers });
    const logs = await logsOf(key);
    const secretPreview = `sk_test_…${secretKey.slice(-4)}`;
    expect(logs.map(({ description }) => description.replace(/\s/g, ' '))).toEqual(
      told.map((text) => text.replace('<preview>', preview).replace('<secret>', secretPreview)),
    );
    expect(logs.map(({ action, status }) => `${action} ${status}`)).toEqual([
      'api_key.created succeeded',
      'api_key.updated succeeded',
      'api_key.revoked succeeded',
      'api_key.refused_in_browser failed',
      'api_key.regenerated succeeded',
    ]);
    const actor = { type: 'key', id: secretKeyId, name: 'Secret key', ip: '198.51.100.7' };
    expect(logs.map((log) => log.actor)).toEqual([actor, actor, actor, { ...actor, ip: '203.0.113.9' }, actor]);
    expect(logs[3]).toMatchObject({ api_key_id: secretKeyId, metadata: { origin: PAGE } });
    expect(logs[4]).toMatchObject({ api_key_id: pair.secret_key.id, request_id: headers['request-id'] });

    const events = await eventsOf(key, 3);
    const mention = { key_id: secretKeyId, key_preview: secretPreview };
    expect(events.map(({ type, source, data }) => ({ type, source, data }))).toEqual([
      {
        type: 'api_key.revoked',
        source: 'system',
        data: { key_id: logs[0]!.api_key_id, key_preview: preview, actor },
      },
      {
        type: 'api_key.secret_key_exposed',
        source: 'system',
        data: { ...mention, actor: { ...actor, ip: '203.0.113.9' }, origin: PAGE },
      },
      {
        type: 'api_key.regenerated',
        source: 'system',
        data: { key_id: pair.secret_key.id, key_preview: pair.secret_key.key_preview, actor },
      },
    ]);
  });

  it('names the person and the admin key when the platform acts for the account', async () => {
    const account = await service.makeAccount();
    const headers = {
      'signalpost-account': account.id,
      'signalpost-mode': 'test',
      'signalpost-actor': 'Zoé A.',
    };
    const { key } = await useKeys(account, { key: service.adminKey, headers });
    const by = { type: 'admin', id: service.config.adminKeys[0]!.name, name: 'Zoé A.', ip: '127.0.0.1' };
    const logs = await logsOf(key);
    const others = logs.filter(({ action }) => action !== 'api_key.refused_in_browser');
    expect(others.map(({ actor }) => actor)).toEqual([by, by, by, by]);
    const events = (await eventsOf(key, 3)).filter(({ type }) => type !== 'api_key.secret_key_exposed');
    expect(events.map(({ type, data }) => [type, data.actor])).toEqual([
      ['api_key.revoked', by],
      ['api_key.regenerated', by],
    ]);
  });

  it('an admin key in a page is told to the platform, and to no account', async () => {
    const headers = { origin: PAGE };
    expect(await service.outcome('get', '/v1/admin/accounts', { headers })).toBe('403 secret_key_in_browser');
    const query = { action: 'api_key.refused_in_browser' };
    const logs = async () =>
      (await service.call('get', '/v1/admin/logs', { query }).expect(200)).body.data as ShownLog[];
    await until(async () => (await logs()).length === 1);
    const { name } = service.config.adminKeys[0]!;
    expect(await logs()).toMatchObject([
      {
        status: 'failed',
        description: `API key ${name} refused: it was used in a web page of ${PAGE}`,
        actor: { type: 'admin', id: name, name },
        api_key_id: null,
        metadata: { origin: PAGE },
      },
    ]);
  });

  it('a key that is revoked twice is told once', async () => {
    const { test } = await service.makeAccount();
    const { id } = await service.makeRestrictedKey(test.secretKey);
    for (let count = 0; count < 2; count += 1) {
      await service.call('delete', `/v1/api-keys/${id}`, { key: test.secretKey }).expect(200);
    }
    expect((await logsOf(test.secretKey)).map(({ action }) => action)).toEqual(['api_key.created', 'api_key.revoked']);
    expect(await eventsOf(test.secretKey, 1)).toHaveLength(1);
  });
});
