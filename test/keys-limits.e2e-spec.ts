import { jest } from '@jest/globals';
import { makeApiKey } from '../src/auth/api-key.js';
import { SecretHasher } from '../src/auth/verification/secret-hasher.js';
import { keyChecksum, makeAdminKey } from '../src/config/key-format.js';
import { Service } from './support/service.js';

/** The service behind a proxy of its own machine, which says from where a request came. */
const behindProxy = (environment = {}) => Service.start({ environment: { TRUST_PROXY: '127.0.0.1', ...environment } });
const from = (ip: string) => ({ 'x-forwarded-for': ip });

describe('What bad keys cost', () => {
  let service: Service;
  beforeAll(async () => (service = await behindProxy()));
  afterAll(() => service.stop());

  it('never a hash: a flood of them reaches argon2 not once, and is turned away by address', async () => {
    const { test } = await service.makeAccount();
    const verify = jest.spyOn(service.app.get(SecretHasher, { strict: false }), 'verify');
    const wrongSecret = test.secretKey.slice(0, 20) + '0'.repeat(30);
    const bad = [
      'sk_test_short',
      test.secretKey.slice(0, -1) + (test.secretKey.endsWith('0') ? '1' : '0'),
      makeApiKey('secret', 'test'),
      makeAdminKey(),
      wrongSecret + keyChecksum(wrongSecret),
    ];
    const headers = from('203.0.113.1');
    const outcomes = new Map<string, number>();
    let refused: Record<string, string> = {};
    for (let count = 0; count < 3_000 && !outcomes.has('429 rate_limited'); count += 1) {
      const answer = await service.call('get', '/v1/account', { key: bad[count % bad.length]!, headers });
      const outcome = `${answer.status} ${answer.body.code}`;
      outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1);
      if (answer.status === 429) refused = answer.headers;
    }
    expect([...outcomes.keys()].sort()).toEqual(['401 invalid_api_key', '429 rate_limited']);
    expect(outcomes.get('401 invalid_api_key')).toBeGreaterThanOrEqual(300);
    expect(refused['ratelimit-policy']).toBe('"failed-authentication";q=300;w=30');
    expect(refused.ratelimit).toMatch(/^"failed-authentication";r=0;t=\d+$/);
    expect(Number(refused['retry-after'])).toBeGreaterThanOrEqual(1);
    expect(verify).not.toHaveBeenCalled();

    const good = (ip: string) => service.outcome('get', '/v1/account', { key: test.secretKey, headers: from(ip) });
    expect(await good('203.0.113.2')).toBe('200');
    // Proved here once, it passes from where the flood comes, while the flood does not.
    const [flooded, passed] = await Promise.all([
      Promise.all(Array.from({ length: 20 }, () => service.outcome('get', '/v1/account', { key: 'x', headers }))),
      good('203.0.113.1'),
    ]);
    expect([flooded.includes('429 rate_limited'), passed]).toEqual([true, '200']);
    expect(verify).toHaveBeenCalledTimes(1);
  }, 60_000);

  it('counts an IPv6 customer as one address, however many of the /64 are used', async () => {
    const send = (ip: string) => service.outcome('get', '/v1/account', { key: 'x', headers: from(ip) });
    let last = '';
    for (let count = 0; count < 3_000 && last !== '429 rate_limited'; count += 1) {
      last = await send(`2001:db8:0:1:${count.toString(16)}::1`);
    }
    expect(last).toBe('429 rate_limited');
    expect(await send('2001:db8:0:2::1')).toBe('401 invalid_api_key');
  }, 60_000);
});

