import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import pg from 'pg';
import { embeddedDatabase } from '../../dist/src/database/embedded/embedded-postgres.js';

/** `fsync` and `synchronous_commit` stay on: what was acknowledged has to survive the server's end. */
const SETTINGS = { max_connections: '150', shared_buffers: '64MB' };

/** Attempts that dispatchers claimed and did not settle, each once for each lease under which it was claimed. */
const CLAIMED = `
  SELECT DISTINCT b.token, p.account_id, p.id, a.number
  FROM signalpost.claimed_batches b
  CROSS JOIN LATERAL unnest(b.account_ids, b.modes, b.delivery_ids, b.attempt_numbers)
    AS a (account_id, mode, id, number)
  JOIN signalpost.pending_deliveries p
    ON p.account_id = a.account_id AND p.mode = a.mode AND p.id = a.id AND p.attempt_count = a.number - 1`;
const IN_THE_AIR = `${CLAIMED} JOIN signalpost.dispatchers d ON d.token = b.token`;
/**
 * Writes down what was in the air under a lease in the transaction that ends it. That waits for the settles under way,
 * after it none goes through, and until its commit nobody else may claim: so it is neither too early nor too late.
 */
const RECORD_ENDS = `
  CREATE SCHEMA fault_tests;
  CREATE TABLE fault_tests.orphaned (token uuid, account_id uuid, id uuid, number integer);
  CREATE FUNCTION fault_tests.record_end() RETURNS trigger LANGUAGE plpgsql AS $$
  BEGIN
    INSERT INTO fault_tests.orphaned ${CLAIMED} WHERE b.token = OLD.token;
    RETURN NULL;
  END
  $$;
  CREATE TRIGGER record_end AFTER DELETE ON signalpost.dispatchers
  FOR EACH ROW EXECUTE FUNCTION fault_tests.record_end()`;
const ORPHANED = `SELECT token, id, number FROM fault_tests.orphaned WHERE account_id = ANY ($1::uuid[])`;
/**
 * What is due on the lanes of a process and waits for no earlier one of its operation, in the air or not; and until
 * when the process's lease keeps others from it.
 */
const DUE_OF = `
  SELECT p.event_id, p.endpoint_id, d.lease_until
  FROM signalpost.dispatchers d
  JOIN signalpost.lanes l ON l.owner = d.token
  JOIN signalpost.pending_deliveries p
    ON p.account_id = l.account_id AND p.mode = l.mode AND p.endpoint_id = l.endpoint_id AND p.due_at <= now()
  WHERE d.name LIKE '%:' || $1 AND d.lease_until > now() AND (p.order_key IS NULL OR NOT EXISTS (
    SELECT FROM signalpost.pending_deliveries earlier
    WHERE earlier.account_id = p.account_id AND earlier.mode = p.mode AND earlier.endpoint_id = p.endpoint_id
      AND earlier.order_key = p.order_key AND earlier.id < p.id
  ))`;
const LEASE = `SELECT max(lease_until) AS lease_until FROM signalpost.dispatchers WHERE name LIKE '%:' || $1`;
const OWNERS = `
  SELECT DISTINCT d.name FROM signalpost.lanes l JOIN signalpost.dispatchers d ON d.token = l.owner`;
const UNFINISHED = `
  SELECT count(*)::integer AS count FROM signalpost.pending_deliveries WHERE account_id = ANY ($1::uuid[])`;
const TERMINATE = `
  SELECT pg_terminate_backend(pid)
  FROM pg_stat_activity
  WHERE application_name LIKE 'signalpost%' AND backend_type = 'client backend'
  ORDER BY md5(pid::text || $1)
  LIMIT $2`;

/** The embedded PostgreSQL of a run, and a look into it that no fault stands in the way of. */
export class FaultyDatabase {
  #folder;
  #embedded;
  #pool;

  static async start(folder) {
    const database = new FaultyDatabase();
    database.#folder = folder;
    await database.restart();
    return database;
  }

  get port() {
    return Number(new URL(this.#embedded.url).port);
  }

  /** The service's own way to it, over the link that listens on `port`. */
  urlOver(port) {
    const url = new URL(this.#embedded.url);
    url.port = String(port);
    return url.href;
  }

  /** What `pg_ctl stop -m immediate` does: every backend ends at once, nothing is written out. */
  async crash() {
    const pid = Number(readFileSync(join(this.#folder, 'postgres', 'postmaster.pid'), 'utf8').split('\n')[0]);
    process.kill(pid, 'SIGQUIT');
    while (isRunning(pid)) await pause(20);
  }

  /** Starts it, on another port; it recovers from its log first. */
  async restart() {
    const before = this.#embedded;
    await this.#pool?.end();
    this.#embedded = await embeddedDatabase(this.#folder, SETTINGS);
    await before?.release();
    this.#pool = new pg.Pool({ connectionString: this.#embedded.url, max: 3, application_name: 'fault tests' });
    this.#pool.on('error', () => undefined);
  }

  /** Once the schema is there. */
  async recordEnds() {
    await this.#pool.query(RECORD_ENDS);
  }

  /** What is in the air now: the delivery of each attempt by `<token> <delivery> <number>`. */
  async inTheAir() {
    return byAttempt(await this.#rows(IN_THE_AIR, []));
  }

  /** Of these accounts, what was in the air as a lease ended; as `inTheAir`. */
  async orphaned(accounts) {
    return byAttempt(await this.#rows(ORPHANED, [accounts]));
  }

  dueOf(pid) {
    return this.#rows(DUE_OF, [pid]);
  }

  /** 0: it has none. */
  async leaseUntilMs(pid) {
    return (await this.#rows(LEASE, [pid]))[0].lease_until?.getTime() ?? 0;
  }

  /** Numbers of the processes that own lanes. */
  async owners() {
    return (await this.#rows(OWNERS, [])).map(({ name }) => Number(name.split(':').at(-1)));
  }

  /** Resolves when the process owns lanes. */
  async owns(pid) {
    while (!(await this.owners()).includes(pid)) await pause(50);
  }

  async unfinished(accounts) {
    return (await this.#rows(UNFINISHED, [accounts]))[0].count;
  }

  async terminateBackends(count, salt) {
    return (await this.#rows(TERMINATE, [String(salt), count])).length;
  }

  async stop() {
    await this.#pool?.end().catch(() => undefined);
    await this.#embedded?.release();
  }

  async #rows(statement, values) {
    return (
      await this.#pool.query(
        statement,
        values.map((value) => (typeof value === 'number' ? String(value) : value)),
      )
    ).rows;
  }
}

function isRunning(pid) {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

function byAttempt(rows) {
  return new Map(rows.map(({ token, id, number }) => [`${token} ${id} ${number}`, id]));
}
