// Minutes at 70 % of what the machine can: what grows, and what gets slower. `--minutes 30` for the long form.
import { settled } from './dispatch.mjs';
import { measure, publisher } from './latency.mjs';
import { figure, percentile, perSecond } from './statistics.mjs';
import { client, makeAccounts, publish, publishRequests } from './workload.mjs';

export const title = 'Soak: hours in small';
export const about =
  'Single publishes at 70 % of the rate at which they are published and delivered over 64 connections, measured just before, ' +
  'to 10 accounts with an endpoint each. The last third of the time beside the first, and that rate after all beside the ' +
  'one before: a ratio of 1 is flat.';
export const limitedBy = [
  'Where the rate after all is lower, either the machine got slower or an event dearer: latency at what is then more than ' +
    '70 % cannot be flat.',
  'Memory: the garbage of a process is collected late while there is memory to spare.',
  'Dead rows of the queue come and go with autovacuum, so their number swings; their table is what must not grow.',
];
export const SIZES = {
  smoke: { minutes: 0.1, windows: 6, warmUpSeconds: 1, capacity: 500 },
  // Some 20 s, in which the work behind the writes (checkpoints, autovacuum) has its share.
  usual: { minutes: 5, windows: 15, warmUpSeconds: 20, capacity: 40_000 },
};

const ACCOUNTS = 10;
const SHARE = 0.7;
const FLAT = 1.1;
/** Where unfinished work lives; the rest is history, which grows by what is published. */
const QUEUE_TABLES = ['pending_deliveries', 'lanes', 'claimed_batches', 'dispatchers', 'ledgers', 'event_inbox'];

export async function run(rig, { minutes, windows, warmUpSeconds, capacity }) {
  await rig.startDatabase();
  const service = await rig.startService();
  const sink = await rig.startProcess('sink.mjs');
  const sql = await rig.connect();
  const accounts = await makeAccounts(service, ACCOUNTS, 1, sink.port);
  const api = client(service.origin, 64);
  rig.onEnd(() => api.close());
  const burst = async (count) => {
    const { beginMs } = await publish(api, 64, publishRequests(accounts, count, 1));
    return perSecond(count, (await settled(sql)) - beginMs);
  };
  await burst(capacity / 5);
  await rig.analyze();
  const most = await burst(capacity);
  const rate = Math.max(1, Math.round(most * SHARE));

  const publishing = publisher(service.origin, '/v1/events', accounts);
  rig.onEnd(() => publishing.close());
  await measure(sink, publishing, rate, warmUpSeconds);
  const seen = [];
  for (let window = 0; window < windows; window++) {
    const times = await measure(sink, publishing, rate, Math.max(1, (minutes * 60) / windows));
    const { memoryMb } = await service.metrics();
    const values = { memoryMb, p50: percentile(times, 0.5), p99: percentile(times, 0.99), ...(await readSizes(sql)) };
    seen.push(values);
    console.log(
      `  ${Object.entries(values)
        .map(([name, value]) => `${name} ${value.toFixed(1)}`)
        .join(', ')}`,
    );
  }

  const mostAfterwards = await burst(capacity);

  const third = Math.floor(windows / 3);
  const row = (name, value, unit, aims, settings = {}) =>
    figure({
      ...{ name, unit, digits: 1, aims, isTimed: false, ...settings },
      rounds: seen.slice(-third).map((one) => one[value]),
      limit: { name: 'first third', rounds: seen.slice(0, third).map((one) => one[value]) },
    });
  const flat = { of: 'ratio', atMost: FLAT };
  return [
    figure({ name: `${minutes} minutes at`, unit: 'events/s', rounds: [rate], isTimed: false }),
    figure({
      ...{ name: 'the most it can, after all', unit: 'events/s', aims: [{ of: 'ratio', atLeast: 1 / FLAT }] },
      ...{ rounds: [mostAfterwards], limit: { name: 'before', rounds: [most] } },
    }),
    row('memory of the process', 'memoryMb', 'MB', [flat]),
    row('publish to receipt, p50', 'p50', 'ms', [flat], { isTimed: true, digits: 2 }),
    row('publish to receipt, p99', 'p99', 'ms', [flat], { isTimed: true, digits: 2 }),
    row('dead rows', 'deadRows', 'rows', [], { digits: 0 }),
    row('tables and indexes of the queue', 'queueMb', 'MB', [flat]),
    row('history for each event', 'historyKb', 'KB', [flat], { digits: 2 }),
  ];
}

async function readSizes(sql) {
  const { rows } = await sql.query(
    `SELECT coalesce(sum(n_dead_tup), 0)::float8 AS "deadRows",
       sum(pg_total_relation_size(relid)) FILTER (WHERE relname = ANY ($1))::float8 / 2 ^ 20 AS "queueMb",
       sum(pg_total_relation_size(relid)) FILTER (WHERE relname <> ALL ($1))::float8 / 1024
         / (SELECT sum(last_sequence) FROM signalpost.ledgers)::float8 AS "historyKb"
     FROM pg_stat_user_tables WHERE schemaname = 'signalpost'`,
    [QUEUE_TABLES],
  );
  return rows[0];
}
