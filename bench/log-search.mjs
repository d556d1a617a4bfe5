// Searching logs: p50 and p95, in milliseconds over HTTP, of each kind of question at 10 k, 1 M and 10 M logs of a
// year, and what the word index costs publishing. 10 M takes several minutes and 10 GB of disk:
// `LOGS=10000,1000000,10000000 npm run bench -- log-search`; without LOGS it stops at 1 M.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { Pool } from 'undici';
import { embeddedDatabase } from '../dist/src/database/embedded/embedded-postgres.js';
import { decodeId, encodeId } from '../dist/src/common/ids.js';
import { loadLogs } from './log-rows.mjs';
import { client, startService } from './service.mjs';

const SIZES = (process.env.LOGS ?? '10000,1000000').split(',').map(Number);
const ACCOUNTS = 10;
const RUNS = 21;
const YEAR_MS = 365 * 86_400_000;
const PUBLISH_ROUNDS = 5;
const PUBLISH_EVENTS = 6_000;
const BATCH = 500;

const folder = mkdtempSync(join(tmpdir(), 'signalpost-bench-logs-'));
const database = await embeddedDatabase(folder, { shared_buffers: '1GB', max_wal_size: '4GB' });
const sql = new pg.Client(database.url);
let service;
try {
  service = await startService({ DATABASE_URL: database.url });
  await sql.connect();
  const api = client(service.origin, 1);
  const accounts = [];
  const keys = [];
  for (let n = 0; n < ACCOUNTS; n += 1) {
    const made = await api.call('POST', '/v1/admin/accounts', service.adminKey, { name: `Bench ${n}` });
    accounts.push(made.account.id);
    keys.push(made.keys[0].secret_key.key);
  }
  await api.close();
  await benchPublishing(keys);
  for (const size of SIZES) await benchSearching(accounts, size);
} finally {
  await sql.end();
  await service?.stop();
  await database.release();
  rmSync(folder, { recursive: true, force: true });
}

async function benchSearching(accounts, size) {
  const uuids = accounts.map((id) => decodeId('acct', id));
  const startedMs = performance.now();
  await loadLogs(sql, uuids, size);
  console.log(`\n${size} logs (loaded in ${Math.round((performance.now() - startedMs) / 1_000)} s), account with 60 %`);
  console.log('question'.padEnd(58), '  p50', '  p95');
  const pool = new Pool(service.origin, { connections: 1, pipelining: 1 });
  const headers = {
    authorization: `Bearer ${service.adminKey}`,
    'signalpost-account': accounts[0],
    'signalpost-mode': 'live',
  };
  for (const [name, questionOf] of questions(size, uuids[0])) {
    const times = [];
    for (let run = -3; run < RUNS; run += 1) {
      const path = `/v1/logs?${new URLSearchParams(questionOf(run + 3))}`;
      const begin = performance.now();
      const response = await pool.request({ method: 'GET', path, headers });
      const text = await response.body.text();
      if (response.statusCode !== 200) throw new Error(`${path}: ${response.statusCode} ${text.slice(0, 200)}`);
      // The first runs plan the statements of their connections.
      if (run >= 0) times.push(performance.now() - begin);
    }
    times.sort((a, b) => a - b);
    console.log(name.padEnd(58), ...[0.5, 0.95].map((share) => times[Math.floor(share * RUNS)].toFixed(1).padStart(6)));
  }
  await pool.close();
}

