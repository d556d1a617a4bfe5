import pg from 'pg';
import { Clock } from '../src/common/clock.js';
import { decodeId, NIL_ACCOUNT } from '../src/common/ids.js';
import { Metrics } from '../src/common/metrics/metrics.js';
import { Database } from '../src/database/database.js';
import { LogWriter } from '../src/logs/log-writer.js';
import { MOST_LOGS_HELD, type RecordedRequest, RequestLogger } from '../src/logs/request-logger.js';
import { makeDatabase } from './setup/database.js';
import { DatabaseProxy } from './support/database-proxy.js';
import { operationEvent } from './support/publishing.js';
import { type MadeAccount, Service, until } from './support/service.js';

const TOGETHER = 100;
const EXCESS = 2 * TOGETHER;
const TEST_LIMIT_MS = 120_000;

const ADMIN_REQUEST: Omit<RecordedRequest, 'requestId'> = {
  caller: {
    ...{ accountId: null, mode: null, apiKeyId: null, adminKeyName: 'ops', actorName: 'ops' },
    ...{ locale: 'en', ip: '127.0.0.1' },
  },
  ...{ method: 'POST', route: '/v1/admin/accounts', status: 422, code: 'invalid_input', durationMs: 1 },
};

/** Logs of the platform, and of nobody else, cannot be written. */
const NO_ROOM = `
  CREATE FUNCTION public.no_room() RETURNS trigger LANGUAGE plpgsql AS
    $$ BEGIN RAISE EXCEPTION 'no room' USING ERRCODE = 'disk_full'; END $$;
  CREATE TRIGGER no_room BEFORE INSERT ON signalpost.logs
    FOR EACH ROW WHEN (NEW.mode = '') EXECUTE FUNCTION public.no_room()`;

interface Answer {
  readonly status: number;
  readonly requestId: string;
  readonly body: { readonly id?: string; readonly code?: string };
}

