// Searching the logs of a year: what each kind of question costs in a short and in a long past, and what the word index
// costs publishing.
import { loadLogs } from './log-rows.mjs';
import { figure, median, percentile, perSecond } from './statistics.mjs';
import { client, makeAccounts, publish, publishRequests } from './workload.mjs';

export const title = 'Log search: words and filters over a year';
export const about =
  'Logs of a year in twelve monthly tables, 60 % of them of the account that is asked. Each question is asked over HTTP with ' +
  'other words each time; a value is the median, or the 95th percentile, of all questions. Named is the kind of question ' +
  'whose own 95th percentile is the highest. Each size is loaded anew.';
export const limitedBy = [
  'Rare and absent words: one look into the word index of each month, newest first, until the page is full.',
  'A word that only old logs have: in the newest month that has it, all its places are gathered and its logs looked at, to find the newest.',
  'Frequent words that never meet: all places of each are gathered from the index of each month, to find none that has all.',
  'Publishing: the index takes its words in bulk, once a second.',
];
export const SIZES = {
  smoke: { sizes: [2_000, 5_000], runs: 3, rounds: 2, events: 1_000 },
  usual: { sizes: [10_000, 1_000_000], runs: 41, rounds: 6, events: 6_000 },
  full: { sizes: [10_000, 1_000_000, 10_000_000], runs: 41, rounds: 6, events: 6_000 },
};

const ACCOUNTS = 10;
const BATCH = 500;
const BLOCKS = 3;
const LEAST_OF_PUBLISHING = 0.85;

export async function run(rig, { sizes, runs, rounds, events }) {
  await rig.startDatabase();
  const { decodeId } = await import('../dist/src/common/ids.js');
  const { AIMS_MS, questions } = await import('./log-questions.mjs');
  const service = await rig.startService();
  const sql = await rig.connect();
  const accounts = await makeAccounts(service, ACCOUNTS, 0, 0);
  const figures = [await comparePublishing(sql, service, accounts, rounds, events)];
  const uuids = accounts.map(({ id }) => decodeId('acct', id));
  const bySize = [];
  for (const size of sizes) {
    await loadLogs(sql, uuids, size);
    bySize.push(await askAll(service, accounts[0], questions(size, uuids[0]), runs));
  }
  for (const [index, { blocks, slowest }] of bySize.entries()) {
    for (const [group, { name, p95 }] of Object.entries(slowest)) {
      const title = `slowest ${group}, \`${name}\`, p95, ${rows(sizes[index])}`;
      const aims = group in AIMS_MS ? [{ of: 'value', atMost: AIMS_MS[group] }] : [];
      figures.push(figure({ name: title, unit: 'ms', digits: 1, rounds: [p95], aims }));
    }
    if (index === 0) continue;
    for (const [name, of] of Object.entries({ p50: (times) => median(times), p95: (times) => percentile(times, 0.95) }))
      figures.push(
        figure({
          ...{
            name: `${name} of all questions, ${rows(sizes[index])}`,
            unit: 'ms',
            digits: 1,
            rounds: blocks.map(of),
          },
          limit: { name: rows(sizes[0]), rounds: bySize[0].blocks.map(of) },
        }),
      );
  }
  return figures;
}

function rows(size) {
  return `${size.toLocaleString('en-US')} logs`;
}

/** In milliseconds: the times of all questions, one list a block, and of each group the slowest kind. */
async function askAll(service, account, asked, runs) {
  const api = client(service.origin, 1);
  const blocks = Array.from({ length: BLOCKS }, () => []);
  const slowest = {};
  for (const [group, [name, questionOf]] of kindsOf(asked)) {
    const times = [];
    // The first runs plan the statements of their connections.
    for (let run = -3; run < runs; run++) {
      const path = `/v1/logs?${new URLSearchParams(questionOf(run + 3))}`;
      const begin = performance.now();
      await api.request('GET', path, account.liveKey);
      if (run >= 0) times.push(performance.now() - begin);
    }
    times.forEach((time, run) => blocks[run % BLOCKS].push(time));
    const p95 = percentile(times, 0.95);
    console.log(`  ${name.padEnd(58)} ${median(times).toFixed(1)} ${p95.toFixed(1)} ms`);
    if (p95 > (slowest[group]?.p95 ?? 0)) slowest[group] = { name, p95 };
  }
  await api.close();
  return { blocks, slowest };
}

function kindsOf(asked) {
  return Object.entries(asked).flatMap(([group, kinds]) => kinds.map((kind) => [group, kind]));
}

/** The same batches with and without the index, in turn, now one first, now the other, while its upkeep runs. */
async function comparePublishing(sql, service, accounts, rounds, events) {
  const { rows: indexes } = await sql.query(
    `SELECT pg_get_indexdef('signalpost.logs_by_word'::regclass) AS definition`,
  );
  const api = client(service.origin, 4);
  const round = async () => {
    const { beginMs, endMs } = await publish(api, 4, publishRequests(accounts, events, BATCH));
    return perSecond(events, endMs - beginMs);
  };
  await round();
  const rates = { with: [], without: [] };
  const roundWithout = async () => {
    await sql.query('DROP INDEX signalpost.logs_by_word');
    rates.without.push(await round());
    // PostgreSQL tells it as it is on the parent alone.
    await sql.query(indexes[0].definition.replace(' ON ONLY ', ' ON '));
  };
  for (let n = 0; n < rounds; n++) {
    if (n % 2 === 1) await roundWithout();
    rates.with.push(await round());
    if (n % 2 === 0) await roundWithout();
  }
  await api.close();
  return figure({
    ...{ name: `publishing in batches of ${BATCH}`, unit: 'events/s', rounds: rates.with },
    aims: [{ of: 'ratio', atLeast: LEAST_OF_PUBLISHING }],
    limit: { name: 'without the word index', rounds: rates.without },
  });
}
