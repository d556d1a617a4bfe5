// Publishes a second, one by one and in batches, beside a bare Fastify + INSERT of the same bytes on the same server in
// the same run, turn by turn: medians of `ROUNDS` rounds, their spread, the ratio of the two, and SQL statements an event.
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { Logger } from '@nestjs/common';
import pg from 'pg';
import { embeddedDatabase } from '../dist/src/database/embedded/embedded-postgres.js';
import { client, startService, startSink } from './service.mjs';
import { event, makeAccounts, median, now, perSecond } from './workload.mjs';

const ACCOUNTS = 10;
const ROUNDS = Number(process.env.BENCH_ROUNDS ?? 5);
const SETTINGS = { shared_preload_libraries: 'pg_stat_statements' };
const CASES = [
  { name: 'single, 64 connections, no endpoint', fanOut: 0, batch: 1, events: 6_000, connections: 64 },
  { name: 'single, 64 connections, delivered', fanOut: 1, batch: 1, events: 6_000, connections: 64 },
  { name: 'batches of 100, no endpoint', fanOut: 0, batch: 100, events: 10_000, connections: 4 },
  { name: 'batches of 1,000, no endpoint', fanOut: 0, batch: 1_000, events: 10_000, connections: 4 },
];

Logger.overrideLogger(['error', 'fatal']);
const folder = mkdtempSync(join(tmpdir(), 'signalpost-bench-'));
const database = await embeddedDatabase(folder, SETTINGS);
const sink = await startSink();
const service = await startService({
  DATABASE_URL: database.url,
  ENDPOINT_CONCURRENCY: '64',
  DISPATCH_CONCURRENCY: '512',
});
const bare = fork(new URL('bare.mjs', import.meta.url), { env: { ...process.env, DATABASE_URL: database.url } });
const observer = new pg.Client({ connectionString: database.url });
try {
  const [{ port: barePort }] = await once(bare, 'message');
  await observer.connect();
  await observer.query('CREATE EXTENSION IF NOT EXISTS pg_stat_statements');
  console.log(`${cpus().length} × ${cpus()[0].model.trim()}, Node ${process.versions.node}, ${ROUNDS} rounds`);
  for (const bench of CASES) await compare(bench, `http://127.0.0.1:${barePort}`);
} finally {
  await observer.end();
  bare.disconnect();
  sink.stop();
  await service.stop();
  await database.release();
  rmSync(folder, { recursive: true, force: true });
}

async function compare(bench, bareOrigin) {
  const api = client(service.origin, 1);
  const keys = await makeAccounts(api, service.adminKey, ACCOUNTS, bench.fanOut, sink.port);
  await api.close();
  const warm = { ...bench, events: bench.events / 4 };
  await round(warm, service.origin, keys);
  await round({ ...warm, fanOut: 0 }, bareOrigin, keys);
  const [ours, theirs] = [[], []];
  for (let i = 0; i < ROUNDS; i++) {
    ours.push(await round(bench, service.origin, keys));
    theirs.push(await round({ ...bench, fanOut: 0 }, bareOrigin, keys));
  }
  const published = median(ours.map((one) => one.published));
  const done = median(ours.map((one) => one.done));
  const plain = median(theirs.map((one) => one.done));
  const ratio = median(ours.map((one, i) => one.done / theirs[i].done));
  const statements = median(ours.map((one) => one.statements)).middle / bench.events;
  const delivered = bench.fanOut > 0 ? `, ${done.middle} delivered/s` : '';
  console.log(
    `${bench.name}: ${published.middle} published/s (spread ${published.spread} %)${delivered}; bare ${plain.middle}/s ` +
      `(spread ${plain.spread} %); ratio ${ratio.middle.toFixed(2)}; ${statements.toFixed(3)} statements an event`,
  );
}

/** `done`: until everything was received and acknowledged by the sink, when somebody is to receive it. */
async function round({ fanOut, batch, connections, events }, origin, keys) {
  sink.reset();
  const api = client(origin, connections);
  const before = await countStatements();
  const begin = now();
  let next = 0;
  const publish = async () => {
    while (next < events) {
      const first = next;
      next += batch;
      const key = keys[(first / batch) % keys.length];
      if (batch === 1) await api.call('POST', '/v1/events', key, event());
      else await api.call('POST', '/v1/events/batch', key, { events: Array.from({ length: batch }, event) });
    }
  };
  await Promise.all(Array.from({ length: connections }, publish));
  const publishedAt = now();
  const doneAt = fanOut === 0 ? publishedAt : await sink.reached(events * fanOut);
  const statements = (await countStatements()) - before;
  await api.close();
  return { published: perSecond(events, publishedAt - begin), done: perSecond(events, doneAt - begin), statements };
}

/** What clients asked for so far: a function counts as the one statement that called it. */
async function countStatements() {
  const { rows } = await observer.query('SELECT sum(calls)::float8 AS calls FROM pg_stat_statements WHERE toplevel');
  return rows[0].calls;
}
