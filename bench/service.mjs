// The service as a bench meets it: a process of its own on its own embedded PostgreSQL (fsync on), a receiver in another.
import { fork, spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Pool } from 'undici';

const START_MS = 60_000;

/** Starts the built service in a folder of its own; `stop` ends it and removes the folder, also on a signal. */
export async function startService(environment = {}) {
  const folder = mkdtempSync(join(tmpdir(), 'signalpost-bench-'));
  const [port, metricsPort] = [await freePort(), await freePort()];
  const child = spawn(process.execPath, ['dist/src/main.js'], {
    stdio: ['ignore', 'ignore', 'inherit'],
    env: {
      ...process.env,
      ...{
        DATABASE_URL: '',
        DATA_DIR: folder,
        PORT: String(port),
        METRICS_PORT: String(metricsPort),
        LOG_LEVEL: 'error',
      },
      ...environment,
    },
  });
  const ended = new Promise((resolve) => child.once('exit', resolve));
  const stop = async () => {
    child.kill('SIGTERM');
    await ended;
    rmSync(folder, { recursive: true, force: true });
  };
  for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => void stop().finally(() => process.exit(130)));
  const origin = `http://127.0.0.1:${port}`;
  const deadline = Date.now() + START_MS;
  while (!(await isReady(origin))) {
    if (Date.now() > deadline || child.exitCode !== null) throw new Error('The service did not start.');
    await sleep(100);
  }
  const [, adminKey] = /"ADMIN_KEYS":\s*"[^":]+:(ak_\w+)/.exec(readFileSync(join(folder, 'secrets.json'), 'utf8'));
  return { origin, metricsPort, adminKey, stop, pid: child.pid };
}

/** A JSON client with `connections` keep-alive connections. */
export function client(origin, connections) {
  const pool = new Pool(origin, { connections, pipelining: 1 });
  return {
    async call(method, path, key, body) {
      const response = await pool.request({
        method,
        path,
        headers: { authorization: `Bearer ${key}`, ...(body && { 'content-type': 'application/json' }) },
        body: body && JSON.stringify(body),
      });
      const text = await response.body.text();
      if (response.statusCode >= 400)
        throw new Error(`${method} ${path}: ${response.statusCode} ${text.slice(0, 300)}`);
      return JSON.parse(text);
    },
    close: () => pool.close(),
  };
}

export async function startSink() {
  const child = fork(new URL('sink.mjs', import.meta.url));
  const { port } = await message(child, ({ port }) => port !== undefined);
  return {
    port,
    reset: () => child.send({ reset: true }),
    /** When the `count`th request since the reset came, in milliseconds since 1970. */
    async reached(count) {
      child.send({ waitFor: count });
      return (await message(child, ({ reached }) => reached !== undefined)).at;
    },
    stop: () => child.kill(),
  };
}

function message(child, wanted) {
  return new Promise((resolve) => {
    const listener = (value) => {
      if (!wanted(value)) return;
      child.off('message', listener);
      resolve(value);
    };
    child.on('message', listener);
  });
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
