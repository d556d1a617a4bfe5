import type { AccountChangeHandler, AccountChanges } from '../../accounts/account-changes.js';
import type { AppError } from '../../common/app-error.js';
import { Clock } from '../../common/clock.js';
import type { AppConfig } from '../../config/app-config.js';
import { keyChecksum, makeAdminKey } from '../../config/key-format.js';
import { makeApiKey, parseApiKey, previewOf } from '../api-key.js';
import { FAILED_AUTHENTICATION_LIMIT, RateLimits } from '../limits/rate-limits.js';
import { AdminKeyVerifier } from './admin-key-verifier.js';
import { Authenticator } from './authenticator.js';
import type { Credential } from './credential.js';
import { KeyFingerprints } from './key-fingerprints.js';
import { KeyVerifier } from './key-verifier.js';
import type { Presented } from './presented-key.js';
import type { SecretHasher } from './secret-hasher.js';
import type { StoredKey, StoredKeyRepository } from './stored-key.repository.js';

const ACCOUNT = '01890000-0000-7000-8000-000000000001';

/** The path with its two costs replaced by counters: look-ups in the database and runs of argon2id. */
class Path {
  lookUps = 0;
  argon2Runs = 0;
  memoryMs = 60_000;
  nowMs = 0;
  readonly rows = new Map<string, StoredKey>();
  readonly adminKey = makeAdminKey();
  private changeHandler: AccountChangeHandler = () => undefined;
  private readonly config = {
    keyPeppers: [{ id: 'p1', key: Buffer.alloc(32, 1) }],
    adminKeys: [{ name: 'ops', key: this.adminKey }],
    rateLimitPerSecond: 0,
  } as unknown as AppConfig;
  private readonly fingerprints = new KeyFingerprints(this.config);
  private readonly authenticator = this.build();

  private build(): Authenticator {
    const clock = Object.assign(new Clock(), { monotonicMs: () => this.nowMs });
    const repository = {
      findByPublicPart: async (part: string) => {
        this.lookUps += 1;
        return this.rows.get(part) ?? null;
      },
    } as unknown as StoredKeyRepository;
    const hasher = {
      verify: async () => {
        this.argon2Runs += 1;
        return true;
      },
    } as unknown as SecretHasher;
    const changes = {
      subscribe: (handler: AccountChangeHandler) => (this.changeHandler = handler),
      memoryMs: this.memoryMs,
    } as unknown as AccountChanges;
    Object.defineProperty(changes, 'memoryMs', { get: () => this.memoryMs });
    const verifier = new KeyVerifier(this.fingerprints, repository, hasher, changes, clock);
    return new Authenticator(verifier, new AdminKeyVerifier(this.config), new RateLimits(this.config, clock), clock);
  }

  store(key: string, overrides: Partial<StoredKey> = {}): void {
    const { kind, mode, publicPart } = parseApiKey(key)!;
    const { pepperId, hmac } = this.fingerprints.make(key);
    this.rows.set(publicPart, {
      id: `id of ${publicPart}`,
      account_id: ACCOUNT,
      mode,
      kind,
      name: 'A key',
      preview: previewOf(key),
      public_key: kind === 'public' ? key : null,
      pepper_id: pepperId,
      hmac,
      argon2_hash: kind === 'public' ? null : `hash of ${publicPart}`,
      scopes: null,
      allowed_ips: [],
      allowed_origins: [],
      replaced: false,
      revoked: false,
      expires_in_ms: null,
      account_status: 'active',
      locale: 'en',
      live_publishing: false,
      ...overrides,
    });
  }

  change(accountId: string | null): void {
    this.changeHandler(accountId);
  }

  async try(key: string, ip = '203.0.113.9', origin?: string): Promise<Credential | string> {
    try {
      return await this.authenticator.authenticate({ authorization: `Bearer ${key}`, ip, origin });
    } catch (error) {
      return (error as AppError).code;
    }
  }

  async judge(presented: Presented): Promise<Credential> {
    return this.authenticator.authenticate(presented);
  }

  isSynchronous(key: string): boolean {
    const presented = { authorization: `Bearer ${key}`, ip: '203.0.113.9', origin: undefined };
    return !(this.authenticator.authenticate(presented) instanceof Promise);
  }
}

/** The same public part with another secret, and a right checksum. */
function withWrongSecret(key: string): string {
  const body = key.slice(0, -36) + [...key.slice(-36, -6)].reverse().join('').replace(/^./, '0');
  return body + keyChecksum(body);
}

