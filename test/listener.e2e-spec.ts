import pg from 'pg';
import { createDataSource } from '../src/database/data-source.js';
import { Listener } from '../src/database/listener.js';
import { makeDatabase, testConfig } from './setup/database.js';
import { DatabaseProxy } from './support/database-proxy.js';

describe('listener', () => {
  let url: string;
  let admin: pg.Client;
  let listener: Listener;
  beforeAll(async () => {
    url = await makeDatabase('listener', { migrated: false });
    admin = new pg.Client({ connectionString: url });
    await admin.connect();
    listener = new Listener(createDataSource(testConfig(url), url));
  });
  afterAll(async () => {
    await listener.onApplicationShutdown();
    await admin.end();
  });

  const nextChange = () =>
    new Promise<boolean>((resolve) => {
      const stop = listener.onConnectionChange((isConnected) => {
        stop();
        resolve(isConnected);
      });
    });
  const nextPayload = (channel: string) =>
    new Promise<string>((resolve) => {
      const stop = listener.on(channel, (payload) => {
        stop();
        resolve(payload);
      });
    });

  it('hears channels named before and after the connection, and reports a handler that fails without harm', async () => {
    const before = nextPayload('before_connection');
    listener.on('before_connection', () => {
      throw new Error('a broken handler');
    });
    await listener.onModuleInit();
    expect(listener.isConnected).toBe(true);
    const after = nextPayload('after_connection');
    await admin.query(`SELECT pg_notify('before_connection', 'one')`);
    expect(await before).toBe('one');
    // LISTEN went out before this statement was sent, on another connection: ask until it is heard.
    const heard = after.then(() => true);
    while (
      !(await Promise.race([heard, admin.query(`SELECT pg_notify('after_connection', 'two')`).then(() => false)]))
    );
    expect(await after).toBe('two');
  });

  it('tells that it lost its connection, comes back by itself and hears again', async () => {
    const lost = nextChange();
    await admin.query(
      `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'signalpost listener'`,
    );
    expect(await lost).toBe(false);
    expect(listener.isConnected).toBe(false);
    expect(await nextChange()).toBe(true);
    const payload = nextPayload('before_connection');
    await admin.query(`SELECT pg_notify('before_connection', 'three')`);
    expect(await payload).toBe('three');
  });

  it('notices within 5 s that the other end vanished without a word', async () => {
    const proxy = await DatabaseProxy.start(url);
    const distant = new Listener(createDataSource(testConfig(proxy.url), proxy.url));
    await distant.onModuleInit();
    expect(distant.isConnected).toBe(true);
    const lost = new Promise<boolean>((resolve) => distant.onConnectionChange(resolve));
    const silentSinceMs = performance.now();
    proxy.fallSilent();
    expect(await lost).toBe(false);
    expect(performance.now() - silentSinceMs).toBeLessThan(5_000);
    await Promise.all([distant.onApplicationShutdown(), proxy.stop()]);
  });

  it('refuses a channel that is no plain name, since LISTEN takes no parameters', () => {
    expect(() => listener.on('x; DROP TABLE y', () => undefined)).toThrow('no name of a channel');
  });
});