describe('Actions with a limit of their own', () => {
  let service: Service;
  beforeAll(async () => (service = await behindProxy()));
  afterAll(() => service.stop());

  it.each([
    ['regenerating', '/v1/api-keys/regenerate', 'regenerate'],
    ['making restricted keys', '/v1/api-keys', 'create_key'],
  ])('%s is limited for an account and mode, told in headers before the body is judged', async (_what, path, name) => {
    const { test, live } = await service.makeAccount();
    const body = { surprise: 1 };
    const send = (key: string) => service.call('post', path, { key, body });
    const first = await send(test.secretKey).expect(422);
    expect(first.headers['ratelimit-policy']).toBe(`"${name}";q=30;w=60`);
    expect(first.headers.ratelimit).toBe(`"${name}";r=29;t=2`);
    let answer = first;
    for (let count = 0; count < 60 && answer.status === 422; count += 1) answer = await send(test.secretKey);
    expect(answer.body.code).toBe('rate_limited');
    expect(Number(answer.headers['retry-after'])).toBeGreaterThanOrEqual(1);
    expect((await send(live.secretKey)).status).toBe(422);
    expect(await service.outcome('get', '/v1/api-keys', { key: test.secretKey })).toBe('200');
  });
});

describe("A restricted key's addresses, behind a proxy", () => {
  let service: Service;
  beforeAll(async () => (service = await behindProxy()));
  afterAll(() => service.stop());

  it('are IPv4, IPv6 and ranges of both, and the address is the one that the proxy saw', async () => {
    const { test } = await service.makeAccount();
    const allowed_ips = ['203.0.113.9', '198.51.100.0/25', '2001:db8:1::7', '2001:db8:2::/48'];
    const { id, key } = await service.makeRestrictedKey(test.secretKey, { allowed_ips });
    const outcome = (ip: string) => service.outcome('get', '/v1/account', { key, headers: from(ip) });
    for (const ip of ['203.0.113.9', '198.51.100.127', '2001:db8:1::7', '2001:db8:2:ffff::1', '::ffff:203.0.113.9']) {
      expect([ip, await outcome(ip)]).toEqual([ip, '200']);
    }
    for (const ip of ['203.0.113.8', '198.51.100.128', '2001:db8:1::8', '2001:db8:3::1', '127.0.0.1']) {
      expect([ip, await outcome(ip)]).toEqual([ip, '403 ip_not_allowed']);
    }
    // What the client itself put in front of the proxy's entry is not believed.
    expect(await outcome('203.0.113.9, 192.0.2.1')).toBe('403 ip_not_allowed');
    const { body } = await service.call('get', `/v1/api-keys/${id}`, { key: test.secretKey }).expect(200);
    expect(body.allowed_ips).toEqual(allowed_ips);
  });

  it('are those of the connection where no proxy is trusted', async () => {
    const open = await Service.start({ config: { ...service.config, trustProxy: [] } });
    const { test } = await open.makeAccount();
    const { key } = await open.makeRestrictedKey(test.secretKey, { allowed_ips: ['203.0.113.9'] });
    const claimed = await open.outcome('get', '/v1/account', { key, headers: from('203.0.113.9') });
    await open.stop();
    expect(claimed).toBe('403 ip_not_allowed');
  });
});

describe('Admin keys', () => {
  it('are several by name, so that one can take over from another, and logs say which one it was', async () => {
    const [first, second, removed] = [makeAdminKey(), makeAdminKey(), makeAdminKey()];
    const service = await behindProxy({ ADMIN_KEYS: `ops:${first},ops-2027:${second}` });
    for (const key of [first, second]) {
      await service.call('post', '/v1/admin/accounts', { key, body: { name: 'Boutique' } }).expect(201);
    }
    expect(await service.outcome('get', '/v1/admin/accounts', { key: removed })).toBe('401 invalid_api_key');
    const wrong = first.slice(0, 15) + '0'.repeat(30);
    expect(await service.outcome('get', '/v1/admin/accounts', { key: wrong + keyChecksum(wrong) })).toBe(
      '401 invalid_api_key',
    );
    const query = { action: 'account.created', limit: 2 };
    const { body } = await service.call('get', '/v1/admin/logs', { key: second, query }).expect(200);
    await service.stop();
    expect(body.data.map(({ actor }: { actor: object }) => actor)).toMatchObject([
      { type: 'admin', id: 'ops-2027', name: 'ops-2027' },
      { type: 'admin', id: 'ops', name: 'ops' },
    ]);
  });
});