describe('The order of checks', () => {
  it('a malformed key, a wrong prefix or a wrong checksum costs no look-up', async () => {
    const path = new Path();
    const key = makeApiKey('secret', 'live');
    const bad = [
      key.slice(1),
      `${key}0`,
      key.replace('sk_', 'zk_'),
      key.slice(0, -1) + (key.endsWith('0') ? '1' : '0'),
      'x',
      `ak_${key}`,
    ];
    for (const text of bad) expect(await path.try(text)).toBe('invalid_api_key');
    expect([path.lookUps, path.argon2Runs]).toEqual([0, 0]);
  });

  it('an unknown key costs one look-up, and a wrong secret never reaches argon2id', async () => {
    const path = new Path();
    const key = makeApiKey('secret', 'live');
    path.store(key);
    expect(await path.try(makeApiKey('secret', 'live'))).toBe('invalid_api_key');
    expect(await path.try(withWrongSecret(key))).toBe('invalid_api_key');
    expect([path.lookUps, path.argon2Runs]).toEqual([2, 0]);
  });

  it('a key that proved none costs its next look-up a minute later, and counts as a failure each time', async () => {
    const path = new Path();
    const right = makeApiKey('secret', 'live');
    path.store(right);
    for (const key of [makeApiKey('secret', 'live'), withWrongSecret(right)]) {
      const before = path.lookUps;
      for (let count = 0; count < 5; count += 1) expect(await path.try(key)).toBe('invalid_api_key');
      expect(path.lookUps - before).toBe(1);
      path.nowMs += 60_000;
      expect(await path.try(key)).toBe('invalid_api_key');
      expect(path.lookUps - before).toBe(2);
    }
    expect(await path.try(right)).toMatchObject({ kind: 'secret' });
    const stale = makeApiKey('secret', 'live');
    for (let count = 0; count < FAILED_AUTHENTICATION_LIMIT.burst; count += 1) await path.try(stale, '203.0.113.7');
    expect(await path.try(stale, '203.0.113.7')).toBe('rate_limited');
  });

  it('a key that claims another mode or kind than its row is wrong', async () => {
    const path = new Path();
    const key = makeApiKey('secret', 'test');
    path.store(key);
    for (const prefix of ['sk_live_', 'rk_test_', 'pk_test_']) {
      const body = prefix + key.slice(8, -6);
      expect(await path.try(body + keyChecksum(body))).toBe('invalid_api_key');
    }
    expect(path.argon2Runs).toBe(0);
  });

  it('a right key costs one look-up and one argon2id, also when a hundred requests arrive at once', async () => {
    const path = new Path();
    const key = makeApiKey('secret', 'live');
    path.store(key);
    const answers = await Promise.all(Array.from({ length: 100 }, () => path.try(key)));
    expect(new Set(answers.map((answer) => (answer as { id: string }).id)).size).toBe(1);
    expect([path.lookUps, path.argon2Runs]).toEqual([1, 1]);
    expect(path.isSynchronous(key)).toBe(true);
    expect([path.lookUps, path.argon2Runs]).toEqual([1, 1]);
  });

  it('a public key is no secret and never costs argon2id', async () => {
    const path = new Path();
    const key = makeApiKey('public', 'live');
    path.store(key);
    expect(await path.try(key)).toMatchObject({ kind: 'public' });
    expect(path.argon2Runs).toBe(0);
  });

  it('tells that a key is revoked or expired only to who holds its secret', async () => {
    const path = new Path();
    const key = makeApiKey('secret', 'live');
    path.store(key, { revoked: true });
    expect(await path.try(withWrongSecret(key))).toBe('invalid_api_key');
    expect(await path.try(key)).toBe('api_key_revoked');
  });

  it.each<[string, Partial<StoredKey>]>([
    ['api_key_expired', { expires_in_ms: 0 }],
    ['account_suspended', { account_status: 'suspended' }],
    ['ip_not_allowed', { allowed_ips: ['198.51.100.0/24'] }],
  ])('answers %s for a proved key, from memory too', async (code, row) => {
    const path = new Path();
    const key = makeApiKey('restricted', 'test');
    path.store(key, { scopes: ['read'], ...row });
    expect([await path.try(key), await path.try(key)]).toEqual([code, code]);
    expect(path.lookUps).toBe(1);
  });

  it('enforces the origins of a public key on the request', async () => {
    const path = new Path();
    const key = makeApiKey('public', 'test');
    path.store(key, { allowed_origins: ['https://shop.example'] });
    expect(await path.try(key, '203.0.113.9', 'https://other.example')).toBe('origin_not_allowed');
    expect(await path.try(key, '203.0.113.9', 'https://shop.example')).toMatchObject({ kind: 'public' });
  });
});