/** By name: the parameters of the nth run. `log-rows.mjs` says what is in the logs. */
function questions(size, account) {
  const at = (share) => new Date(Date.now() - (1 - share) * YEAR_MS).toISOString();
  const spread = (n) => (Math.floor(((n * 7 + 1) / 180) * size) * 10) / 10;
  const narrow = { created_after: at(0.7), created_before: at(0.7003) };
  const words = [
    ['unique word', (n) => ({ q: `${spread(n)}` })],
    ['rare word', () => ({ q: 'rarely' })],
    ['word in half of them', () => ({ q: 'succeeded' })],
    ['word in nearly all', () => ({ q: 'payment' })],
    ['prefix of 11 %', (n) => ({ q: `tag${1 + (n % 9)}` })],
    ['prefix of 1 %', (n) => ({ q: `tag${10 + n}` })],
    ['prefix of one letter', () => ({ q: 't' })],
    ['absent word', (n) => ({ q: `absent${n}` })],
    ['frequent and rare word', () => ({ q: 'payment rarely' })],
    ['two frequent words that never meet', () => ({ q: 'pending succeeded' })],
  ];
  const filters = [
    ['status=failed (2 %)', () => ({ status: 'failed' })],
    ['status=info (none)', () => ({ status: 'info' })],
    ['category=key (none)', () => ({ category: 'key' })],
    ['action, once in 50,000, old', () => ({ action: 'delivery.exhausted' })],
    ['action that is absent', () => ({ action: 'payment.lost' })],
    ['endpoint', (n) => ({ endpoint_id: encodeId('we', `019a4b00-0000-7000-8000-00000000000${n % 3}`) })],
    [
      'endpoint that is absent',
      (n) => ({ endpoint_id: encodeId('we', `019a4b00-0000-7000-8000-0000000001${10 + n}`) }),
    ],
    ['key', () => ({ api_key_id: encodeId('key', account) })],
    ['key that is absent', (n) => ({ api_key_id: encodeId('key', `019a4b00-0000-7000-8000-0000000001${10 + n}`) })],
    ['request that is absent', (n) => ({ request_id: `req_absent_${n}` })],
    ['two days by occurred_at, old', (n) => ({ occurred_after: at(0.2), occurred_before: at(0.2055 + n / 1e6) })],
  ];
  return [
    ...words,
    ...words.map(([name, of]) => [`${name}, two hours`, (n) => ({ ...of(n), ...narrow })]),
    ...words.map(([name, of]) => [`${name}, status=failed`, (n) => ({ ...of(n), status: 'failed' })]),
    ...words.map(([name, of]) => [`${name}, action that is absent`, (n) => ({ ...of(n), action: 'payment.lost' })]),
    ...filters,
    ['word of the old half only', () => ({ q: 'ancient' })],
    ['word of the old half only, status=failed', () => ({ q: 'ancient', status: 'failed' })],
  ];
}

/** The same batches with and without the index, in turn, while its upkeep runs. */
async function benchPublishing(keys) {
  const { rows } = await sql.query(`SELECT pg_get_indexdef('signalpost.logs_by_word'::regclass) AS definition`);
  const api = client(service.origin, 4);
  const rates = { with: [], without: [] };
  let serial = 0;
  const round = async () => {
    let next = 0;
    const begin = performance.now();
    const publish = async () => {
      while (next < PUBLISH_EVENTS) {
        next += BATCH;
        const events = Array.from({ length: BATCH }, () => event((serial += 1)));
        await api.call('POST', '/v1/events/batch', keys[serial % keys.length], { events });
      }
    };
    await Promise.all(Array.from({ length: 4 }, publish));
    return Math.round((PUBLISH_EVENTS / (performance.now() - begin)) * 1_000);
  };
  await round();
  for (let n = 0; n < PUBLISH_ROUNDS; n += 1) {
    rates.with.push(await round());
    await sql.query('DROP INDEX signalpost.logs_by_word');
    rates.without.push(await round());
    await sql.query(rows[0].definition.replace(' ON ONLY ', ' ON '));
  }
  await api.close();
  const [withIndex, without] = [rates.with, rates.without].map((all) => all.sort((a, b) => a - b)[PUBLISH_ROUNDS >> 1]);
  console.log(
    `publishing in batches of ${BATCH}: ${withIndex} events/s with the word index of logs, ${without} without`,
  );
}

function event(number) {
  return {
    type: number % 2 ? 'payment.pending' : 'payment.succeeded',
    operation: { id: `pay_${Math.ceil(number / 2)}`, amount: 2500, currency: 'XOF', reference: `INV-2026-${number}` },
  };
}
