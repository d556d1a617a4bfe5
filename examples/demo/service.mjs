import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { once } from 'node:events';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

const START_TIMEOUT_MS = 60_000;
/** The service ends within 20 s by itself. */
const STOP_TIMEOUT_MS = 25_000;

/**
 * The service to try, as `{url, adminKey}`: the one at SIGNALPOST_URL; else the one of this folder that runs on PORT;
 * else one of its own, on a database of its own, which `onEnd` steps stop and delete.
 */
export async function openService(signal, onEnd) {
  if (existsSync('.env')) process.loadEnvFile('.env');
  const given = process.env.SIGNALPOST_URL?.replace(/\/+$/, '');
  const adminKey = findAdminKey(process.env.DATA_DIR || '.signalpost');
  if (given) {
    if (adminKey === null) throw new Error('SIGNALPOST_URL needs ADMIN_KEYS (name:ak_…) with a key of that service.');
    console.log(`Using the service at ${given}.`);
    return { url: given, adminKey };
  }
  const local = `http://127.0.0.1:${process.env.PORT || 3_000}`;
  if (adminKey !== null && (await takesKey(local, adminKey))) {
    console.log(`Using the service that runs at ${local}.`);
    return { url: local, adminKey };
  }
  return startService(signal, onEnd);
}

/** From ADMIN_KEYS, else from what a development service keeps in its folder; null: none. */
function findAdminKey(dataDir) {
  const found = process.env.ADMIN_KEYS || keptAdminKeys(dataDir);
  return /ak_[0-9A-Za-z]{48}/.exec(found ?? '')?.[0] ?? null;
}

function keptAdminKeys(dataDir) {
  try {
    return JSON.parse(readFileSync(join(dataDir, 'secrets.json'), 'utf8')).ADMIN_KEYS;
  } catch {
    return null;
  }
}

async function takesKey(url, adminKey) {
  const headers = { authorization: `Bearer ${adminKey}` };
  const answer = await fetch(`${url}/v1/admin/accounts?limit=1`, { headers, signal: AbortSignal.timeout(5_000) }).catch(
    () => null,
  );
  return answer?.status === 200;
}

async function startService(signal, onEnd) {
  const folder = mkdtempSync(join(tmpdir(), 'signalpost-demo-'));
  onEnd(async () => rmSync(folder, { recursive: true, force: true, maxRetries: 5 }));
  const port = await freePort();
  console.log('No service is running here: starting one of its own, in a temporary folder.');
  const child = spawn(process.execPath, [fileURLToPath(new URL('../../dist/src/main.js', import.meta.url))], {
    // Neither a .env file nor a variable meant for another service may lead this one to another database.
    cwd: folder,
    env: { ...process.env, ...OWN_SETTINGS, DATA_DIR: folder, PORT: String(port) },
    stdio: ['ignore', 'ignore', 'pipe'],
    // Ctrl-C is for this process alone, which then stops the service in order.
    detached: true,
  });
  let lastWords = '';
  child.stderr.setEncoding('utf8').on('data', (text) => (lastWords = (lastWords + text).slice(-2_000)));
  onEnd(() => endChild(child));
  const url = `http://127.0.0.1:${port}`;
  for (
    const endMs = performance.now() + START_TIMEOUT_MS;
    performance.now() < endMs;
    await wait(100, null, { signal })
  ) {
    if (child.exitCode !== null) throw new Error(`the service did not start: ${lastWords.trim()}`);
    const answer = await fetch(`${url}/readyz`, { signal: AbortSignal.timeout(5_000) }).catch(() => null);
    if (answer?.ok) return { url, adminKey: findAdminKeyOf(folder) };
  }
  throw new Error(`the service was not ready within ${START_TIMEOUT_MS / 1_000} s. ${lastWords.trim()}`);
}

const OWN_SETTINGS = {
  NODE_ENV: 'development',
  ROLE: 'all',
  HOST: '127.0.0.1',
  METRICS_PORT: '0',
  PUBLIC_URL: '',
  DATABASE_URL: '',
  ADMIN_KEYS: '',
  ENCRYPTION_KEYS: '',
  KEY_PEPPERS: '',
  WEBHOOK_ALLOWED_PRIVATE_CIDRS: '127.0.0.0/8,::1/128',
  RATE_LIMIT_PER_SECOND: '0',
  RETENTION_DAYS: '',
  LOG_LEVEL: 'warn',
};

function findAdminKeyOf(folder) {
  return /ak_[0-9A-Za-z]{48}/.exec(keptAdminKeys(folder))[0];
}

async function freePort() {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address();
  server.close();
  await once(server, 'close');
  return port;
}

async function endChild(child) {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exited = once(child, 'exit');
  child.kill('SIGTERM');
  const timer = setTimeout(() => child.kill('SIGKILL'), STOP_TIMEOUT_MS);
  await exited;
  clearTimeout(timer);
}
