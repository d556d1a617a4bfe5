// Publishes a second, one by one and in batches, each committed before its answer; beside a bare Fastify + INSERT of
// the same bytes on the same server, taken in turn.
import { settled } from './dispatch.mjs';
import { figure, hasRoundsLeft, perSecond } from './statistics.mjs';
import { client, makeAccounts, publish, publishRequests } from './workload.mjs';

export const title = 'Ingest: publishes a second';
export const about =
  'Each publish is committed, with its log, its operation and its deliveries, before it is answered; "delivered" lasts until ' +
  'the last delivery is settled. The limit is what a team writes first: Fastify, a pool of 12 connections, and one INSERT a ' +
  'request into a table with nothing but a key; for "delivered" it also sends each body on with undici, unsigned, and is done ' +
  'when the last one has arrived.';
export const limitedBy = [
  'Single publishes: HTTP, the checks of a body, and JSON in and out, on the one core that the service has.',
  'Batches: PostgreSQL, which writes the event, its log, its operation and its keys, each with its indexes.',
  'Delivered: the same cores also send, receive and settle each webhook.',
];
export const SIZES = {
  smoke: { rounds: 2, singles: 300, batched: 2_000 },
  usual: { rounds: 5, singles: 6_000, batched: 20_000 },
};

const ACCOUNTS = 10;
export const CASES = [
  { name: 'single, 64 connections, delivered', fanOut: 1, batch: 1, connections: 64, atLeast: 4_000 },
  { name: 'single, 64 connections, no endpoint', fanOut: 0, batch: 1, connections: 64, atLeast: 6_000 },
  { name: 'batches of 100, no endpoint', fanOut: 0, batch: 100, connections: 4 },
  { name: 'batches of 1,000, no endpoint', fanOut: 0, batch: 1_000, connections: 4 },
];

export async function run(rig, { rounds, singles, batched }) {
  await rig.startDatabase();
  const stage = await makeStage(rig);
  const figures = [];
  for (const one of CASES) figures.push(await stage.measure(one, one.batch === 1 ? singles : batched, rounds));
  return figures;
}

/** What the rounds need, for this bench and for `quick.mjs`. */
export async function makeStage(rig, stage = {}) {
  const service =
    stage.service ?? (await rig.startService({ ENDPOINT_CONCURRENCY: '64', DISPATCH_CONCURRENCY: '512' }));
  const sink = stage.sink ?? (await rig.startProcess('sink.mjs'));
  const bare = await rig.startProcess('bare.mjs', { DATABASE_URL: rig.databaseUrl() });
  const sql = await rig.connect();

  const round = async (api, { fanOut, batch, connections }, events, accounts) => {
    const { beginMs, endMs } = await publish(api, connections, publishRequests(accounts, events, batch));
    return perSecond(events, (fanOut > 0 ? await settled(sql) : endMs) - beginMs);
  };
  const sendOn = `?to=${encodeURIComponent(`http://127.0.0.1:${sink.port}`)}`;
  const bareRound = async (api, { fanOut, batch, connections }, events, accounts) => {
    await sink.ask({ question: 'reset' });
    const requests = publishRequests(accounts, events, batch);
    if (fanOut > 0) requests.forEach((request) => (request.path += sendOn));
    const { beginMs, endMs } = await publish(api, connections, requests);
    return perSecond(
      events,
      (fanOut > 0 ? (await sink.ask({ question: 'reached', count: events })).at : endMs) - beginMs,
    );
  };
  return {
    /** The figure of one of `CASES`, after a warm-up. */
    async measure(one, events, rounds, endMs) {
      const accounts = await makeAccounts(service, ACCOUNTS, one.fanOut, sink.port);
      const ours = client(service.origin, one.connections);
      const theirs = client(`http://127.0.0.1:${bare.port}`, one.connections);
      const rates = { ours: [], theirs: [] };
      // The first rounds warm both up.
      for (let n = -1; hasRoundsLeft(n, rounds, endMs); n++) {
        const count = n < 0 ? Math.max(one.batch, events / 2) : events;
        const rate = await round(ours, one, count, accounts);
        const bareRate = await bareRound(theirs, one, count, accounts);
        if (n < 0) await rig.analyze();
        if (n < 0) continue;
        rates.ours.push(rate);
        rates.theirs.push(bareRate);
      }
      await Promise.all([ours.close(), theirs.close()]);
      return figure({
        name: one.name,
        unit: 'events/s',
        rounds: rates.ours,
        limit: { name: `bare Fastify + INSERT${one.fanOut > 0 ? ' + undici' : ''}`, rounds: rates.theirs },
        aims: one.atLeast === undefined ? [] : [{ of: 'value', atLeast: one.atLeast }],
        guarded: true,
      });
    },
  };
}
