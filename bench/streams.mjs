// A thousand readers of GET /v1/events/stream: events a second each, what they miss, and what they cost in memory.
import { figure, monotonicMs, perSecond } from './statistics.mjs';
import { client, event, makeAccounts, publish, publishRequests } from './workload.mjs';

export const title = 'Streams: readers of live events';
export const about =
  'The readers are in one process, 20 to each account and key, which is what `STREAMS_PER_KEY` allows. Each account is ' +
  'published to in batches of 20 over 4 connections, until every reader has every event; the publishing is within the time. ' +
  'The limit is a bare HTTP server that writes the same bytes to as many readers.';
export const limitedBy = [
  'One core of the service, in which each event is written to each of its readers; then the readers, on the other one.',
  'Memory: the idle process, a third of which are live objects, and the young generation of V8, which grows while much is written.',
];
export const SIZES = {
  smoke: { rounds: 2, accounts: 5, events: 40 },
  usual: { rounds: 5, accounts: 50, events: 100 },
};

const READERS_PER_KEY = 20;
const BATCH = 20;

export async function run(rig, { rounds, accounts: count, events }) {
  await rig.startDatabase();
  const service = await rig.startService();
  const accounts = await makeAccounts(service, count, 0, 0);
  const api = client(service.origin, 4);
  rig.onEnd(() => api.close());
  const idleMb = (await service.metrics()).memoryMb;
  const readers = await openReaders(rig, service.origin, '/v1/events/stream', accounts);
  const openMb = (await service.metrics()).memoryMb;

  const bare = await rig.startProcess('bare-stream.mjs');
  const bareReaders = await openReaders(rig, `http://127.0.0.1:${bare.port}`, '/', accounts);
  const data = JSON.stringify({ ...event(), padding: 'x'.repeat(400) });

  const rates = { ours: [], bare: [] };
  const memory = [];
  let missed = 0;
  // The first round warms up.
  for (let round = 0; round <= rounds; round++) {
    const each = events * (round + 1);
    const requests = publishRequests(accounts, events * count, BATCH);
    const [{ beginMs }, done] = await Promise.all([publish(api, 4, requests), readers.ask({ each })]);
    missed = done.missed;
    memory.push((await service.metrics()).memoryMb);
    const bareBeginMs = monotonicMs();
    bare.tell({ events, data, batch: BATCH });
    const bareDone = await bareReaders.ask({ each });
    if (round === 0) await rig.analyze();
    if (round === 0) continue;
    rates.ours.push(perSecond(events, done.at - beginMs));
    rates.bare.push(perSecond(events, bareDone.at - bareBeginMs));
  }
  const total = count * READERS_PER_KEY;
  const mb = { unit: 'MB', isTimed: false };
  return [
    figure({
      ...{ name: `events a second to each of ${total} readers`, unit: 'events/s', digits: 1, rounds: rates.ours },
      limit: { name: 'bare HTTP server', rounds: rates.bare },
    }),
    figure({
      name: 'the same, all readers together',
      unit: 'events/s',
      rounds: rates.ours.map((rate) => rate * total),
    }),
    figure({
      ...{ name: 'events missed', unit: '', rounds: [missed], isTimed: false, aims: [{ of: 'value', atMost: 0 }] },
    }),
    figure({ name: 'memory without readers', ...mb, rounds: [idleMb] }),
    figure({ name: `memory with ${total} idle readers`, ...mb, rounds: [openMb] }),
    figure({
      ...{ name: 'memory under this load', ...mb, rounds: memory.slice(1) },
      aims: [{ of: 'value', atMost: 250 }],
    }),
  ];
}

async function openReaders(rig, origin, path, accounts) {
  const readers = await rig.startProcess('stream-readers.mjs');
  const streams = accounts.flatMap(({ key }) => Array.from({ length: READERS_PER_KEY }, () => ({ origin, path, key })));
  await readers.ask({ streams });
  return readers;
}
