// Every list and filter over a short and a long history, asked in turn: p50 and p95 through HTTP for the account with
// 60 % of it, and how much slower the long one is. `node bench/history.mjs [--plans] [small large]`, 10,000 and 1,000,000 events.
import pg from 'pg';
import { prepare } from '../scripts/prepare.mjs';
import { temporaryDatabase } from '../scripts/temporary-database.mjs';
import { DAYS, loadHistory, makeMonths } from './history-data.mjs';
import { showPlans } from './history-plans.mjs';
import { client, startService } from './service.mjs';

const ROUNDS = 30;
const sizes = process.argv
  .slice(2)
  .filter((argument) => /^\d+$/.test(argument))
  .map(Number);
const showsPlans = process.argv.includes('--plans');
const ago = (days) => new Date(Date.now() - days * 86_400_000).toISOString();

const CASES = [
  ['events', ''],
  ...['payment.failed', 'payment.*', 'payout.sent', 'payment.none'].map((type) => ['events', `type=${type}`]),
  ['events', 'type=payment.failed&type=collect.expired'],
  ['events', 'operation_id=pay_360'],
  ['events', 'operation_id=none'],
  ['events', 'operation_kind=collect'],
  ['events', 'operation_status=refunded'],
  ['events', 'operation_kind=collect&operation_status=refunded'],
  ...['INV-2026-1201', 'SUBSCRIPTION', 'NONE'].map((reference) => ['events', `reference=${reference}`]),
  ['events', 'external_id=led-24'],
  ['events', 'external_id=none'],
  ...['adjoua', 'zuleika', 'last5', 'nobody'].map((q) => ['events', `q=${q}`]),
  ['events', `created_after=${ago(30)}`],
  ['events', `occurred_before=${ago(200)}`],
  ['events', `occurred_after=${ago(DAYS + 9)}&occurred_before=${ago(DAYS + 5)}`],
  ...['failed', 'skipped', 'cancelled', 'pending', 'succeeded'].map((status) => [
    'events',
    `delivery_status=${status}`,
  ]),
  ['events', 'type=payment.failed&reference=SUBSCRIPTION'],
  ['events', 'operation_kind=payment&q=nobody'],
  ['events', 'q=adjoua%20last5'],
  ['events', 'q=adjoua%20nobody'],
  ['events', 'type=collect.expired&q=zuleika'],
  ['events', 'type=payout.sent&delivery_status=skipped'],
  ['events', 'reference=SUBSCRIPTION&delivery_status=skipped'],
  ['events', 'q=adjoua&operation_status=refunded'],
  ['events', 'type=payment.failed&limit=100', 'deep'],
  ['events', 'operation_kind=payment', 'deep'],
  ['operations', ''],
  ...['kind=collect', 'status=refunded', 'kind=collect&status=refunded'].map((filter) => ['operations', filter]),
  ...['INV-2026-1201', 'SUBSCRIPTION', 'NONE'].map((reference) => ['operations', `reference=${reference}`]),
  ...['adjoua', 'zuleika', 'nobody'].map((q) => ['operations', `q=${q}`]),
  ['operations', `created_before=${ago(200)}`],
  ['operations', 'status=refunded&q=adjoua'],
  ['operations', 'status=succeeded&q=subscription%20zuleika'],
  ['operations', 'status=succeeded&q=adjoua%20nobody'],
  ['operations/pay_360/timeline', ''],
  ['deliveries', ''],
  ['deliveries', 'endpoint_id=@'],
  ['deliveries', 'endpoint_id=@&status=failed'],
  ...['failed', 'skipped', 'cancelled', 'pending', 'succeeded'].map((status) => ['deliveries', `status=${status}`]),
  ['deliveries', 'operation_id=pay_360'],
  ['deliveries', 'operation_id=none'],
];

