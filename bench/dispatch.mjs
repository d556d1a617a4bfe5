// Deliveries a second from publishing to settled: one process of the service, with driver, receiver and PostgreSQL on
// the same cores; beside the machine's limits, taken in turn with it.
import { setTimeout as sleep } from 'node:timers/promises';
import { QueueLoop } from './queue-loop.mjs';
import { figure, hasRoundsLeft, monotonicMs, perSecond } from './statistics.mjs';
import { client, makeAccounts, publish, publishRequests } from './workload.mjs';

export const title = 'Dispatch: from publishing to settled';
export const about =
  'Events are published in batches of 500 over 4 connections to 10 accounts. A round ends when the last delivery is settled. ' +
  'The limits: a bare undici loop in a process of its own that sends the same bytes to the same receiver over 64 ' +
  'connections, while the same events are published to accounts without endpoints; and the two SQL functions, claim and ' +
  'settle, called over two connections without HTTP.';
export const limitedBy = [
  'The CPU: receiver, driver, PostgreSQL and the service share the cores, and all are busy.',
  'In the service: undici and the signature of each request, and the decoding of what is claimed.',
  'In PostgreSQL: the inserts of the publish, then the settle; what claim and settle alone reach stands in the table.',
];
export const SIZES = {
  smoke: { rounds: 2, events: { 1: 500, 10: 500 } },
  usual: { rounds: 5, events: { 1: 20_000, 10: 4_000 } },
};

const ACCOUNTS = 10;
const BATCH = 500;
const CONNECTIONS = 4;
export const SERVICE = { ENDPOINT_CONCURRENCY: '64', DISPATCH_CONCURRENCY: '512' };

export async function run(rig, { rounds, events }) {
  await rig.startDatabase();
  const stage = await makeStage(rig);
  const cases = [
    { fanOut: 1, aims: [6_500, 0.6] },
    { fanOut: 10, aims: [9_700, 0.6] },
  ];
  const figures = [];
  for (const { fanOut, aims } of cases) {
    const measured = await stage.measure(fanOut, events[fanOut], rounds);
    const common = { unit: 'deliveries/s', rounds: measured.delivered };
    figures.push(
      figure({
        ...common,
        name: `batches of ${BATCH}, fan-out ${fanOut}`,
        limit: { name: 'bare undici loop', rounds: measured.bare },
        aims: [
          { of: 'value', atLeast: aims[0] },
          { of: 'ratio', atLeast: aims[1] },
        ],
        guarded: true,
      }),
      figure({
        ...common,
        name: `the same beside the queue alone, fan-out ${fanOut}`,
        limit: { name: 'claim + settle', rounds: measured.queue },
        guarded: true,
      }),
    );
  }
  return figures;
}

/** What the rounds need, for this bench and for `quick.mjs`. */
export async function makeStage(rig) {
  const service = await rig.startService(SERVICE);
  const sink = await rig.startProcess('sink.mjs');
  const sender = await rig.startProcess('bare-sender.mjs');
  const sql = await rig.connect();
  const api = client(service.origin, CONNECTIONS);
  rig.onEnd(() => api.close());
  const alone = await makeAccounts(service, ACCOUNTS, 0, sink.port);

  const publishTo = (accounts, events) => publish(api, CONNECTIONS, publishRequests(accounts, events, BATCH));
  const delivered = async (accounts, fanOut, events) => {
    await sink.ask({ question: 'reset' });
    const requests = publishRequests(accounts, events, BATCH);
    const { beginMs } = await publish(api, CONNECTIONS, requests);
    await sink.ask({ question: 'reached', count: events * fanOut });
    const endMs = await settled(sql);
    return perSecond(events * fanOut, endMs - beginMs);
  };
  const bare = async (sample, fanOut, events) => {
    const question = { origin: `http://127.0.0.1:${sink.port}`, count: events * fanOut, connections: 64, ...sample };
    const [published, sent] = await Promise.all([publishTo(alone, events), sender.ask(question)]);
    const beginMs = Math.min(published.beginMs, sent.beginMs);
    return perSecond(events * fanOut, Math.max(published.endMs, sent.endMs) - beginMs);
  };

  return {
    service,
    sink,
    /** The rates of `rounds` rounds, those of ours and of the limits in turn. */
    async measure(fanOut, events, rounds, endMs) {
      const accounts = await makeAccounts(service, ACCOUNTS, fanOut, sink.port);
      const queue = await openQueue(rig, service, sink, fanOut);
      await sink.ask({ question: 'takeSample' });
      await delivered(accounts, fanOut, events / 2);
      const { sample } = await sink.ask({ question: 'sample' });
      await bare(sample, fanOut, events / 2);
      await queue.drain(events / 2);
      await rig.analyze();
      const rates = { delivered: [], bare: [], queue: [] };
      for (let round = 0; hasRoundsLeft(round, rounds, endMs); round++) {
        rates.delivered.push(await delivered(accounts, fanOut, events));
        rates.bare.push(await bare(sample, fanOut, events));
        rates.queue.push(await queue.drain(events));
      }
      await queue.close();
      return rates;
    },
  };
}

/** Lanes that two dispatchers of the bench own before anything is published to them. */
async function openQueue(rig, service, sink, fanOut) {
  const { decodeId } = await import('../dist/src/common/ids.js');
  const accounts = await makeAccounts(service, ACCOUNTS, fanOut, sink.port);
  const lanes = accounts.flatMap(({ id, endpoints }) =>
    endpoints.map((endpoint) => [decodeId('acct', id), 'test', decodeId('we', endpoint)]),
  );
  const loops = [];
  for (const half of [lanes.slice(0, lanes.length / 2), lanes.slice(lanes.length / 2)]) {
    const loop = await QueueLoop.open(await rig.connect(), half);
    await loop.claim();
    loops.push(loop);
  }
  const api = client(service.origin, 1);
  return {
    drain: async (events) => {
      // Whole batches for each account, so that both loops have the same to do.
      const each = Math.max(1, Math.round(events / ACCOUNTS));
      for (const account of accounts) {
        for (let left = each; left > 0; left -= BATCH)
          await publish(api, 1, publishRequests([account], Math.min(left, BATCH), Math.min(left, BATCH)));
      }
      const times = await Promise.all(loops.map((loop) => loop.drain((each * fanOut * ACCOUNTS) / 2)));
      const beginMs = Math.min(...times.map((time) => time.beginMs));
      return perSecond(each * fanOut * ACCOUNTS, Math.max(...times.map((time) => time.endMs)) - beginMs);
    },
    close: async () => {
      for (const loop of loops) await loop.close();
      await api.close();
    },
  };
}

/** When nothing is unfinished any more. */
export async function settled(sql) {
  for (;;) {
    const { rowCount } = await sql.query('SELECT FROM signalpost.pending_deliveries LIMIT 1');
    if (rowCount === 0) return monotonicMs();
    await sleep(5);
  }
}
