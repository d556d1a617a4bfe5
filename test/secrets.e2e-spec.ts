import { Logger } from '@nestjs/common';
import { MetricsServer } from '../src/common/metrics/metrics-server.js';
import { makeApiKey } from '../src/auth/api-key.js';
import { KeyUsage } from '../src/auth/usage/key-usage.js';
import { createLogger } from '../src/common/logging.js';
import { makeAdminKey } from '../src/config/key-format.js';
import { RequestLogger } from '../src/logs/request-logger.js';
import { Receiver } from './support/receiver.js';
import { type CallOptions, type Method, Service, until } from './support/service.js';

const OWN_SECRET = `whsec_${Buffer.alloc(32, 'own-secret').toString('base64')}`;
const OWN_TOKEN = 'an-own-secret-of-thirty-two-bytes';

/** Where a secret may not be, with the text that was found there. */
interface Place {
  readonly name: string;
  readonly text: string;
}

describe('secrets', () => {
  let service: Service;
  let receiver: Receiver;
  let logged = '';
  /** Every secret of the run, by what it is. */
  const secrets = new Map<string, string>();
  const problems: string[] = [];

  beforeAll(async () => {
    const logger = createLogger({ level: 'trace', destination: { write: (line) => void (logged += line) } });
    Logger.overrideLogger(logger);
    receiver = await Receiver.start();
    const environment = { ROLE: 'all', LOG_LEVEL: 'trace', WEBHOOK_ALLOWED_PRIVATE_CIDRS: '127.0.0.0/8' };
    service = await Service.start({ environment, logger });
    for (const { id, key } of service.config.encryptionKeys) keep(`encryption key ${id}`, key.toString('base64'));
    for (const { id, key } of service.config.keyPeppers) keep(`pepper ${id}`, key.toString('base64'));
    for (const { name, key } of service.config.adminKeys) keep(`admin key ${name}`, key);
    await useEverything();
  }, 60_000);
  afterAll(async () => {
    await service.stop();
    await receiver.stop();
  });

  function keep(name: string, secret: string): string {
    secrets.set(name, secret);
    return secret;
  }

  async function call(method: Method, path: string, options: CallOptions = {}) {
    const { status, body, text } = await service.call(method, path, options);
    if (status >= 400) problems.push(text);
    return body;
  }

  /** The main flows, those that go wrong too. */
  async function useEverything(): Promise<void> {
    const name = { name: 'Canary' };
    const headers = { 'idempotency-key': 'canary-account' };
    const { account, keys } = await call('post', '/v1/admin/accounts', { body: name, headers });
    await call('post', '/v1/admin/accounts', { body: name, headers });
    for (const { mode, secret_key } of keys) keep(`first ${mode} key`, secret_key.key);
    const key = secrets.get('first test key')!;
    const scopes = ['events:read'];
    const restricted = await call('post', '/v1/api-keys', { key, body: { name: 'Export', scopes } });
    keep('restricted key', restricted.key);
    await useEndpoints(key);
    await useClientTokens(key, keys[0].public_key.key);
    await misuse(key, restricted.key);
    const body = { expire_previous_in: 3_600 };
    const pair = await call('post', '/v1/api-keys/regenerate', { key, body, headers: { 'idempotency-key': 'renew' } });
    keep('regenerated key', pair.secret_key.key);
    await call('get', '/v1/account', { key: pair.secret_key.key });
    await call('delete', `/v1/api-keys/${restricted.id}`, { key });
    await call('get', '/v1/events', { key: restricted.key });
    const acting = { 'signalpost-account': account.id, 'signalpost-mode': 'test', 'signalpost-actor': `Zoe ${key}` };
    const note = { action: 'note.added', status: 'info', description: 'By Zoe' };
    await call('post', '/v1/logs', { headers: { ...acting, 'request-id': key }, body: note });
    await call('get', '/v1/logs', { headers: acting });
    await service.app.get(RequestLogger, { strict: false }).runOnce();
    await service.app.get(KeyUsage, { strict: false }).flush();
  }

  async function useEndpoints(key: string): Promise<void> {
    const make = (path: string, more: object = {}) =>
      call('post', '/v1/webhook-endpoints', {
        key,
        body: { url: receiver.url(path), event_types: ['*'], ...more },
        headers: { 'idempotency-key': path },
      });
    receiver.answer = ({ path }) => ({ status: path === '/failing' ? 500 : 200, body: path });
    const standard = await make('/standard');
    keep('signing secret', standard.secret);
    const rotated = await call('post', `/v1/webhook-endpoints/${standard.id}/rotate-secret`, { key });
    keep('rotated signing secret', rotated.secret);
    await call('get', `/v1/webhook-endpoints/${standard.id}/secret`, { key });
    await make('/failing', { secret: keep('own signing secret', OWN_SECRET) });
    const timestamped = { signature: { scheme: 'timestamped' }, secret: keep('own plain secret', OWN_TOKEN) };
    await make('/timestamped', timestamped);
    await make('/ed25519', { signature: { scheme: 'ed25519' } });
    const event = { type: 'collect.failed', operation: { id: 'col_1', amount: 1000, currency: 'XOF' } };
    const { id } = await call('post', '/v1/events', { key, body: event });
    await receiver.until((arrivals) => new Set(arrivals.map(({ path }) => path)).size === 4);
    await until(async () => {
      const { data } = await call('get', '/v1/deliveries', { key, query: { event_id: id, status: 'succeeded' } });
      return data.length === 3;
    });
  }

  async function useClientTokens(key: string, publicKey: string): Promise<void> {
    const path = '/v1/operations/col_1/client-token';
    const made = await call('post', path, { key, headers: { 'idempotency-key': 'page' } });
    const token = keep('client token', made.client_token);
    const headers = { 'signalpost-client-token': token };
    await call('get', '/v1/client/operations/col_1', { key: publicKey, headers });
    await call('get', '/v1/client/operations/col_2', { key: publicKey, headers });
    await call('get', '/v1/client/operations/col_1', {
      key: publicKey,
      headers: { 'signalpost-client-token': keep('forged client token', `${token.slice(0, -8)}${'A'.repeat(8)}`) },
    });
    await call('get', `/v1/client/operations/${token}`, { key: publicKey, headers });
    const note = { action: 'note.added', status: 'info', description: `The page had ${token}` };
    await call('post', '/v1/logs', { key, body: note });
  }

  /** Secrets where they do not belong: in paths, parameters, bodies and headers. */
  async function misuse(key: string, restricted: string): Promise<void> {
    const wrongs = [makeApiKey('secret', 'live'), makeAdminKey(), `${key.slice(0, -1)}!`];
    for (const [index, wrong] of wrongs.entries()) {
      await call('get', '/v1/events', { key: keep(`wrong key ${index}`, wrong) });
    }
    await call('get', `/v1/events?api_key=${key}`, { key: null });
    await call('get', `/v1/events?type=${key}`, { key });
    await call('get', `/v1/events/${key}`, { key });
    await call('get', `/v1/event-types/${key}`, { key });
    await call('get', `/v1/operations/${key}`, { key });
    await call('get', `/${key}`, { key });
    await call('get', '/v1/logs', { key, query: { q: OWN_SECRET } });
    await call('get', '/v1/account', { key, headers: { origin: 'https://shop.example' } });
    await call('get', '/v1/webhook-endpoints', { key: restricted });
    await call('post', '/v1/events', { key, body: { [key]: 1, type: key } });
    await call('post', '/v1/webhook-endpoints', {
      key,
      body: { url: `https://x:${OWN_SECRET}@shop.example`, event_types: [key] },
    });
    await call('post', '/v1/logs', {
      key,
      body: {
        action: 'note.added',
        status: 'info',
        description: `Merchant wrote ${key} and ${OWN_SECRET}`,
        metadata: { [key]: service.adminKey },
      },
    });
  }

  /** The forms in which a secret could come to light; the part of a key that it is looked up by is none. */
  function formsOf(secret: string): string[] {
    const bare = secret.replace(/^(?:[spr]k_(?:test|live)_|ak_)[0-9A-Za-z]{12}/, '').replace(/^whsec_/, '');
    const bytes = Buffer.from(bare, 'base64');
    return [
      bare,
      encodeURIComponent(bare),
      Buffer.from(secret).toString('hex'),
      Buffer.from(bare).toString('hex'),
    ].concat(bytes.length === 32 ? [bytes.toString('hex'), bytes.toString('base64url')] : []);
  }

  function found({ name, text }: Place): string[] {
    return [...secrets].flatMap(([what, secret]) => {
      const at = formsOf(secret)
        .map((form) => text.indexOf(form))
        .find((index) => index >= 0);
      return at === undefined ? [] : [`${what} in ${name}: …${text.slice(Math.max(0, at - 120), at + 12)}`];
    });
  }

  it('were used, and every flow left its traces', () => {
    expect([...secrets.values()].every((secret) => secret.length > 20)).toBe(true);
    expect(secrets.size).toBeGreaterThan(12);
    for (const secret of secrets.values()) expect(found({ name: 'itself', text: secret })[0]).toBeDefined();
    expect(problems.length).toBeGreaterThan(10);
    expect(logged).toContain('/v1/webhook-endpoints');
  });

  it('are in no line of the log', () => {
    expect(found({ name: 'the log', text: logged })).toEqual([]);
  });

  it('are in no body of an error', () => {
    expect(problems.flatMap((text) => found({ name: 'an error', text }))).toEqual([]);
  });

  it('are in no metric', async () => {
    const { port } = service.app.get(MetricsServer, { strict: false });
    const text = await (await fetch(`http://127.0.0.1:${port}/metrics`)).text();
    expect(text).toContain('http_request_duration_seconds');
    expect(found({ name: 'the metrics', text })).toEqual([]);
  });

  it('are in no row of any table', async () => {
    const tables = await service.dataSource.query<{ name: string }[]>(
      `SELECT c.oid::regclass::text AS name FROM pg_class c
       WHERE c.relnamespace = 'signalpost'::regnamespace AND c.relkind = 'r'`,
    );
    let rows = 0;
    const wrong: string[] = [];
    for (const { name } of tables) {
      const dumped = await service.dataSource.query<{ row: string }[]>(`SELECT t::text AS row FROM ${name} t`);
      rows += dumped.length;
      wrong.push(...dumped.flatMap(({ row }) => found({ name, text: row })));
    }
    expect(rows).toBeGreaterThan(40);
    expect(wrong).toEqual([]);
  });
});
