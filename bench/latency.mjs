// From publish to receipt, at rates far below the capacity: what a receiver waits for.
import { sendOpenLoop, latencies } from './open-loop.mjs';
import { figure, percentile } from './statistics.mjs';
import { client, event, makeAccounts } from './workload.mjs';

export const title = 'Latency: from publish to receipt';
export const about =
  'Single publishes are sent at their times, whatever became of the ones before, and each latency counts from the time at ' +
  'which it was due to the last byte of the webhook in the receiver, by the clock that both processes share ' +
  '(`process.hrtime`). The limit does what nobody can do without: Fastify, one INSERT, and after its commit one request ' +
  'by undici.';
export const limitedBy = [
  'The commit: `fsync` is on, and an event is sent on after it is committed.',
  'The publish: one call as in the limit, but it writes event, log, operation, keys and deliveries, each with its indexes, by some fifteen statements.',
  'Above some hundred a second: four processes on two cores wait for each other.',
];
export const SIZES = {
  smoke: { rounds: 2, seconds: { 10: 1, 50: 1, 200: 1, 1000: 1 } },
  usual: { rounds: 3, seconds: { 10: 15, 50: 10, 200: 4, 1000: 3 } },
};

const ACCOUNTS = 10;
const AIMS = { 50: { p50: 2.5, p99: 7 } };

export async function run(rig, { rounds, seconds }) {
  await rig.startDatabase();
  const service = await rig.startService();
  const sink = await rig.startProcess('sink.mjs');
  const bare = await rig.startProcess('bare.mjs', { DATABASE_URL: rig.databaseUrl() });
  const accounts = await makeAccounts(service, ACCOUNTS, 1, sink.port);
  const ours = publisher(service.origin, '/v1/events', accounts);
  const theirs = publisher(
    `http://127.0.0.1:${bare.port}`,
    `/v1/events?to=${encodeURIComponent(`http://127.0.0.1:${sink.port}`)}`,
    accounts,
  );
  rig.onEnd(() => Promise.all([ours.close(), theirs.close()]));
  const figures = [];
  for (const [rate, duration] of Object.entries(seconds)) {
    const measured = { ours: [], theirs: [] };
    // The first round warms up.
    for (let round = -1; round < rounds; round++) {
      const pair = [
        await measure(sink, ours, Number(rate), round < 0 ? 1 : duration),
        await measure(sink, theirs, Number(rate), round < 0 ? 1 : duration / 2),
      ];
      if (round < 0) await rig.analyze();
      if (round < 0) continue;
      measured.ours.push(pair[0]);
      measured.theirs.push(pair[1]);
    }
    for (const [name, share] of Object.entries({ p50: 0.5, p99: 0.99 })) {
      const of = (all) => all.map((times) => percentile(times, share));
      figures.push(
        figure({
          ...{ name: `${rate}/s, ${name}`, unit: 'ms', digits: 2, rounds: of(measured.ours) },
          limit: { name: 'Fastify + INSERT + undici', rounds: of(measured.theirs) },
          aims: AIMS[rate] === undefined ? [] : [{ of: 'value', atMost: AIMS[rate][name] }],
        }),
      );
    }
  }
  return figures;
}

/** Latencies of one round, once everything has arrived. */
export async function measure(sink, { send }, rate, seconds) {
  await sink.ask({ question: 'reset', keep: true });
  const dueTimes = await sendOpenLoop(rate, seconds, send);
  await sink.ask({ question: 'reached', count: dueTimes.size });
  return latencies(dueTimes, (await sink.ask({ question: 'arrivals' })).arrivals);
}

/** Publishes to the accounts in turn. */
export function publisher(origin, path, accounts) {
  const api = client(origin, 64);
  const send = async (n) => {
    const body = JSON.stringify(event());
    const answer = await api.request('POST', path, accounts[n % accounts.length].key, body);
    return /"id":"([^"]+)"/.exec(answer.toString('latin1', 0, 60))[1];
  };
  return { send, close: () => api.close() };
}
