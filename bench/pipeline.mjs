// The whole path: events a second from publishing to received and acknowledged, with logs, operations and deliveries
// written, beside a bare undici loop to the same receiver measured in the same run. Medians of `ROUNDS` rounds.
import { cpus } from 'node:os';
import { Pool } from 'undici';
import { client, startService, startSink } from './service.mjs';
import { event, makeAccounts, median, now, perSecond } from './workload.mjs';

const ACCOUNTS = 10;
const ROUNDS = 3;
const CASES = [
  { name: 'batches of 500, fan-out 1', fanOut: 1, batch: 500, events: 15_000, connections: 4 },
  { name: 'single publishes, 64 connections, fan-out 1', fanOut: 1, batch: 1, events: 8_000, connections: 64 },
  { name: 'batches of 500, fan-out 10', fanOut: 10, batch: 500, events: 4_000, connections: 4 },
  { name: 'single publishes, 64 connections, no endpoint', fanOut: 0, batch: 1, events: 8_000, connections: 64 },
];

const sink = await startSink();
const service = await startService({ ENDPOINT_CONCURRENCY: '64', DISPATCH_CONCURRENCY: '512' });
try {
  const limit = await bareUndici(20_000);
  console.log(`${cpus().length} × ${cpus()[0].model.trim()}, Node ${process.versions.node}`);
  console.log(`bare undici to the same receiver, 64 connections: ${limit} requests/s`);
  for (const bench of CASES) {
    const api = client(service.origin, 1);
    const keys = await makeAccounts(api, service.adminKey, ACCOUNTS, bench.fanOut, sink.port);
    await api.close();
    await round(bench, keys, Math.ceil(bench.events / 4));
    const rounds = [];
    for (let i = 0; i < ROUNDS; i++) rounds.push(await round(bench, keys, bench.events));
    const published = median(rounds.map((one) => one.published));
    const delivered = median(rounds.map((one) => one.delivered));
    console.log(
      `${bench.name}: ${published.middle} events/s published, ${delivered.middle} deliveries/s ` +
        `(${(delivered.middle / limit).toFixed(2)} of bare undici; spread ${published.spread} %)`,
    );
  }
} finally {
  sink.stop();
  await service.stop();
}

async function round({ fanOut, batch, connections }, keys, events) {
  sink.reset();
  const api = client(service.origin, connections);
  const begin = now();
  let next = 0;
  const publish = async () => {
    while (next < events) {
      const first = next;
      next += batch;
      const key = keys[(first / batch) % keys.length];
      if (batch === 1) await api.call('POST', '/v1/events', key, event());
      else
        await api.call('POST', '/v1/events/batch', key, {
          events: Array.from({ length: batch }, event),
        });
    }
  };
  await Promise.all(Array.from({ length: connections }, publish));
  const publishedAt = now();
  const deliveredAt = fanOut === 0 ? publishedAt : await sink.reached(events * fanOut);
  await api.close();
  return {
    published: perSecond(events, publishedAt - begin),
    delivered: perSecond(events * fanOut, deliveredAt - begin),
  };
}

async function bareUndici(requests) {
  const pool = new Pool(`http://127.0.0.1:${sink.port}`, { connections: 64, pipelining: 1 });
  const body = Buffer.alloc(700, 'x');
  const send = async (count) => {
    let next = 0;
    const worker = async () => {
      while (next++ < count) await (await pool.request({ method: 'POST', path: '/hook', body })).body.dump();
    };
    await Promise.all(Array.from({ length: 64 }, worker));
  };
  await send(requests / 4);
  const begin = now();
  await send(requests);
  const rate = perSecond(requests, now() - begin);
  await pool.close();
  return rate;
}
