// What keys cost: CPU to verify one that the process remembers, and one that it meets for the first time; and what a
// flood of bad keys does to a good one's latency. Ratios and CPU time count: wall-clock figures are of a busy machine.
import { fork } from 'node:child_process';
import { cpus } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { Logger } from '@nestjs/common';
import { Pool } from 'undici';
import { temporaryDatabase } from '../scripts/temporary-database.mjs';
import { client, startService } from './service.mjs';

const ROUNDS = 5;
const WARM_CALLS = 200_000;
const COLD_KEYS = 20;
const GOOD_PER_SECOND = 100;
const BAD_PER_SECOND = 500;
const PHASE_MS = 5_000;
const REQUESTS = (GOOD_PER_SECOND * PHASE_MS) / 1_000;

Logger.overrideLogger(['error', 'fatal']);
console.log(`${cpus().length} × ${cpus()[0].model.trim()}, Node ${process.versions.node}`);
await benchVerification();
await benchFlood();

/** In this process, through the very object that the guard calls. */
async function benchVerification() {
  const { createApp } = await import('../dist/src/create-app.js');
  const { createDataSource } = await import('../dist/src/database/data-source.js');
  const { loadConfig } = await import('../dist/src/config/load-config.js');
  const { createLogger } = await import('../dist/src/common/logging.js');
  const { Authenticator } = await import('../dist/src/auth/verification/authenticator.js');
  const { ENTITIES } = await import('../dist/src/entities.js');
  const { database, folder, serverUrl, run, stop } = await temporaryDatabase(ENTITIES);
  const DATABASE_URL = Object.assign(new URL(serverUrl), { pathname: `/${run}_template` }).href;
  const environment = { NODE_ENV: 'test', ROLE: 'api', DATA_DIR: folder, METRICS_PORT: '0', DATABASE_URL };
  const config = loadConfig(environment);
  const dataSource = await createDataSource(config, config.databaseUrl, ENTITIES).initialize();
  const app = await createApp(config, dataSource, createLogger({ level: 'silent' }));
  try {
    await app.listen(0, '127.0.0.1');
    const keys = await makeSecretKeys(await app.getUrl(), config.adminKeys[0].key, COLD_KEYS);
    const authenticator = app.get(Authenticator, { strict: false });
    const verify = (key) => authenticator.authenticate({ authorization: `Bearer ${key}`, ip: '203.0.113.9' });
    const cold = [];
    for (const key of keys) cold.push(await cpuMicrosOf(() => verify(key)));
    const warm = [];
    for (let round = 0; round < ROUNDS; round++) {
      const micros = await cpuMicrosOf(() => {
        for (let i = 0; i < WARM_CALLS; i++) verify(keys[i % keys.length]);
      });
      warm.push(micros / WARM_CALLS);
    }
    console.log(`a key that is remembered: ${median(warm).toFixed(1)} µs of CPU (aim: 20)`);
    console.log(`a key met for the first time: ${(median(cold) / 1_000).toFixed(1)} ms of CPU, argon2id and look-up`);
  } finally {
    await app.close();
    if (dataSource.isInitialized) await dataSource.destroy();
    await database.close();
    await stop();
  }
}

/** A service of its own; the flood comes from another process, half of it with keys that have to be looked up. */
async function benchFlood() {
  const service = await startService();
  const flood = fork(new URL('bad-keys.mjs', import.meta.url));
  try {
    const [key] = await makeSecretKeys(service.origin, service.adminKey, 1);
    await measureGood(service.origin, key);
    const ratios = [];
    const shown = [];
    const costs = [];
    for (let round = 0; round < ROUNDS; round++) {
      const idleMs = await cpuMsOf(service);
      const quiet = await measureGood(service.origin, key);
      const quietMs = await cpuMsOf(service);
      flood.send({ origin: service.origin, key, perSecond: BAD_PER_SECOND, durationMs: PHASE_MS + 1_000 });
      await sleep(500);
      const flooded = await measureGood(service.origin, key);
      const { refused, limited } = await new Promise((resolve) => flood.once('message', resolve));
      const floodedMs = await cpuMsOf(service);
      ratios.push(flooded.p99 / quiet.p99);
      shown.push({ quiet, flooded, refused, limited });
      const goodMs = quietMs - idleMs;
      costs.push({
        good: (goodMs * 1_000) / REQUESTS,
        bad: ((floodedMs - quietMs - goodMs) * 1_000) / (refused + limited),
      });
    }
    const { quiet, flooded, refused, limited } = shown[ratios.indexOf(median(ratios))];
    console.log(
      `${GOOD_PER_SECOND} good requests/s beside ${BAD_PER_SECOND} bad keys/s: p99 ${flooded.p99.toFixed(1)} ms, ` +
        `without them ${quiet.p99.toFixed(1)} ms: ${median(ratios).toFixed(2)} times (aim: 2; rounds ` +
        `${ratios.map((ratio) => ratio.toFixed(2)).join(', ')})`,
    );
    const [good, bad] = ['good', 'bad'].map((name) => median(costs.map((cost) => cost[name])));
    console.log(`CPU of the service: ${good.toFixed(0)} µs a good request, ${bad.toFixed(0)} µs a bad key`);
    console.log(`of the bad keys ${refused} were refused (401) and ${limited} turned away before any look-up (429)`);
  } finally {
    flood.kill();
    await service.stop();
  }
}

async function makeSecretKeys(origin, adminKey, count) {
  const api = client(origin, 2);
  const keys = [];
  while (keys.length < count) {
    const made = await api.call('POST', '/v1/admin/accounts', adminKey, { name: 'Bench' });
    keys.push(...made.keys.map(({ secret_key }) => secret_key.key));
  }
  await api.close();
  return keys.slice(0, count);
}

/** Latencies of requests that are sent at their time, whatever the ones before them do. */
async function measureGood(origin, key) {
  const pool = new Pool(origin, { connections: 16, pipelining: 1 });
  const headers = { authorization: `Bearer ${key}` };
  const latencies = [];
  const send = async () => {
    const begin = performance.now();
    const { statusCode, body } = await pool.request({ method: 'GET', path: '/v1/account', headers });
    await body.dump();
    if (statusCode !== 200) throw new Error(`A good key got ${statusCode}.`);
    latencies.push(performance.now() - begin);
  };
  const begin = performance.now();
  const sent = [];
  for (let number = 0; number < REQUESTS; number++) {
    const dueMs = begin + (number * 1_000) / GOOD_PER_SECOND;
    if (dueMs > performance.now()) await sleep(dueMs - performance.now());
    sent.push(send());
  }
  await Promise.all(sent);
  await pool.close();
  latencies.sort((a, b) => a - b);
  return { p50: latencies[Math.floor(latencies.length / 2)], p99: latencies[Math.ceil(latencies.length * 0.99) - 1] };
}

/** What the service's process has used so far, which no other process on the machine changes. */
async function cpuMsOf({ metricsPort }) {
  const text = await (await fetch(`http://127.0.0.1:${metricsPort}/metrics`)).text();
  return Number(/^process_cpu_seconds_total (\S+)/m.exec(text)[1]) * 1_000;
}

async function cpuMicrosOf(work) {
  const begin = process.cpuUsage();
  await work();
  const { user, system } = process.cpuUsage(begin);
  return user + system;
}

function median(values) {
  return [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)];
}
