import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import pg from 'pg';
import { embeddedDatabase } from '../../dist/src/database/embedded/embedded-postgres.js';

/** `fsync` and `synchronous_commit` stay on: what was acknowledged has to survive the server's end. */
const SETTINGS = { max_connections: '150', shared_buffers: '64MB' };

/** Deliveries that a dispatcher claimed and did not settle, by process id; all processes' when it is null. */
const IN_THE_AIR = `
  SELECT p.id, p.event_id, p.endpoint_id
  FROM signalpost.dispatchers d
  JOIN signalpost.claimed_batches b ON b.token = d.token
  CROSS JOIN LATERAL unnest(b.account_ids, b.modes, b.delivery_ids, b.attempt_numbers)
    AS a (account_id, mode, id, number)
  JOIN signalpost.pending_deliveries p ON p.account_id = a.account_id AND p.mode = a.mode AND p.id = a.id
  WHERE p.attempt_count = a.number - 1 AND ($1::text IS NULL OR d.name LIKE '%:' || $1)
  GROUP BY p.id, p.event_id, p.endpoint_id`;
const LEASES = `
  SELECT d.token, split_part(d.name, ':', 2)::integer AS pid, count(DISTINCT p.id)::integer AS in_the_air
  FROM signalpost.dispatchers d
  LEFT JOIN signalpost.claimed_batches b ON b.token = d.token
  LEFT JOIN LATERAL unnest(b.account_ids, b.modes, b.delivery_ids, b.attempt_numbers)
    AS a (account_id, mode, id, number) ON true
  LEFT JOIN signalpost.pending_deliveries p
    ON p.account_id = a.account_id AND p.mode = a.mode AND p.id = a.id AND p.attempt_count = a.number - 1
  WHERE d.lease_until > now()
  GROUP BY d.token, d.name`;
/**
 * What is due on the lanes of a process and waits for no earlier one of its operation, in the air or not; and until when
 * the process's lease keeps others from it.
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

  inTheAir(pid = null) {
    return this.#rows(IN_THE_AIR, [pid]);
  }

  /** Of all living dispatchers. */
  leases() {
    return this.#rows(LEASES, []);
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
