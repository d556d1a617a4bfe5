// What a bench runs on: a PostgreSQL of its own (fsync on), the built service, receivers and drivers in processes of
// their own. Whatever is started is told to the runner (scripts/bench.mjs), which removes what a bench that died left
// behind.
import { fork, spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir, totalmem } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { removeFolder } from '../scripts/abandoned-folders.mjs';
import { FOLDER_PREFIX } from './leftovers.mjs';

const START_MS = 120_000;
const SHARED_BUFFERS_MB = Math.min(1_024, Math.floor(totalmem() / 2 ** 20 / 8));

export class Rig {
  #ends = [];
  #closing;
  #embedded;
  #analyst;
  versions = { node: process.versions.node };

  constructor() {
    this.folder = mkdtempSync(join(tmpdir(), FOLDER_PREFIX));
    writeFileSync(join(this.folder, 'owner'), String(process.pid));
    process.send?.({ folder: this.folder });
    console.log(`  bench: process ${process.pid}`);
    this.onEnd(() => removeFolder(this.folder));
  }

  /** Runs `work` when the rig is closed; what was registered last goes first. */
  onEnd(work) {
    this.#ends.unshift(work);
  }

  get isClosing() {
    return this.#closing !== undefined;
  }

  close() {
    return (this.#closing ??= (async () => {
      for (const end of this.#ends) await end();
    })());
  }

  /**
   * Starts PostgreSQL with `settings` beside those that the service's own server has; only the first call starts it.
   */
  async startDatabase(settings = {}) {
    const { embeddedDatabase } = await import('../dist/src/database/embedded/embedded-postgres.js');
    this.#embedded = await embeddedDatabase(this.folder, {
      shared_buffers: `${SHARED_BUFFERS_MB}MB`,
      max_wal_size: '4GB',
      ...settings,
    });
    this.onEnd(() => this.#embedded.release());
    const pid = Number(readFileSync(join(this.folder, 'postgres', 'postmaster.pid'), 'utf8').split('\n')[0]);
    this.#announce('PostgreSQL', pid);
    const { rows } = await (await this.connect()).query('SHOW server_version');
    this.versions.postgresql = rows[0].server_version.split(' ')[0];
  }

  databaseUrl(name = 'signalpost') {
    return Object.assign(new URL(this.#embedded.url), { pathname: `/${name}` }).href;
  }

  async connect(name) {
    const connection = new pg.Client({ connectionString: this.databaseUrl(name) });
    connection.on('error', () => undefined);
    await connection.connect();
    this.onEnd(() => connection.end());
    return connection;
  }

  /** What autovacuum does a minute after a new database has got its first rows: without it, plans are made for none. */
  async analyze() {
    await (this.#analyst ??= await this.connect()).query('ANALYZE');
  }

  /** The built service on the rig's PostgreSQL; `database`: one of its own, made when it is not the usual one. */
  async startService(environment = {}, database = 'signalpost') {
    if (database !== 'signalpost') await (await this.connect()).query(`CREATE DATABASE ${database}`);
    const [port, metricsPort] = [await freePort(), await freePort()];
    const child = spawn(process.execPath, ['dist/src/main.js'], {
      stdio: ['ignore', 'ignore', 'inherit'],
      env: {
        ...process.env,
        NODE_ENV: 'development',
        DATABASE_URL: this.databaseUrl(database),
        DATA_DIR: this.folder,
        PORT: String(port),
        METRICS_PORT: String(metricsPort),
        LOG_LEVEL: 'error',
        // As in the image.
        MALLOC_MMAP_THRESHOLD_: '1048576',
        MALLOC_TRIM_THRESHOLD_: '33554432',
        ...environment,
      },
    });
    this.#own('service', child, 'SIGTERM');
    const origin = `http://127.0.0.1:${port}`;
    const deadline = performance.now() + START_MS;
    while (!(await isReady(origin))) {
      if (performance.now() > deadline || child.exitCode !== null) throw new Error('The service did not start.');
      await sleep(50);
    }
    const [, adminKey] = /"ADMIN_KEYS":\s*"[^":]+:(ak_\w+)/.exec(
      readFileSync(join(this.folder, 'secrets.json'), 'utf8'),
    );
    return { origin, adminKey, pid: child.pid, metrics: () => readMetrics(metricsPort) };
  }

  /** A process of `bench/<file>`, with one question at a time: `ask` sends it and resolves with the next answer. */
  async startProcess(file, environment = {}) {
    const child = fork(new URL(file, import.meta.url), { env: { ...process.env, ...environment } });
    this.#own(file.replace('.mjs', ''), child, 'SIGKILL');
    const next = () =>
      new Promise((resolve, reject) => {
        const onExit = (code) => reject(new Error(`${file} ended with ${code}.`));
        child.once('exit', onExit);
        child.once('message', (answer) => {
          child.off('exit', onExit);
          resolve(answer);
        });
      });
    const started = await next();
    const ask = (question) => {
      const answer = next();
      child.send(question);
      return answer;
    };
    return { ...started, ask, tell: (news) => child.send(news) };
  }

  #own(name, child, signal) {
    const ended = new Promise((resolve) => child.once('exit', resolve));
    this.#announce(name, child.pid);
    this.onEnd(async () => {
      child.kill(signal);
      // A service under a load that has no end is given as long as it gives itself.
      const timer = setTimeout(() => child.kill('SIGKILL'), 20_000);
      await ended;
      clearTimeout(timer);
    });
  }

  #announce(name, pid) {
    // Whoever reads the line may end this process at once; the runner must know by then what to remove.
    process.send?.({ pid });
    console.log(`  ${name}: process ${pid}`);
  }
}

async function readMetrics(port) {
  const text = await (await fetch(`http://127.0.0.1:${port}/metrics`)).text();
  const value = (name) => Number(new RegExp(`^${name} (\\S+)`, 'm').exec(text)?.[1]);
  return {
    cpuMs: value('process_cpu_seconds_total') * 1_000,
    memoryMb: value('process_resident_memory_bytes') / 2 ** 20,
    inFlight: value('dispatcher_in_flight'),
  };
}

async function isReady(origin) {
  try {
    return (await fetch(`${origin}/readyz`)).ok;
  } catch {
    return false;
  }
}

function freePort() {
  return new Promise((resolve) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const { port } = server.address();
      server.close(() => resolve(port));
    });
  });
}