describe('logs while the database is away', () => {
  let proxy: DatabaseProxy;
  let service: Service;
  let origin: string;
  let logger: RequestLogger;
  /** Beside the service, and never away. */
  let database: pg.Client;
  let account: MadeAccount;
  beforeAll(async () => {
    const url = await makeDatabase('absent', { migrated: true });
    proxy = await DatabaseProxy.start(url);
    service = await Service.start({ environment: { DATABASE_URL: proxy.url } });
    origin = await service.app.getUrl();
    logger = service.app.get(RequestLogger, { strict: false });
    database = new pg.Client({ connectionString: url });
    await database.connect();
    account = await service.makeAccount();
  });
  afterAll(async () => {
    proxy.mend();
    await service.stop();
    await Promise.all([database.end(), proxy.stop()]);
  });

  async function post(path: string, key: string, payload: object): Promise<Answer> {
    const headers = { authorization: `Bearer ${key}`, 'content-type': 'application/json' };
    const answer = await fetch(origin + path, { method: 'POST', headers, body: JSON.stringify(payload) });
    const body = (await answer.json()) as Answer['body'];
    return { status: answer.status, requestId: answer.headers.get('request-id')!, body };
  }
  const publish = (operation: string) =>
    post('/v1/events', account.test.secretKey, operationEvent('collect.pending', operation));
  /** The requests that logs of an account or the platform name, oldest first. */
  const logged = async (category: string, accountId: string): Promise<string[]> => {
    const { rows } = await database.query<{ request_id: string }>(
      'SELECT request_id FROM signalpost.logs WHERE account_id = $1 AND category = $2 AND request_id IS NOT NULL ORDER BY id',
      [accountId, category],
    );
    return rows.map(({ request_id: requestId }) => requestId);
  };
  const dropped = async (): Promise<number> => {
    const metric = service.app
      .get(Metrics, { strict: false })
      .registry.getSingleMetric('signalpost_request_logs_dropped_total')!;
    return (await metric.get()).values[0]!.value;
  };
  /** Also waits for an attempt that began before. */
  const writeHeld = async (): Promise<void> => {
    await logger.runOnce().catch(() => undefined);
    await logger.runOnce();
  };

  it(
    'what a key that was proved is refused meanwhile waits, and is written once when it is back; what was not acknowledged left no log',
    async () => {
      const accountId = decodeId('acct', account.id);
      const before = await publish('before');
      expect(before.status).toBe(201);
      // A new connection that answers would write the logs before they are looked for.
      proxy.fallSilent({ alsoToNew: true });
      const unanswered = publish('meanwhile');
      const answers = await Promise.all(
        Array.from({ length: 20 }, () => post('/v1/webhook-endpoints', account.test.secretKey, {})),
      );
      proxy.cut();
      const failed = await unanswered;
      expect([failed.status, failed.body.code]).toEqual([503, 'unavailable']);
      // The key is forgotten once it shows that nothing is heard of the database.
      const refused = answers.filter(({ status }) => status === 422);
      expect(refused.length).toBeGreaterThan(0);
      await expect(writeHeld()).rejects.toThrow();
      expect(await logged('api', accountId)).toEqual([]);

      proxy.mend();
      const waited = [...refused, failed].map(({ requestId }) => requestId);
      await until(async () => {
        await writeHeld();
        return (await logged('api', accountId)).length >= waited.length;
      });
      expect((await logged('api', accountId)).sort()).toEqual(waited.sort());
      expect(await logged('operation', accountId)).toEqual([before.requestId]);
      expect(await dropped()).toBe(0);
    },
    TEST_LIMIT_MS,
  );

  it(
    'past the bound the oldest are dropped and counted, the others written when it is back; logs of events lose none',
    async () => {
      await writeHeld();
      const earlier = await logged('api', NIL_ACCOUNT);
      proxy.cut();
      const refuse = async (): Promise<string[]> => {
        const answers = await Promise.all(
          Array.from({ length: TOGETHER }, () => post('/v1/admin/accounts', service.adminKey, {})),
        );
        expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([422]));
        return answers.map(({ requestId }) => requestId);
      };
      const oldest = await refuse();
      // As if so many more were answered in between.
      const between = Array.from({ length: MOST_LOGS_HELD }, (_, n) => `req_between_${n}`);
      for (const requestId of between) logger.record({ ...ADMIN_REQUEST, requestId });
      const newest = await refuse();
      const refused = [...oldest, ...between, ...newest];
      // A log is made after its answer has left.
      await until(async () => {
        await expect(logger.runOnce()).rejects.toThrow();
        return (await dropped()) >= EXCESS;
      });

      proxy.mend();
      // Before anything else is refused, which would be held as well.
      await until(() =>
        logger.runOnce().then(
          () => true,
          () => false,
        ),
      );
      const after = [await publish('after')];
      await until(async () => after.at(-1)!.status === 201 || after.push(await publish('after')) === 0);
      expect((await logged('operation', decodeId('acct', account.id))).at(-1)).toBe(after.at(-1)!.requestId);
      await writeHeld();
      const written = new Set((await logged('api', NIL_ACCOUNT)).slice(earlier.length));
      expect(written.size).toBe(MOST_LOGS_HELD);
      expect(await dropped()).toBe(EXCESS);
      expect([...written].sort()).toEqual(refused.slice(EXCESS).sort());
    },
    TEST_LIMIT_MS,
  );

  it('what fails after a part of a batch was written is written once when it is tried again', async () => {
    const accountId = decodeId('acct', account.id);
    await writeHeld();
    await database.query(NO_ROOM);
    const caller = { ...ADMIN_REQUEST.caller, accountId, mode: 'test' } as const;
    logger.record({ ...ADMIN_REQUEST, caller, requestId: 'req_of_account' });
    logger.record({ ...ADMIN_REQUEST, requestId: 'req_of_platform' });
    await expect(writeHeld()).rejects.toThrow('no room');
    await database.query('DROP TRIGGER no_room ON signalpost.logs');
    await writeHeld();
    const timesOf = async (requestId: string, account: string): Promise<number> =>
      (await logged('api', account)).filter((id) => id === requestId).length;
    expect(await timesOf('req_of_account', accountId)).toBe(1);
    expect(await timesOf('req_of_platform', NIL_ACCOUNT)).toBe(1);
  });
  describe('of a request logger of its own', () => {
    const FAR_MS = 20 * 366 * 86_400_000;
    let metrics: Metrics;
    let clock: Clock;
    let own: RequestLogger;
    beforeEach(() => {
      metrics = new Metrics();
      clock = new Clock();
      own = new RequestLogger(new LogWriter(service.app.get(Database), clock), new Clock(), metrics);
    });
    const record = (requestId: string, actorName = 'ops'): void =>
      own.record({ ...ADMIN_REQUEST, caller: { ...ADMIN_REQUEST.caller, actorName }, requestId });
    const recorded = async (): Promise<string[]> =>
      (await logged('api', NIL_ACCOUNT)).filter((id) => id.startsWith('req_own_')).sort();
    const ownDropped = async (): Promise<number> =>
      (await metrics.registry.getSingleMetric('signalpost_request_logs_dropped_total')!.get()).values[0]!.value;

    it('what PostgreSQL refuses is dropped and counted, and the others of its batch are written', async () => {
      for (let n = 100; n < 600; n += 1) record(`req_own_${n}`, n === 321 ? 'a name with a \0 in it' : 'ops');
      await expect(own.runOnce()).rejects.toThrow('invalid byte sequence');
      expect(await recorded()).toEqual(
        Array.from({ length: 500 }, (_, n) => `req_own_${n + 100}`).filter((id) => id !== 'req_own_321'),
      );
      expect([await ownDropped(), await own.runOnce()]).toEqual([1, 0]);
    });

    it('what a month has no partition for waits, and is written once it has one', async () => {
      const before = await recorded();
      record('req_own_waits');
      clock.correct(FAR_MS);
      for (let tries = 0; tries < 2; tries += 1) await expect(own.runOnce()).rejects.toThrow('no partition');
      clock.correct(0);
      expect(await own.runOnce()).toBe(1);
      expect(await recorded()).toEqual([...before, 'req_own_waits']);
      expect(await ownDropped()).toBe(0);
    });
  });
});
