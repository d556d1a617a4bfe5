// One account with half a million deliveries due to a receiver that never answers and a hundred thousand behind a rate
// limit: what the others' webhooks wait while it is active, beside what they wait while it is suspended.
import { setTimeout as sleep } from 'node:timers/promises';
import { loadBacklog } from './backlog-rows.mjs';
import { measure, publisher } from './latency.mjs';
import { figure, percentile } from './statistics.mjs';
import { client, event, makeAccounts } from './workload.mjs';

export const title = "Fairness: beside another account's backlog";
export const about =
  '20 accounts are published to, 100 events a second in turn, at their times; latencies count from then to the receipt. ' +
  'One more account has deliveries due to a receiver that takes requests and never answers, and to one that is limited to ' +
  '50 a second. In the rounds without it, it is suspended: its deliveries wait, and none is tried.';
export const limitedBy = [
  'The requests of the dead receiver and of the limited one, which take their share of the cores while they are tried.',
];
export const SIZES = {
  smoke: { rounds: 2, seconds: 2, dead: 5_000, limited: 1_000 },
  usual: { rounds: 5, seconds: 20, dead: 500_000, limited: 100_000 },
};

const ACCOUNTS = 20;
const PER_SECOND = 100;
const LIMIT_PER_SECOND = 50;
const UNDER_WAY_MS = 3_000;

const eachRound = (rounds) => rounds;
const allTogether = (rounds) => [rounds.flat()];

export async function run(rig, { rounds, seconds, dead, limited }) {
  await rig.startDatabase();
  const { decodeId } = await import('../dist/src/common/ids.js');
  const service = await rig.startService();
  const sink = await rig.startProcess('sink.mjs');
  const others = await makeAccounts(service, ACCOUNTS, 1, sink.port);
  const [heavy] = await makeAccounts(service, 1, 1, sink.port, { path: '/hole' });
  const endpoint = { url: `http://127.0.0.1:${sink.port}/silent/limited`, rate_limit: LIMIT_PER_SECOND };
  const api = client(service.origin, 1);
  const { id } = await api.call('POST', '/v1/webhook-endpoints', heavy.key, { ...endpoint, event_types: ['*'] });
  rig.onEnd(() => api.close());

  const account = decodeId('acct', heavy.id);
  const sql = await rig.connect();
  const setStatus = (status) => api.call('PATCH', `/v1/admin/accounts/${heavy.id}`, service.adminKey, { status });
  await api.call('POST', '/v1/events', heavy.key, event());
  await setStatus('suspended');
  await loadBacklog(sql, account, [decodeId('we', heavy.endpoints[0])], dead);
  await loadBacklog(sql, account, [decodeId('we', id)], limited);

  const publishing = publisher(service.origin, '/v1/events', others);
  rig.onEnd(() => publishing.close());
  const measured = { alone: [], beside: [] };
  const cpuMs = { alone: [], beside: [] };
  const measureRound = async (name) => {
    await sleep(UNDER_WAY_MS);
    const before = (await service.metrics()).cpuMs;
    measured[name].push(await measure(sink, publishing, PER_SECOND, seconds));
    cpuMs[name].push(((await service.metrics()).cpuMs - before) / seconds);
  };
  await measure(sink, publishing, PER_SECOND, seconds / 2);
  await rig.analyze();
  for (let n = 0; n < rounds; n++) {
    await measureRound('alone');
    await setStatus('active');
    await measureRound('beside');
    await setStatus('suspended');
  }

  const row = (name, share, blocksOf, aims) =>
    figure({
      ...{ name: `${name} of the others`, unit: 'ms', digits: 2, aims },
      rounds: blocksOf(measured.beside).map((times) => percentile(times, share)),
      limit: {
        name: 'without that account',
        rounds: blocksOf(measured.alone).map((times) => percentile(times, share)),
      },
    });
  const aims = [
    { of: 'value', atMost: 1_000 },
    { of: 'ratio', atMost: 1.5 },
  ];
  const cpu = figure({
    ...{ name: 'CPU of the service', unit: 'ms a second', isTimed: false, rounds: cpuMs.beside },
    limit: { name: 'without that account', rounds: cpuMs.alone },
  });
  // A hundredth of a round is twenty webhooks, and one late commit of the machine is a third of them.
  return [row('p50', 0.5, eachRound, []), row('p99 of all rounds together', 0.99, allTogether, aims), cpu];
}