prepare();
const { decodeId, encodeId, newUuid } = await import('../dist/src/common/ids.js');
const deepCursor = encodeId('evt', newUuid(Date.now() - (DAYS - 90) * 86_400_000));
const opened = [];
try {
  for (const size of sizes.length === 2 ? sizes : [10_000, 1_000_000]) await open(size);
  console.log(`${'list and filters'.padEnd(72)} small p50  p95 | large p50  p95 | ratio p50  p95`);
  for (const [list, filter, place = ''] of CASES) await compare(list, filter, place);
} finally {
  for (const { stop } of opened) await stop();
}

/** Starts a service with a history of its own. */
async function open(size) {
  const { database, folder, stop } = await temporaryDatabase();
  const history = { size };
  history.stop = async () => {
    await history.api?.close();
    await history.service?.stop();
    await history.pool?.end();
    await database.close();
    await stop();
  };
  opened.push(history);
  history.pool = new pg.Pool({ connectionString: database.url, max: 5 });
  history.service = await startService({ DATABASE_URL: database.url, ROLE: 'api', DATABASE_POOL_SIZE: '4' });
  history.api = client(history.service.origin, 1);
  const accounts = [];
  for (let n = 0; n < 5; n++) accounts.push(await makeAccount(history.api, history.service.adminKey));
  history.account = accounts[0];
  const startedMs = Date.now();
  await makeMonths(history.pool);
  await loadHistory(history.pool, accounts, size);
  await history.pool.query('VACUUM ANALYZE');
  console.log(`${size} events in ${folder}: loaded in ${Math.round((Date.now() - startedMs) / 1_000)} s`);
  if (showsPlans) await showPlans(history.pool, accounts[0]);
}

/** Asks both histories in turn, so that what else the machine does weighs on both alike. */
async function compare(list, filter, place) {
  const times = opened.map(() => []);
  // The first rounds plan the statements of a connection, and warm what they read.
  for (let round = -5; round < ROUNDS; round++) {
    for (const [index, history] of opened.entries()) {
      const tookMs = await ask(history, list, filter, place);
      if (round >= 0) times[index].push(tookMs);
    }
  }
  const [small, large] = times.map((taken) => {
    taken.sort((a, b) => a - b);
    return { p50: taken[Math.floor(ROUNDS / 2)], p95: taken[Math.floor(ROUNDS * 0.95)] };
  });
  const numbers = [small, large].map(({ p50, p95 }) => `${p50.toFixed(1).padStart(9)} ${p95.toFixed(1).padStart(5)}`);
  const ratios = [large.p50 / small.p50, large.p95 / small.p95].map((ratio) => ratio.toFixed(2).padStart(6));
  const name = `${list}?${filter} ${place}`.replace(/\d{4}-\d\d-\d\dT[\d:.]+Z/g, '…');
  console.log(`${name.padEnd(72)} ${numbers.join(' | ')} | ${ratios.join('')}`);
}

async function makeAccount(api, adminKey) {
  const { account, keys } = await api.call('POST', '/v1/admin/accounts', adminKey, {
    name: 'History',
    live_publishing: true,
  });
  const { key } = keys.find(({ mode }) => mode === 'live').secret_key;
  const endpoints = [];
  for (let n = 0; n < 2; n++) {
    const url = `https://history.example/${n}`;
    endpoints.push((await api.call('POST', '/v1/webhook-endpoints', key, { url, event_types: ['*'] })).id);
  }
  return {
    id: decodeId('acct', account.id),
    key,
    endpoint: endpoints[1],
    endpoints: endpoints.map((id) => decodeId('we', id)),
  };
}

/** The milliseconds that a request takes. */
async function ask({ api, account }, list, filter, place) {
  const deep = place === 'deep' ? `&starting_after=${deepCursor}` : '';
  const startedMs = performance.now();
  await api.call('GET', `/v1/${list}?${filter.replace('@', account.endpoint)}${deep}`, account.key);
  return performance.now() - startedMs;
}
