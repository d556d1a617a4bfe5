import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { makeAdminKey } from './key-format.js';
import { loadConfig } from './load-config.js';
import { ConfigError } from './settings-reader.js';

const KEY_BYTES = Buffer.alloc(32, 7).toString('base64');

describe('loadConfig', () => {
  let dataDir: string;
  beforeEach(() => (dataDir = mkdtempSync(join(tmpdir(), 'signalpost-config-'))));
  afterEach(() => rmSync(dataDir, { recursive: true, force: true }));

  const production = (): NodeJS.ProcessEnv => ({
    NODE_ENV: 'production',
    DATA_DIR: dataDir,
    ADMIN_KEYS: `ops:${makeAdminKey()}`,
    ENCRYPTION_KEYS: `k2:${KEY_BYTES},k1:${KEY_BYTES}`,
    KEY_PEPPERS: `p1:${KEY_BYTES}`,
  });
  const problemsOf = (env: NodeJS.ProcessEnv): string => {
    try {
      loadConfig(env);
      return '';
    } catch (error) {
      if (!(error instanceof ConfigError)) throw error;
      return error.message;
    }
  };

  it('fills every default of the contract', () => {
    expect(loadConfig(production())).toMatchObject({
      role: 'all',
      port: 3000,
      host: '127.0.0.1',
      metricsPort: 9464,
      publicUrl: null,
      databaseUrl: null,
      retentionDays: 400,
      attemptRetentionDays: 90,
      webhookAllowedPorts: [443, 8443],
      webhookAllowedPrivateCidrs: [],
      trustProxy: [],
      streamsPerKey: 20,
      rateLimitPerSecond: 0,
    });
  });

  it('opens loopback to webhooks outside production only, and nothing when the variable is empty', () => {
    expect(loadConfig({ DATA_DIR: dataDir }).webhookAllowedPrivateCidrs).toEqual(['127.0.0.0/8', '::1/128']);
    const closed = loadConfig({ DATA_DIR: dataDir, WEBHOOK_ALLOWED_PRIVATE_CIDRS: '' });
    expect(closed.webhookAllowedPrivateCidrs).toEqual([]);
  });

  it('lists every wrong setting at once, with its name, what it got and what it wants', () => {
    const message = problemsOf({
      ...production(),
      PORT: 'abc',
      METRICS_PORT: '70000',
      ROLE: 'boss',
      NODE_ENV: 'staging',
      RETENTION_DAYS: '29',
      PUBLIC_URL: 'https://user:hunter2@signalpost.example/path',
      DATABASE_URL: 'mysql://root:hunter2@db/x',
      DATABASE_CA_FILE: '/nowhere/ca.pem',
      TRUST_PROXY: '10.0.0.0/8,proxy',
      WEBHOOK_ALLOWED_PRIVATE_CIDRS: '10.0.0.1',
      WEBHOOK_ALLOWED_PORTS: '443,0',
      LOG_LEVEL: 'loud',
    });
    expect(message).toContain('12 settings are wrong');
    expect(message).toContain('PORT: got "abc"; wants an integer from 0 to 65535.');
    expect(message).toContain('ROLE: got "boss"; wants one of all, api, dispatcher.');
    for (const name of ['METRICS_PORT', 'NODE_ENV', 'RETENTION_DAYS', 'PUBLIC_URL', 'DATABASE_URL']) {
      expect(message).toContain(`  ${name}: got`);
    }
    expect(message).not.toContain('hunter2');
  });

  it('masks secrets in what it lists', () => {
    const adminKey = makeAdminKey();
    const wrong = adminKey.slice(0, -1) + (adminKey.endsWith('x') ? 'y' : 'x');
    const message = problemsOf({ ...production(), ADMIN_KEYS: `ops:${wrong}`, KEY_PEPPERS: 'AVerySecretPepperValue' });
    expect(message).toContain('ADMIN_KEYS: got "ops:ak_… (51 characters)"; wants a key whose last six');
    expect(message).not.toContain(wrong.slice(3));
    expect(message).not.toContain('SecretPepper');
  });

  it('refuses keys of the wrong length, ids and names given twice', () => {
    expect(problemsOf({ ...production(), ENCRYPTION_KEYS: 'k1:c2hvcnQ=' })).toContain('exactly 32 bytes');
    expect(problemsOf({ ...production(), KEY_PEPPERS: `a:${KEY_BYTES},a:${KEY_BYTES}` })).toContain('every id once');
    const twice = `ops:${makeAdminKey()},ops:${makeAdminKey()}`;
    expect(problemsOf({ ...production(), ADMIN_KEYS: twice })).toContain('every name and every key once');
  });

  it('stops in production when a secret is missing, and makes none', () => {
    const message = problemsOf({ NODE_ENV: 'production', DATA_DIR: dataDir });
    expect(message).toContain('3 settings are wrong');
    expect(() => statSync(join(dataDir, 'secrets.json'))).toThrow('ENOENT');
  });

  it('makes development secrets once, readable by their owner alone, and finds them again', () => {
    const first = loadConfig({ DATA_DIR: join(dataDir, 'new') });
    const again = loadConfig({ DATA_DIR: join(dataDir, 'new') });
    expect(again.adminKeys).toEqual(first.adminKeys);
    expect(again.encryptionKeys[0]!.key.equals(first.encryptionKeys[0]!.key)).toBe(true);
    const file = join(dataDir, 'new', 'secrets.json');
    expect(statSync(file).mode & 0o777).toBe(0o600);
    expect(readFileSync(file, 'utf8')).toContain(first.adminKeys[0]!.key);
  });

  it('says which file is broken when the development secrets cannot be read', () => {
    loadConfig({ DATA_DIR: dataDir });
    rmSync(join(dataDir, 'secrets.json'));
    expect(() => loadConfig({ DATA_DIR: '/dev/null/folder' })).toThrow('/dev/null/folder/secrets.json cannot be used');
  });

  it('cannot be changed after it was read', () => {
    const config = loadConfig(production());
    expect(() => Object.assign(config, { port: 1 })).toThrow(TypeError);
    expect(() => (config.adminKeys as unknown[]).push('x')).toThrow(TypeError);
  });

  it('refuses one port for both the service and its metrics', () => {
    expect(problemsOf({ ...production(), PORT: '4000', METRICS_PORT: '4000' })).toContain('METRICS_PORT');
  });
});
