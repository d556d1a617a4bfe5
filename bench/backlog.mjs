// A million deliveries that wait for a receiver which is away: what they cost the process and each claim, and how fast
// they go out when it is back.
import { setTimeout as sleep } from 'node:timers/promises';
import { loadBacklog } from './backlog-rows.mjs';
import { QueueLoop } from './queue-loop.mjs';
import { figure, monotonicMs, perSecond } from './statistics.mjs';
import { client, event, makeAccounts } from './workload.mjs';

export const title = 'Backlog: a million deliveries to a dead receiver';
export const about =
  'One account has 10 endpoints at a receiver that answers 503, and as many deliveries due to each; a lane of the bench has ' +
  'as many again, on which the cost of a claim is measured, before and after. Then the receiver answers 200: the drain is ' +
  'counted from three seconds after the first delivery, when the ramp is over, with the default concurrency of 16 an endpoint.';
export const limitedBy = [
  'Memory: nothing of a waiting delivery is in the process until it is claimed. After the drain: what the idle process has, ' +
    'a third of it live objects (the code and texts of the libraries, mostly), and garbage that V8 has not collected yet.',
  'Buffers of a claim: each delivery’s body is found by the index of events, which has one level more with 100,000 events than ' +
    'with 1,000: one page more a delivery, whatever waits.',
  'The first delivery after the return waits for the next probe of the circuit, 30 s at most.',
  'The drain: the concurrency of each endpoint, which grows by one with each round of successes.',
];
export const SIZES = {
  smoke: { deliveries: 10_000, deadSeconds: 6, windows: 3, windowMs: 500 },
  usual: { deliveries: 1_000_000, deadSeconds: 30, windows: 5, windowMs: 2_000 },
};

const ENDPOINTS = 10;
const CLAIMS = 5;
const BARE_REQUESTS = 3_000;

export async function run(rig, { deliveries, deadSeconds, windows, windowMs }) {
  await rig.startDatabase();
  const { decodeId } = await import('../dist/src/common/ids.js');
  const service = await rig.startService();
  const sink = await rig.startProcess('sink.mjs');
  const sender = await rig.startProcess('bare-sender.mjs');
  const sql = await rig.connect();
  const api = client(service.origin, 1);
  rig.onEnd(() => api.close());
  const [dead] = await makeAccounts(service, 1, ENDPOINTS, sink.port, { path: '/down' });
  const [waiting] = await makeAccounts(service, 1, 1, sink.port);
  const accounts = [dead, waiting].map(({ id }) => decodeId('acct', id));
  const uuids = [dead, waiting].map(({ endpoints }) => endpoints.map((endpoint) => decodeId('we', endpoint)));
  const queue = await QueueLoop.open(await rig.connect(), [[accounts[1], 'test', uuids[1][0]]]);
  await queue.claim();
  for (const { key } of [dead, waiting]) await api.call('POST', '/v1/events', key, event());

  const idleMb = (await service.metrics()).memoryMb;
  await loadBacklog(sql, accounts[1], uuids[1], 1_000);
  const few = await claimCosts(queue);
  await loadBacklog(sql, accounts[1], uuids[1], deliveries / ENDPOINTS);
  await loadBacklog(sql, accounts[0], uuids[0], deliveries / ENDPOINTS);
  const many = await claimCosts(queue);

  const memory = [];
  for (let second = 0; second < deadSeconds; second++) {
    await sleep(1_000);
    memory.push((await service.metrics()).memoryMb);
  }
  const third = Math.floor(deadSeconds / 3);
  const bare = await bareRates(sink, sender, windows);
  const drain = await measureDrain(sink, windows, windowMs);
  const drainedMb = (await service.metrics()).memoryMb;
  const claims = { isTimed: true, digits: 2, unit: 'ms' };
  return [
    figure({
      ...{ name: 'memory of the process', unit: 'MB', rounds: memory, isTimed: false },
      aims: [{ of: 'value', atMost: 250 }],
    }),
    figure({
      ...{ name: 'memory, end of that time', unit: 'MB', rounds: memory.slice(-third), isTimed: false },
      limit: { name: 'its beginning', rounds: memory.slice(0, third) },
      aims: [{ of: 'ratio', atMost: 1.1 }],
    }),
    figure({
      ...{ name: 'memory, after the drain', unit: 'MB', rounds: [drainedMb], isTimed: false },
      limit: { name: 'idle', rounds: [idleMb] },
      aims: [{ of: 'value', atMost: 250 }],
    }),
    figure({
      ...{ name: 'buffers of a claim', unit: 'pages', rounds: many.buffers, isTimed: false },
      limit: { name: '1,000 waiting', rounds: few.buffers },
      aims: [{ of: 'ratio', atMost: 1.3 }],
    }),
    figure({
      ...{ name: 'time of a claim', ...claims, rounds: many.ms, limit: { name: '1,000 waiting', rounds: few.ms } },
      aims: [{ of: 'ratio', atMost: 1.3 }],
    }),
    figure({ name: 'first delivery after the return', unit: 's', digits: 1, rounds: [drain.firstSeconds] }),
    figure({
      ...{ name: 'drain', unit: 'deliveries/s', rounds: drain.rates },
      limit: { name: 'bare undici loop', rounds: bare },
    }),
  ];
}

/** What PostgreSQL says of some claims, one after another from the head. */
async function claimCosts(queue) {
  await queue.claim();
  const plans = [];
  for (let n = 0; n < CLAIMS; n++) plans.push(await queue.explainClaim());
  return { buffers: plans.map(({ buffers }) => buffers), ms: plans.map(({ ms }) => ms) };
}

async function bareRates(sink, sender, rounds) {
  const rates = [];
  const sample = { headers: { 'content-type': 'application/json', 'webhook-id': 'evt_1' }, body: 'x'.repeat(700) };
  const question = { origin: `http://127.0.0.1:${sink.port}`, count: BARE_REQUESTS, connections: 64, ...sample };
  for (let round = -1; round < rounds; round++) {
    const { beginMs, endMs } = await sender.ask(question);
    if (round >= 0) rates.push(perSecond(BARE_REQUESTS, endMs - beginMs));
  }
  return rates;
}

async function measureDrain(sink, windows, windowMs) {
  await sink.ask({ question: 'reset' });
  await sink.ask({ question: 'comeBack' });
  const backMs = monotonicMs();
  const { at } = await sink.ask({ question: 'reached', count: 1 });
  await sleep(3_000);
  const rates = [];
  let before = await sink.ask({ question: 'count' });
  for (let window = 0; window < windows; window++) {
    await sleep(windowMs);
    const after = await sink.ask({ question: 'count' });
    rates.push(perSecond(after.received - before.received, after.at - before.at));
    before = after;
  }
  return { firstSeconds: (at - backMs) / 1_000, rates };
}
