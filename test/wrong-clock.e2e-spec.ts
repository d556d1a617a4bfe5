import { once } from 'node:events';
import { createServer, type IncomingHttpHeaders } from 'node:http';
import type { AddressInfo } from 'node:net';
import pg from 'pg';
import { makeAdminKey } from '../src/config/key-format.js';
import { makeDatabase } from './setup/database.js';
import { boot } from './support/booted-process.js';
import { operationEvent } from './support/publishing.js';

const TEST_LIMIT_MS = 60_000;
const DAY_MS = 86_400_000;
/** Past any retention, so that all there is would be too old. */
const WRONG_BY_MS = 500 * DAY_MS;
const PRELOADED = `
  const TrueDate = Date;
  globalThis.Date = class Date extends TrueDate {
    constructor(...parts) { super(...(parts.length === 0 ? [TrueDate.now() + ${WRONG_BY_MS}] : parts)); }
    static now() { return TrueDate.now() + ${WRONG_BY_MS}; }
  };`;
const PARTITIONS = `SELECT inhrelid::regclass::text AS name FROM pg_inherits
  WHERE inhparent = 'signalpost.events'::regclass ORDER BY 1`;

describe('a process on a machine with a wrong clock', () => {
  const ends: (() => unknown)[] = [];
  // Also when the test ran out of its time, when a `finally` of its own would not be reached.
  afterEach(async () => {
    for (const end of ends.reverse()) await end();
  });

  it(
    'goes by the database’s: it drops no month, and signs with a time that receivers take',
    async () => {
      const databaseUrl = await makeDatabase('wrong_clock', { migrated: true });
      const client = new pg.Client({ connectionString: databaseUrl });
      await client.connect();
      ends.push(() => client.end());
      const { rows: months } = await client.query<{ name: string }>(PARTITIONS);
      const receiver = createServer((_, response) => response.end()).listen(0, '127.0.0.1');
      ends.push(() => {
        receiver.closeAllConnections();
        receiver.close();
      });
      await once(receiver, 'listening');
      const received = once(receiver, 'request') as Promise<[{ headers: IncomingHttpHeaders }]>;
      const adminKey = makeAdminKey();
      const booted = boot({
        DATABASE_URL: databaseUrl,
        ADMIN_KEYS: `ops:${adminKey}`,
        NODE_OPTIONS: `--import data:text/javascript,${encodeURIComponent(PRELOADED)}`,
      });
      ends.push(() => {
        booted.process.kill('SIGTERM');
        return booted.ended;
      });
      const url = await booted.url;
      const post = async (path: string, key: string, body: object) => {
        const headers = { authorization: `Bearer ${key}`, 'content-type': 'application/json' };
        const answer = await fetch(url + path, { method: 'POST', headers, body: JSON.stringify(body) });
        return (await answer.json()) as { keys: { mode: string; secret_key: { key: string } }[] };
      };

      const { keys } = await post('/v1/admin/accounts', adminKey, { name: 'Clock' });
      const { key } = keys.find(({ mode }) => mode === 'test')!.secret_key;
      const hook = `http://127.0.0.1:${(receiver.address() as AddressInfo).port}/hook`;
      await post('/v1/webhook-endpoints', key, { url: hook, event_types: ['collect.*'] });
      await post('/v1/events', key, operationEvent('collect.pending', 'col_1'));
      const [{ headers }] = await received;
      expect(Math.abs(Number(headers['webhook-timestamp']) * 1_000 - Date.now())).toBeLessThan(DAY_MS);
      const { rows } = await client.query<{ name: string }>(PARTITIONS);
      expect(rows).toEqual(months);
    },
    TEST_LIMIT_MS,
  );
});
