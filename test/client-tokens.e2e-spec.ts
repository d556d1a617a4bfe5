import { ClientTokenSigner } from '../src/auth/client-tokens/client-token-signer.js';
import { decodeId } from '../src/common/ids.js';
import { type MadeAccount, Service } from './support/service.js';

const OPERATION = {
  id: 'col_1',
  amount: 2500,
  currency: 'XOF',
  reference: 'INV-1',
  customer: { name: 'Adjoua', email: 'adjoua@example.com', phone: '+22971510758' },
  metadata: { order: 'A-77' },
};
const PATH = '/v1/client/operations/col_1';

describe('Client tokens', () => {
  let service: Service;
  let account: MadeAccount;
  let key: string;
  beforeAll(async () => (service = await Service.start()));
  afterAll(() => service.stop());
  beforeEach(async () => {
    account = await service.makeAccount({ live_publishing: true });
    key = account.test.secretKey;
    await publish({ type: 'collect.pending', operation: OPERATION });
  });

  const publish = (body: object, by = key) => service.call('post', '/v1/events', { key: by, body }).expect(201);
  const create = (body: object = {}, headers = {}) =>
    service.call('post', '/v1/operations/col_1/client-token', { key, body, headers });
  const read = (headers: Record<string, string>, path = PATH, by = account.test.publicKey) =>
    service.call('get', path, { key: by, headers });
  const outcome = async (headers: Record<string, string>, path = PATH, by = account.test.publicKey) =>
    service.outcome('get', path, { key: by, headers });

  it('let a page follow one operation with the public key, and show it nothing of who pays', async () => {
    const headers = await service.clientTokenHeaders(key, 'col_1');
    const { body: pending } = await read(headers).expect(200);
    expect(pending).toEqual({
      id: 'col_1',
      object: 'client_operation',
      kind: 'collect',
      status: 'pending',
      amount: 2500,
      currency: 'XOF',
      cause_code: null,
      version: 1,
      updated_at: expect.stringMatching(/Z$/),
    });
    const cause = { code: 'insufficient_funds', description: 'Balance of Adjoua too low' };
    await publish({ type: 'collect.failed', operation: { id: 'col_1', cause } });
    const { body: failed } = await read(headers).expect(200);
    expect(failed).toEqual({
      ...pending,
      status: 'failed',
      cause_code: 'insufficient_funds',
      version: 2,
      updated_at: expect.stringMatching(/Z$/),
    });
  });

  it('last an hour unless the server says otherwise, between a minute and a day', async () => {
    const secondsOf = async (body: object) => {
      const { body: made } = await create(body).expect(201);
      expect(Object.keys(made)).toEqual(['client_token', 'expires_at']);
      return (Date.parse(made.expires_at as string) - Date.now()) / 1_000;
    };
    expect(await secondsOf({})).toBeCloseTo(3_600, -1);
    expect(await secondsOf({ expires_in: 60 })).toBeCloseTo(60, -1);
    expect(await secondsOf({ expires_in: 86_400 })).toBeCloseTo(86_400, -1);
    for (const expires_in of [59, 86_401, 60.5, '60', null]) {
      const { body } = await create({ expires_in }).expect(422);
      expect(body.errors).toMatchObject([{ field: 'expires_in' }]);
    }
  });

  it('are for an operation that exists, and need a key that may make them', async () => {
    const path = '/v1/operations/col_none/client-token';
    expect(await service.outcome('post', path, { key })).toBe('404 not_found');
    const reader = await service.makeRestrictedKey(key, { scopes: ['read'] });
    const maker = await service.makeRestrictedKey(key, { scopes: ['operations:write'] });
    const own = '/v1/operations/col_1/client-token';
    expect(await service.outcome('post', own, { key: reader.key })).toBe('403 insufficient_scope');
    expect(await service.outcome('post', own, { key: maker.key })).toBe('201');
    expect(await service.outcome('post', own, { key: account.test.publicKey })).toBe('403 secret_key_required');
    expect(await service.outcome('post', own, { key: account.live.secretKey })).toBe('404 not_found');
  });

  it('are not in the replay of an idempotent request, nor in the database', async () => {
    const headers = { 'idempotency-key': 'page-1' };
    const { body: first } = await create({}, headers).expect(201);
    const { body: again } = await create({}, headers).expect(201);
    expect(again).toEqual({ client_token: null, expires_at: first.expires_at });
  });

  it('that are missing or forged are 401 before anything else of the request is looked at', async () => {
    const { 'signalpost-client-token': token } = await service.clientTokenHeaders(key, 'col_1');
    const forged = token.slice(0, -5) + (token.at(-5) === 'A' ? 'B' : 'A') + token.slice(-4);
    expect(await outcome({}, `${PATH}?surprise=1`)).toBe('401 invalid_client_token');
    for (const wrong of ['', 'x', forged, token.slice(3), `${token}A`, 'A'.repeat(8_000)]) {
      expect(await outcome({ 'signalpost-client-token': wrong })).toBe('401 invalid_client_token');
    }
    expect(await outcome({ 'signalpost-client-token': token }, `${PATH}?surprise=1`)).toBe('422 invalid_input');
  });

  it('are worth nothing with the public key of another account or of the other mode', async () => {
    const headers = await service.clientTokenHeaders(key, 'col_1');
    const other = await service.makeAccount({ live_publishing: true });
    for (const [secretKey, publicKey] of [
      [account.live.secretKey, account.live.publicKey],
      [other.test.secretKey, other.test.publicKey],
    ] as const) {
      await publish({ type: 'collect.pending', operation: { id: 'col_1' } }, secretKey);
      expect(await outcome(headers, PATH, publicKey)).toBe('401 invalid_client_token');
    }
    expect(await outcome(headers, PATH, key)).toBe('403 public_key_required');
  });

  it('are 404 on another operation, whether it exists or not', async () => {
    await publish({ type: 'collect.pending', operation: { ...OPERATION, id: 'col_2' } });
    const headers = await service.clientTokenHeaders(key, 'col_1');
    const [there, none] = await Promise.all([
      read(headers, '/v1/client/operations/col_2'),
      read(headers, '/v1/client/operations/col_none'),
    ]);
    expect([there.status, none.status]).toEqual([404, 404]);
    expect({ ...there.body, request_id: null }).toEqual({ ...none.body, request_id: null });
  });

  it('say when they ended', async () => {
    const tenant = { accountId: decodeId('acct', account.id), mode: 'test' } as const;
    const signer = service.app.get(ClientTokenSigner, { strict: false });
    const ended = signer.sign(tenant, 'col_1', new Date(Date.now() - 1_000));
    expect(await outcome({ 'signalpost-client-token': ended })).toBe('401 client_token_expired');
  });

  it('work from a page of another origin, unless the public key names its origins', async () => {
    const page = 'https://shop.example';
    const headers = { origin: page, ...(await service.clientTokenHeaders(key, 'col_1')) };
    const answer = await read(headers).expect(200);
    expect(answer.headers['access-control-allow-origin']).toBe(page);
    const change = (allowed_origins: string[]) =>
      service.call('patch', `/v1/api-keys/${account.test.publicKeyId}`, { key, body: { allowed_origins } }).expect(200);
    await change(['https://other.example']);
    expect(await outcome(headers)).toBe('403 origin_not_allowed');
    await change(['https://other.example', page]);
    expect(await outcome(headers)).toBe('200');
  });

  it('are allowed by the answer to the preflight', async () => {
    const answer = await fetch(`${await service.app.getUrl()}${PATH}`, {
      method: 'OPTIONS',
      headers: {
        origin: 'https://shop.example',
        'access-control-request-method': 'GET',
        'access-control-request-headers': 'authorization,signalpost-client-token',
      },
    });
    expect(answer.status).toBe(204);
    const allowed = String(answer.headers.get('access-control-allow-headers')).split(', ');
    expect(allowed).toEqual(expect.arrayContaining(['authorization', 'signalpost-client-token']));
    expect(answer.headers.get('access-control-allow-origin')).toBe('https://shop.example');
    expect(answer.headers.has('access-control-allow-credentials')).toBe(false);
  });
});
