import { readFileSync } from 'node:fs';
import pg from 'pg';
import { decodeId } from '../src/common/ids.js';
import { workerDatabaseUrl } from './setup/database.js';
import { until } from './support/service.js';
import { type ReadingAccount, ReadingApp } from './support/reading-app.js';

interface SampleEvent {
  readonly type: string;
  readonly occurred_at: string;
  readonly external_id: string;
  readonly operation: object;
  readonly data?: object;
}
type Json = Record<string, unknown>;

const CALL = 'SELECT signalpost.publish_event($1, $2, $3, $4, $5, $6, $7)';
const UNKNOWN_ACCOUNT = 'acct_01k96sd3k8e2r9wq6m4h0v5xtz';
const FORTNIGHT = readFileSync(new URL('../examples/operations-sample.ndjson', import.meta.url), 'utf8')
  .trim()
  .split('\n')
  .map((line) => JSON.parse(line) as SampleEvent);

function without(objects: readonly Json[], names: readonly string[]): Json[] {
  return objects.map((object) => Object.fromEntries(Object.entries(object).filter(([name]) => !names.includes(name))));
}

describe('Publishing by SQL', () => {
  let app: ReadingApp;
  let producer: pg.Client;
  let account: ReadingAccount;
  beforeAll(async () => {
    app = await ReadingApp.start();
    producer = new pg.Client({ connectionString: await workerDatabaseUrl() });
    await producer.connect();
    await producer.query('CREATE TABLE public.payments (id text PRIMARY KEY)');
    await producer.query('GRANT ALL ON public.payments TO signalpost_producer');
    await producer.query('SET ROLE signalpost_producer');
  });
  beforeEach(async () => (account = await app.makeAccount()));
  afterAll(async () => {
    await producer.end();
    await app.stop();
  });

  const call = (type: string, operation: unknown, data: unknown = null, rest: [unknown?, unknown?] = []) =>
    producer.query(CALL, [account.id, 'test', type, operation, data, rest[0] ?? null, rest[1] ?? null]);
  const events = async (query: object = {}): Promise<Json[]> =>
    (await app.get('/v1/events', account.testKey, { limit: 100, ...query }).expect(200)).body.data as Json[];
  const rows = async (): Promise<Json[]> =>
    app.dataSource.query('SELECT position, error FROM signalpost.event_inbox WHERE account_id = $1 ORDER BY position', [
      decodeId('acct', account.id),
    ]);
  const rejected = async (): Promise<number> => {
    const { body } = await app.get('/v1/admin/stats', app.adminKey).expect(200);
    return (body as { inbox_rejected: number }).inbox_rejected;
  };
  const settled = () => until(async () => (await rows()).every(({ error }) => error !== null));

  it('a commit publishes, and a rollback leaves nothing', async () => {
    await producer.query('BEGIN');
    await producer.query(`INSERT INTO public.payments VALUES ('pay_undone')`);
    await call('payment.succeeded', { id: 'pay_undone' });
    await producer.query('ROLLBACK');
    await producer.query('BEGIN');
    await producer.query(`INSERT INTO public.payments VALUES ('pay_done')`);
    await call('payment.succeeded', { id: 'pay_done' }, { fee: 20 }, ['led-1', '2026-11-20T10:00:00.123456+01:00']);
    await producer.query('COMMIT');
    await until(async () => (await events()).length > 0);
    await settled();
    expect(await events()).toEqual([
      expect.objectContaining({
        account: account.id,
        mode: 'test',
        source: 'platform',
        external_id: 'led-1',
        occurred_at: '2026-11-20T09:00:00.123Z',
        operation: expect.objectContaining({ id: 'pay_done', status: 'succeeded' }),
        data: { fee: 20 },
      }),
    ]);
  });

  it('an event is there long before the next look at the inbox is due: the commit says so', async () => {
    const times: number[] = [];
    for (let number = 0; number < 5; number++) {
      const startedMs = performance.now();
      await call('payment.pending', { id: `pay_${number}` });
      await until(async () => (await events()).length > number);
      times.push(performance.now() - startedMs);
    }
    expect(times.sort((a, b) => a - b)[2]).toBeLessThan(400);
  });

  it('the sample fortnight gives the same operations and event bodies by SQL as over HTTP', async () => {
    const bySql = account;
    const byHttp = await app.makeAccount();
    for (const event of FORTNIGHT) {
      await call(event.type, event.operation, event.data, [event.external_id, event.occurred_at]);
    }
    for (const event of FORTNIGHT) {
      await app
        .post('/v1/events', app.adminKey, event)
        .set({ 'signalpost-account': byHttp.id, 'signalpost-mode': 'test' })
        .expect(201);
    }
    await settled();
    const all = async (path: string, key: string): Promise<Json[]> => {
      const pages: Json[] = [];
      for (let cursor: object = {}; ;) {
        const { body } = await app.get(path, key, { limit: 100, ...cursor }).expect(200);
        pages.push(...(body.data as Json[]));
        if (!body.has_more) return pages.reverse();
        cursor = { starting_after: pages.at(-1)!.id };
      }
    };
    const [sqlEvents, httpEvents] = await Promise.all([bySql, byHttp].map(({ testKey }) => all('/v1/events', testKey)));
    expect(sqlEvents).toHaveLength(FORTNIGHT.length);
    const ofEvents = ['id', 'sequence', 'created_at', 'account'];
    expect(without(sqlEvents!, ofEvents)).toEqual(without(httpEvents!, ofEvents));
    expect(sqlEvents!.map(({ sequence }) => sequence)).toEqual(FORTNIGHT.map((_, index) => index + 1));
    const [sqlOperations, httpOperations] = await Promise.all(
      [bySql, byHttp].map(({ testKey }) => all('/v1/operations', testKey)),
    );
    expect(sqlOperations!.length).toBeGreaterThan(50);
    expect(without(sqlOperations!, ['last_event_id'])).toEqual(without(httpOperations!, ['last_event_id']));
  });

  it('data reaches the event as it was written: order of keys, large text, escapes and all', async () => {
    const data = `{ "z": 1.50, "a": "\\u00e9\\ud83d\\ude00 \\"", "n": {"y": [], "b": null}, "10": 1e2 }`;
    await call('payment.pending', '{"id":"pay_1","metadata":{"b":1,"a":2}}', data);
    await settled();
    const [{ id }] = (await events()) as [Json];
    const { text } = await app.get(`/v1/events/${String(id)}`, account.testKey).expect(200);
    expect(text).toContain(`"data":${JSON.stringify(JSON.parse(data))}`);
    expect(text).toContain(`"metadata":{"b":1,"a":2}`);
  });

  it.each([
    ['an escaped NUL', `{"a":"\\u0000"}`, 'invalid_input', 'data.a'],
    ['half a surrogate pair', `{"a":"\\ud800"}`, 'invalid_input', 'data.a'],
    ['an integer that would lose digits', `{"a":9007199254740993}`, 'invalid_input', 'data.a'],
    ['a number that overflows', `{"a":1e400}`, 'invalid_input', 'data.a'],
    ['a key named twice', `{"a":1,"a":2}`, 'malformed_json', null],
    ['a key that is no data', `{"__proto__":1}`, 'invalid_input', 'data.__proto__'],
    ['too many levels', `{"a":${'['.repeat(40)}${']'.repeat(40)}}`, 'invalid_input', 'data.a'],
    [
      'too many keys',
      JSON.stringify(Object.fromEntries([...Array(1_001).keys()].map((n) => [`k${n}`, n]))),
      'invalid_input',
      null,
    ],
  ])(
    '%s does not raise in the producer, but is refused by the ingest: marked, logged, counted',
    async (_what, data, code, field) => {
      const before = await rejected();
      await call('payment.failed', { id: 'pay_bad' }, data);
      await call('payment.failed', { id: 'pay_good' });
      await settled();
      expect(await events()).toMatchObject([{ operation: { id: 'pay_good' } }]);
      const [row, ...others] = await rows();
      expect(others).toEqual([]);
      expect(row!.error).toMatchObject({ code, detail: expect.any(String) });
      if (field !== null) expect((row!.error as { errors: Json[] }).errors[0]!.field).toContain(field);
      const { body: logs } = await app.get('/v1/logs', account.testKey, { action: 'event.refused' }).expect(200);
      expect(logs.data).toHaveLength(1);
      expect(logs.data[0]).toMatchObject({ category: 'operation', status: 'failed', actor: { type: 'system' } });
      expect(logs.data[0].description).toContain(`Event payment.failed was refused: ${code}`);
      await until(async () => (await rejected()) === before + 1);
    },
  );

  it.each([
    ['an unregistered type', 'payment.failled', { id: 'pay_1' }, 'type'],
    ['an operation without an id', 'payment.failed', { amount: 1 }, 'operation.id'],
    ['no operation where one is due', 'payment.failed', null, 'operation'],
    ['a status that contradicts the type', 'payment.failed', { id: 'pay_1', status: 'succeeded' }, 'operation.status'],
    ['an unknown field', 'payment.failed', { id: 'pay_1', sum: 2 }, 'operation.sum'],
  ])('%s is refused by the ingest, naming the field', async (_what, type, operation, field) => {
    await call(type, operation);
    await settled();
    expect(await rows()).toMatchObject([{ error: { code: 'invalid_input', errors: [{ field }] } }]);
    const { body } = await app.get('/v1/logs', account.testKey, { action: 'event.refused' }).expect(200);
    expect(body.data[0]).toMatchObject({
      description: `Event ${type} was refused: invalid_input (${field})`,
      operation_id: operation !== null && 'id' in operation ? 'pay_1' : null,
      metadata: { source: 'platform', error: { errors: [{ field }] } },
    });
  });

  it('nobody poses as the system, and an external_id has one content', async () => {
    await call('api_key.revoked', null);
    await call('payment.failed', { id: 'pay_1' }, null, ['led-7']);
    await call('payment.failed', { id: 'pay_1' }, null, ['led-7']);
    await call('payment.failed', { id: 'pay_2' }, null, ['led-7']);
    await settled();
    expect((await rows()).map(({ error }) => (error as Json).code)).toEqual([
      'event_type_reserved',
      'external_id_conflict',
    ]);
    expect(await events()).toHaveLength(1);
  });

  it('one row that the database itself does not take holds up no other', async () => {
    await app.dataSource.query(
      `ALTER TABLE signalpost.events ADD CONSTRAINT no_poison CHECK (operation_id <> 'pay_poison') NOT VALID`,
    );
    try {
      await producer.query('BEGIN');
      for (const id of ['pay_1', 'pay_poison', 'pay_2']) await call('payment.failed', { id });
      await producer.query('COMMIT');
      await settled();
      expect((await events()).map(({ operation }) => (operation as Json).id)).toEqual(['pay_2', 'pay_1']);
      expect(await rows()).toMatchObject([{ error: { code: 'internal' } }]);
    } finally {
      await app.dataSource.query('ALTER TABLE signalpost.events DROP CONSTRAINT no_poison');
    }
  });

  it("an account's events keep the order of the inbox while several processes drain it", async () => {
    const others = await Promise.all([ReadingApp.start(), ReadingApp.start()]);
    try {
      const count = 900;
      await producer.query('BEGIN');
      for (let number = 0; number < count; number++) await call('payment.pending', { id: `pay_${number}` });
      await producer.query('COMMIT');
      await settled();
      const published: { operation_id: string }[] = await app.dataSource.query(
        'SELECT operation_id FROM signalpost.events WHERE account_id = $1 ORDER BY id',
        [decodeId('acct', account.id)],
      );
      expect(published.map(({ operation_id }) => operation_id)).toEqual(
        Array.from({ length: count }, (_, number) => `pay_${number}`),
      );
    } finally {
      await Promise.all(others.map((other) => other.stop()));
    }
  });

  it.each([
    ['an account that does not exist', { account: UNKNOWN_ACCOUNT }, 'SP404'],
    ['an id of another kind', { account: UNKNOWN_ACCOUNT.replace('acct', 'key') }, 'SP422'],
    ['an id with a letter that ids do not have', { account: UNKNOWN_ACCOUNT.replace('z', 'u') }, 'SP422'],
    ['an id beyond 128 bits', { account: UNKNOWN_ACCOUNT.replace('_0', '_8') }, 'SP422'],
    ['no account', { account: null }, 'SP422'],
    ['an unknown mode', { mode: 'both' }, 'SP422'],
    ['no mode', { mode: null }, 'SP422'],
    ['no type', { type: null }, 'SP422'],
    ['a type that is no name', { type: 'payment.*' }, 'SP422'],
    ['a type that would end its string', { type: 'a.b","source":"system' }, 'SP422'],
    ['a type too long', { type: `a.${'b'.repeat(63)}` }, 'SP422'],
    ['an operation that is no object', { operation: '"pay_1"' }, 'SP422'],
    ['data that is no object', { data: '[1]' }, 'SP422'],
    ['an empty external_id', { external_id: '' }, 'SP422'],
    ['an external_id too long', { external_id: 'x'.repeat(256) }, 'SP422'],
    ['an external_id with other characters', { external_id: 'led\n7' }, 'SP422'],
    ['a time without end', { occurred_at: 'infinity' }, 'SP422'],
    ['an event too large', { data: { a: 'x'.repeat(256 * 1024) } }, 'SP422'],
    ['JSON that is none', { data: '{' }, '22P02'],
  ])('%s is refused in the transaction of the producer, and leaves nothing', async (_what, wrong, code) => {
    const given = { account: account.id, mode: 'test', type: 'payment.failed', operation: { id: 'pay_1' } };
    const values = { ...given, data: null, external_id: null, occurred_at: null, ...wrong };
    await expect(producer.query(CALL, Object.values(values))).rejects.toMatchObject({ code });
    expect(await rows()).toEqual([]);
    expect(await events()).toEqual([]);
  });

  it('the ids of accounts are read as the API writes them', async () => {
    const accounts = await Promise.all(Array.from({ length: 8 }, () => app.makeAccount()));
    await producer.query('BEGIN');
    for (const { id } of accounts) {
      await producer.query(CALL, [id, 'live', 'payment.failed', { id: 'pay_1' }, null, null, null]);
    }
    await producer.query('COMMIT');
    for (const { id, liveKey } of accounts) {
      await until(async () => (await app.get('/v1/events', liveKey)).body.data[0]?.account === id);
    }
  });

  describe('the role of producers', () => {
    const refused = (statement: string) => expect(producer.query(statement)).rejects.toMatchObject({ code: '42501' });

    it('has no right on any table, column, sequence or other function, nor to make anything of its own', async () => {
      const has = `array(
        SELECT c.relname || ' ' || privilege FROM pg_class c
          CROSS JOIN unnest(ARRAY['SELECT', 'INSERT', 'UPDATE', 'DELETE', 'TRUNCATE', 'REFERENCES', 'TRIGGER']) AS privilege
          WHERE c.relnamespace = 'signalpost'::regnamespace AND c.relkind IN ('r', 'p', 'v', 'm', 'f')
            AND has_table_privilege('signalpost_producer', c.oid, privilege)
        UNION ALL
        SELECT c.relname || ' column ' || privilege FROM pg_class c
          CROSS JOIN unnest(ARRAY['SELECT', 'INSERT', 'UPDATE', 'REFERENCES']) AS privilege
          WHERE c.relnamespace = 'signalpost'::regnamespace AND c.relkind IN ('r', 'p', 'v', 'm', 'f')
            AND has_any_column_privilege('signalpost_producer', c.oid, privilege)
        UNION ALL
        SELECT c.relname || ' ' || privilege FROM pg_class c CROSS JOIN unnest(ARRAY['USAGE', 'SELECT', 'UPDATE']) AS privilege
          WHERE c.relnamespace = 'signalpost'::regnamespace AND c.relkind = 'S'
            AND has_sequence_privilege('signalpost_producer', c.oid, privilege)
        UNION ALL
        SELECT p.proname::text FROM pg_proc p
          WHERE p.pronamespace = 'signalpost'::regnamespace AND has_function_privilege('signalpost_producer', p.oid, 'EXECUTE')
        UNION ALL
        SELECT 'create in the schema' WHERE has_schema_privilege('signalpost_producer', 'signalpost', 'CREATE')
        UNION ALL
        SELECT 'create in the database' WHERE has_database_privilege('signalpost_producer', current_database(), 'CREATE')
        UNION ALL
        SELECT 'an attribute' FROM pg_roles r WHERE r.rolname = 'signalpost_producer'
          AND (r.rolsuper OR r.rolcreaterole OR r.rolcreatedb OR r.rolreplication OR r.rolbypassrls OR r.rolcanlogin)
        UNION ALL
        SELECT 'a membership' FROM pg_auth_members m WHERE m.member = 'signalpost_producer'::regrole)`;
      const [found]: { has: string[]; tables: number; functions: number }[] = await app.dataSource.query(
        `SELECT ${has} AS has,
           (SELECT count(*)::integer FROM pg_class WHERE relnamespace = 'signalpost'::regnamespace AND relkind IN ('r', 'p')) AS tables,
           (SELECT count(*)::integer FROM pg_proc WHERE pronamespace = 'signalpost'::regnamespace) AS functions`,
      );
      expect(found!.has).toEqual(['publish_event']);
      expect(found!.tables).toBeGreaterThan(20);
      expect(found!.functions).toBeGreaterThan(3);
    });

    it.each([
      ['read events', 'SELECT FROM signalpost.events'],
      ['read the inbox, its own events too', 'SELECT FROM signalpost.event_inbox'],
      [
        'write to the inbox past the function, as the system',
        `INSERT INTO signalpost.event_inbox (account_id, mode, source, input) VALUES (gen_random_uuid(), 'test', 'system', '{}')`,
      ],
      ['change an account', `UPDATE signalpost.accounts SET live_publishing = true`],
      ['take the lock of a ledger', 'SELECT FROM signalpost.ledgers FOR UPDATE'],
      ['delete keys', 'DELETE FROM signalpost.api_keys'],
      ['empty a table', 'TRUNCATE signalpost.events'],
      ['copy secrets out', 'COPY signalpost.webhook_secrets TO STDOUT'],
      ['drop a table', 'DROP TABLE signalpost.events'],
      [
        'put a trigger on the inbox',
        'CREATE TRIGGER t BEFORE INSERT ON signalpost.event_inbox EXECUTE FUNCTION suppress_redundant_updates_trigger()',
      ],
      ['make a table beside the others', 'CREATE TABLE signalpost.mine ()'],
      [
        'replace the function',
        `CREATE OR REPLACE FUNCTION signalpost.publish_event(text, text, text, json, json, text, timestamptz) RETURNS void LANGUAGE sql AS ''`,
      ],
      ['take the function away', 'DROP FUNCTION signalpost.publish_event'],
      ['make a schema', 'CREATE SCHEMA more'],
      ['make a role', 'CREATE ROLE more'],
      ['read files of the server', `SELECT pg_read_file('postgresql.conf')`],
    ])('cannot %s', async (_what, statement) => {
      await refused(statement);
    });

    it('cannot make the function call one of its own, with the rights of its owner', async () => {
      await app.dataSource.query(`
        CREATE SCHEMA mine;
        CREATE FUNCTION mine.to_json(text) RETURNS json LANGUAGE sql AS $$ SELECT '"hijacked"'::json $$;
        GRANT USAGE ON SCHEMA mine TO signalpost_producer`);
      await producer.query('SET search_path = mine, pg_catalog');
      const { rows: own } = await producer.query(`SELECT to_json('a.b'::text) AS value`);
      expect(own).toEqual([{ value: 'hijacked' }]);
      await call('payment.pending', { id: 'pay_1' });
      await producer.query('RESET search_path');
      await settled();
      expect(await rows()).toEqual([]);
      expect(await events()).toHaveLength(1);
    });

    it('nobody else may call it', async () => {
      await app.dataSource.query('CREATE ROLE signalpost_stranger');
      const stranger = new pg.Client({ connectionString: await workerDatabaseUrl() });
      await stranger.connect();
      try {
        await app.dataSource.query('GRANT USAGE ON SCHEMA signalpost TO signalpost_stranger');
        await stranger.query('SET ROLE signalpost_stranger');
        const values = [account.id, 'test', 'payment.failed', { id: 'pay_1' }, null, null, null];
        await expect(stranger.query(CALL, values)).rejects.toMatchObject({ code: '42501' });
      } finally {
        await stranger.end();
        await app.dataSource.query('REVOKE ALL ON SCHEMA signalpost FROM signalpost_stranger');
        await app.dataSource.query('DROP ROLE signalpost_stranger');
      }
    });
  });
});
