// What keys cost: CPU to verify one that the process remembers, and one that it meets for the first time; and what a
// flood of bad keys does to a good one's latency.
import { performance } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';
import { Pool } from 'undici';
import { figure, percentile } from './statistics.mjs';
import { makeAccounts } from './workload.mjs';

export const title = 'Keys: verification, and a flood of bad ones';
export const about =
  'Verification is measured in CPU time, through the object that the guard calls. The flood comes from a process of its own: ' +
  'malformed keys, wrong checksums, unknown ones, and right ones with a wrong secret; good requests are sent at their times.';
export const limitedBy = [
  'A new key: argon2id, which is meant to cost.',
  'The flood: what a bad key costs, until its address is turned away.',
];
export const SIZES = {
  smoke: { rounds: 2, warmCalls: 5_000, coldKeys: 3, phaseMs: 500 },
  usual: { rounds: 5, warmCalls: 200_000, coldKeys: 20, phaseMs: 5_000 },
};

const GOOD_PER_SECOND = 100;
const BAD_PER_SECOND = 500;

export async function run(rig, size) {
  await rig.startDatabase();
  const service = await rig.startService();
  return [...(await measureVerification(rig, service, size)), ...(await measureFlood(rig, service, size))];
}

/** In this process, on the service's database, through the very object that the guard calls. */
async function measureVerification(rig, service, { rounds, warmCalls, coldKeys }) {
  const { createApp } = await import('../dist/src/create-app.js');
  const { createDataSource } = await import('../dist/src/database/data-source.js');
  const { loadConfig } = await import('../dist/src/config/load-config.js');
  const { createLogger } = await import('../dist/src/common/logging.js');
  const { Authenticator } = await import('../dist/src/auth/verification/authenticator.js');
  const { ENTITIES } = await import('../dist/src/entities.js');
  const environment = { ROLE: 'api', DATA_DIR: rig.folder, METRICS_PORT: '0', DATABASE_URL: rig.databaseUrl() };
  const config = loadConfig(environment);
  const dataSource = await createDataSource(config, config.databaseUrl, ENTITIES).initialize();
  const app = await createApp(config, dataSource, createLogger({ level: 'silent' }));
  try {
    await app.init();
    const keys = (await makeAccounts(service, coldKeys, 0, 0)).map(({ key }) => key);
    const authenticator = app.get(Authenticator, { strict: false });
    const verify = (key) => authenticator.authenticate({ authorization: `Bearer ${key}`, ip: '203.0.113.9' });
    const cold = [];
    for (const key of keys) cold.push((await cpuMicrosOf(() => verify(key))) / 1_000);
    const warm = [];
    for (let round = -1; round < rounds; round++) {
      const micros = await cpuMicrosOf(() => {
        for (let i = 0; i < warmCalls; i++) verify(keys[i % keys.length]);
      });
      if (round >= 0) warm.push(micros / warmCalls);
    }
    return [
      figure({
        ...{ name: 'a key that is remembered', unit: 'µs of CPU', digits: 1, rounds: warm, isTimed: false },
        aims: [{ of: 'value', atMost: 20 }],
      }),
      figure({ name: 'a key met for the first time', unit: 'ms of CPU', digits: 1, rounds: cold, isTimed: false }),
    ];
  } finally {
    await app.close();
    if (dataSource.isInitialized) await dataSource.destroy();
  }
}

/** Good requests alone and beside the flood, in turn. */
async function measureFlood(rig, service, { rounds, phaseMs }) {
  const flood = await rig.startProcess('bad-keys.mjs');
  const [{ key }] = await makeAccounts(service, 1, 0, 0);
  const good = () => measureGood(service.origin, key, (GOOD_PER_SECOND * phaseMs) / 1_000);
  const cpuMs = async () => (await service.metrics()).cpuMs;
  await good();
  const measured = { quiet: [], flooded: [], goodMicros: [], badMicros: [], refused: [] };
  for (let round = 0; round < rounds; round++) {
    const beginMs = await cpuMs();
    measured.quiet.push(await good());
    const quietMs = (await cpuMs()) - beginMs;
    const question = { origin: service.origin, key, perSecond: BAD_PER_SECOND, durationMs: phaseMs + phaseMs / 5 };
    const answered = flood.ask(question);
    await sleep(phaseMs / 10);
    measured.flooded.push(await good());
    const { refused, limited } = await answered;
    const floodedMs = (await cpuMs()) - beginMs - quietMs;
    measured.goodMicros.push((quietMs * 1_000) / ((GOOD_PER_SECOND * phaseMs) / 1_000));
    measured.badMicros.push(((floodedMs - quietMs) * 1_000) / (refused + limited));
    measured.refused.push(refused / (refused + limited));
  }
  return [
    figure({
      ...{ name: `p99 beside ${BAD_PER_SECOND} bad keys/s`, unit: 'ms', digits: 2, rounds: measured.flooded },
      limit: { name: 'without them', rounds: measured.quiet },
      aims: [{ of: 'ratio', atMost: 2 }],
    }),
    figure({
      ...{ name: 'a bad key', unit: 'µs of CPU', rounds: measured.badMicros, isTimed: false },
      limit: { name: 'a good request', rounds: measured.goodMicros },
    }),
    figure({
      ...{ name: 'bad keys looked at (the others: 429)', unit: 'of all', digits: 2, rounds: measured.refused },
      isTimed: false,
    }),
  ];
}

/** The p99 of requests that are sent at their time, whatever the ones before them do. */
async function measureGood(origin, key, requests) {
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
  for (let number = 0; number < requests; number++) {
    const dueMs = begin + (number * 1_000) / GOOD_PER_SECOND;
    if (dueMs > performance.now()) await sleep(dueMs - performance.now());
    sent.push(send());
  }
  await Promise.all(sent);
  await pool.close();
  return percentile(latencies, 0.99);
}

async function cpuMicrosOf(work) {
  const begin = process.cpuUsage();
  await work();
  const { user, system } = process.cpuUsage(begin);
  return user + system;
}
