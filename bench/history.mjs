// Lists, filters, search, timeline, claim and ingest over a short and a long history, asked in turn: what each costs
// for the account with 60 % of it, and how much more over the long one. `BENCH_PLANS=1` shows the plans of the filters
// of events.
import pg from 'pg';
import { GROUPS } from './history-cases.mjs';
import { DAYS, loadHistory, makeMonths } from './history-data.mjs';
import { showPlans } from './history-plans.mjs';
import { QueueLoop } from './queue-loop.mjs';
import { figure, median, monotonicMs, percentile } from './statistics.mjs';
import { client, publishRequests } from './workload.mjs';

export const title = 'History: what a long past costs';
export const about =
  'Histories of different lengths over thirteen months, each in a database of its own on one server, loaded in bulk; one ' +
  'account has 60 % of everything. Requests are asked of both in turn, one at a time, through HTTP; a value is the mean of ' +
  "its group's cases. Of the worst case alone: the one whose median grew most.";
export const limitedBy = [
  'Each request reads a page by an index; what grows is the depth of the indexes and what of them is in memory.',
  'Search by words: how many months have to be looked at before a page is full, and how many hits a word has, which in a ' +
    'longer history are more; of several words, the rare one alone is looked up.',
];
export const SIZES = {
  smoke: { sizes: [1_000, 5_000], blocks: 2, asks: 2 },
  usual: { sizes: [10_000, 1_000_000], blocks: 5, asks: 8 },
  full: { sizes: [10_000, 1_000_000, 10_000_000], blocks: 5, asks: 8 },
};

const AIM = { of: 'ratio', atMost: 1.3 };
const CLAIMABLE = 500;
const PUBLISHED = 100;

export async function run(rig, { sizes, blocks, asks }) {
  await rig.startDatabase({ maintenance_work_mem: '512MB' });
  const { decodeId, encodeId, newUuid } = await import('../dist/src/common/ids.js');
  const deepCursor = encodeId('evt', newUuid(Date.now() - (DAYS - 90) * 86_400_000));
  const histories = [];
  for (const size of sizes) histories.push(await open(rig, size, decodeId));
  const [small, ...others] = histories;
  const figures = [];
  for (const large of others) {
    const cases = [];
    for (const [group, asked] of Object.entries(GROUPS)) {
      const measured = [];
      for (const one of asked) {
        const ask = (history) => history.ask(one, deepCursor);
        measured.push({
          name: `${one[0]}?${one[1]} ${one[2] ?? ''}`,
          ...(await compare(ask, small, large, blocks, asks)),
        });
      }
      figures.push(...toFigures(group, measured, small, large));
      cases.push(...measured);
    }
    const claim = await compare((history) => history.claim(), small, large, blocks, asks);
    const ingest = await compare((history) => history.publish(), small, large, blocks, asks);
    figures.push(...toFigures(`claim of ${CLAIMABLE}`, [claim], small, large));
    figures.push(...toFigures(`publish of ${PUBLISHED}`, [ingest], small, large));
    const growth = ({ small, large }) => median(large.p50) / median(small.p50);
    cases.sort((a, b) => growth(b) - growth(a));
    for (const one of cases)
      console.log(`  ${growth(one).toFixed(2)} ${median(one.large.p50).toFixed(1)} ms ${one.name}`);
    const name = cases[0].name.replace(/\d{4}-\d\d-\d\dT[\d:.]+Z/g, '…').trim();
    figures.push(toFigures(`what grew most, \`${name}\``, [cases[0]], small, large)[0]);
  }
  return figures;
}

function toFigures(group, measured, small, large) {
  return ['p50', 'p95'].map((share) => {
    const mean = (which) =>
      measured[0][which][share].map(
        (_, block) => measured.reduce((sum, one) => sum + one[which][share][block], 0) / measured.length,
      );
    return figure({
      ...{
        name: `${group}, ${share}, ${millions(large.size)}`,
        unit: 'ms',
        digits: 2,
        rounds: mean('large'),
        aims: [AIM],
      },
      limit: { name: millions(small.size), rounds: mean('small') },
    });
  });
}

function millions(size) {
  return `${size.toLocaleString('en-US')} events`;
}

/** `{small: {p50, p95}, large: {p50, p95}}` in milliseconds, one value a block. */
async function compare(ask, small, large, blocks, asks) {
  const result = { small: { p50: [], p95: [] }, large: { p50: [], p95: [] } };
  // The first block plans the statements of a connection, and warms what they read.
  for (let block = -1; block < blocks; block++) {
    const times = { small: [], large: [] };
    for (let n = 0; n < asks; n++) {
      times.small.push(await ask(small));
      times.large.push(await ask(large));
    }
    if (block < 0) continue;
    for (const [name, taken] of Object.entries(times)) {
      result[name].p50.push(median(taken));
      result[name].p95.push(percentile(taken, 0.95));
    }
  }
  return result;
}

/** A service with a history of its own. */
async function open(rig, size, decodeId) {
  const name = `history_${size}`;
  const service = await rig.startService({ ROLE: 'api', DATABASE_POOL_SIZE: '4' }, name);
  const pool = new pg.Pool({ connectionString: rig.databaseUrl(name), max: 5 });
  const api = client(service.origin, 1);
  rig.onEnd(() => Promise.all([pool.end(), api.close()]));
  const accounts = [];
  for (let n = 0; n < 5; n++) accounts.push(await makeAccount(api, service.adminKey, decodeId));
  const [account] = accounts;
  const startedMs = performance.now();
  await makeMonths(pool);
  await loadHistory(pool, accounts, size);
  await pool.query('VACUUM ANALYZE');
  console.log(`  ${millions(size)} loaded in ${Math.round((performance.now() - startedMs) / 1_000)} s`);
  if (process.env.BENCH_PLANS) await showPlans(pool, account);
  const timed = async (work) => {
    const beginMs = monotonicMs();
    await work();
    return monotonicMs() - beginMs;
  };
  const publish = async (count) => {
    const [{ path, key, body }] = publishRequests([account], count, count);
    return timed(() => api.request('POST', path, key, body));
  };
  const lanes = account.endpoints.map((endpoint) => [account.id, 'live', endpoint]);
  const queue = await QueueLoop.open(await rig.connect(name), lanes);
  await publish(CLAIMABLE);
  return {
    size,
    ask: ([list, filter, place], cursor) => {
      const deep = place === 'deep' ? `&starting_after=${cursor}` : '';
      return timed(() =>
        api.request('GET', `/v1/${list}?${filter.replace('@', account.endpoint)}${deep}`, account.key),
      );
    },
    claim: () => timed(() => queue.claim()),
    publish: () => publish(PUBLISHED),
  };
}

async function makeAccount(api, adminKey, decodeId) {
  const input = { name: 'History', live_publishing: true };
  const { account, keys } = await api.call('POST', '/v1/admin/accounts', adminKey, input);
  const { key } = keys.find(({ mode }) => mode === 'live').secret_key;
  const endpoints = [];
  for (let n = 0; n < 2; n++) {
    const url = `https://history.example/${n}`;
    endpoints.push((await api.call('POST', '/v1/webhook-endpoints', key, { url, event_types: ['*'] })).id);
  }
  const uuids = endpoints.map((id) => decodeId('we', id));
  return { id: decodeId('acct', account.id), key, endpoint: endpoints[1], endpoints: uuids };
}