describe('What is remembered', () => {
  it('a remembered key ends at its own time without a look-up', async () => {
    const path = new Path();
    const key = makeApiKey('secret', 'live');
    path.store(key, { expires_in_ms: 5_000 });
    expect(await path.try(key)).toMatchObject({ kind: 'secret' });
    path.nowMs = 5_000;
    expect(await path.try(key)).toBe('api_key_expired');
    expect(path.lookUps).toBe(1);
  });

  it.each([ACCOUNT, null])(
    'a change of %p is seen by the next request, and costs no second argon2id',
    async (changed) => {
      const path = new Path();
      const key = makeApiKey('secret', 'live');
      path.store(key);
      await path.try(key);
      path.store(key, { revoked: true });
      expect(await path.try(key)).toMatchObject({ kind: 'secret' });
      path.change(changed);
      expect(await path.try(key)).toBe('api_key_revoked');
      expect(path.argon2Runs).toBe(1);
    },
  );

  it('what was presented once is judged anew each time, as a key may end while a body is read', async () => {
    const path = new Path();
    const key = makeApiKey('secret', 'live');
    path.store(key);
    const presented = { authorization: `Bearer ${key}`, ip: '203.0.113.9', origin: undefined };
    await path.judge(presented);
    path.store(key, { revoked: true });
    path.change(ACCOUNT);
    await expect(path.judge(presented)).rejects.toMatchObject({ code: 'api_key_revoked' });
  });

  it('a look-up that began before a change is not remembered after it', async () => {
    const path = new Path();
    const key = makeApiKey('secret', 'live');
    path.store(key);
    const early = path.try(key);
    path.change(ACCOUNT);
    await early;
    path.store(key, { revoked: true });
    expect(await path.try(key)).toBe('api_key_revoked');
  });

  it('while changes cannot be heard, what was read lives two seconds', async () => {
    const path = new Path();
    path.memoryMs = 2_000;
    const key = makeApiKey('secret', 'live');
    path.store(key);
    await path.try(key);
    path.store(key, { revoked: true });
    path.nowMs = 2_000;
    expect(await path.try(key)).toBe('api_key_revoked');
  });
});

describe('Failed authentications', () => {
  it('an address that sent too many wrong keys gets 429 and no look-ups; its known good key still passes', async () => {
    const path = new Path();
    const good = makeApiKey('secret', 'live');
    const open = makeApiKey('public', 'live');
    for (const key of [good, open]) {
      path.store(key);
      await path.try(key);
    }
    for (let count = 0; count < FAILED_AUTHENTICATION_LIMIT.burst; count += 1) {
      expect(await path.try(makeApiKey('secret', 'live'))).toBe('invalid_api_key');
    }
    const before = path.lookUps;
    expect(await path.try(makeApiKey('secret', 'live'))).toBe('rate_limited');
    expect(path.lookUps).toBe(before);
    expect(await path.try(good)).toMatchObject({ kind: 'secret' });
    path.change(null);
    expect(await path.try(good)).toMatchObject({ kind: 'secret' });
    expect(await path.try(open)).toMatchObject({ kind: 'public' });
    expect(await path.try(makeApiKey('secret', 'live'), '203.0.113.10')).toBe('invalid_api_key');
  });
});

describe('Admin keys', () => {
  it('are known by name; malformed, unknown and wrong ones are one answer', async () => {
    const path = new Path();
    expect(await path.try(path.adminKey)).toEqual({ kind: 'admin', name: 'ops' });
    const body = path.adminKey.slice(0, 15) + 'x'.repeat(30);
    for (const key of [makeAdminKey(), body + keyChecksum(body), `${path.adminKey}0`, 'ak_']) {
      expect(await path.try(key)).toBe('invalid_api_key');
    }
  });
});

describe('The authorization header', () => {
  it.each([undefined, '', 'Bearer', 'Bearer ', 'Basic abc'])('%p is no key at all', async (authorization) => {
    const path = new Path();
    const authenticate = () =>
      path['authenticator'].authenticate({ authorization, ip: '203.0.113.9', origin: undefined });
    expect(authenticate).toThrow(expect.objectContaining({ code: 'missing_api_key' }));
  });
});
