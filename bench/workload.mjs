// What the benches publish, to whom, and through what. Bodies are made before a clock starts: the driver shares the
// machine with what it measures.
import { Pool } from 'undici';
import { monotonicMs } from './statistics.mjs';

let serial = 0;

/** An event input as a platform sends it; no two are alike. */
export function event() {
  serial += 1;
  return {
    type: serial % 2 ? 'payment.pending' : 'payment.succeeded',
    external_id: `led-${serial}`,
    operation: {
      id: `pay_${Math.ceil(serial / 2)}`,
      amount: 2500,
      currency: 'XOF',
      reference: `INV-2026-${serial}`,
      channel: 'mtn_cm',
      customer: { name: "Adjoua N'Guessan", phone: '+22971510758' },
    },
    data: { description: 'Loyer novembre', fee: 50 },
  };
}

/** A JSON client with at most `connections` keep-alive connections. */
export function client(origin, connections) {
  const pool = new Pool(origin, { connections, pipelining: 1 });
  const request = async (method, path, key, body) => {
    const headers = { authorization: `Bearer ${key}`, ...(body && { 'content-type': 'application/json' }) };
    const response = await pool.request({ method, path, headers, body });
    const bytes = Buffer.from(await response.body.arrayBuffer());
    if (response.statusCode >= 400)
      throw new Error(`${method} ${path}: ${response.statusCode} ${bytes.toString('utf8', 0, 300)}`);
    return bytes;
  };
  return {
    request,
    call: async (method, path, key, body) => JSON.parse(await request(method, path, key, body && JSON.stringify(body))),
    close: () => pool.close(),
  };
}

/**
 * `count` new accounts, each with `fanOut` endpoints that lead to the sink: `[{id, key, liveKey, endpoints}]`, in test
 * mode.
 */
export async function makeAccounts(service, count, fanOut, sinkPort, settings = {}) {
  const api = client(service.origin, 1);
  const accounts = [];
  for (let i = 0; i < count; i++) {
    const made = await api.call('POST', '/v1/admin/accounts', service.adminKey, { name: `Bench ${i}` });
    const [key, liveKey] = ['test', 'live'].map((mode) => made.keys.find((pair) => pair.mode === mode).secret_key.key);
    const endpoints = [];
    for (let n = 0; n < fanOut; n++) {
      const url = `http://127.0.0.1:${sinkPort}${settings.path ?? '/hook'}/${n}`;
      const input = { url, event_types: ['*'], ...settings.endpoint };
      endpoints.push((await api.call('POST', '/v1/webhook-endpoints', key, input)).id);
    }
    accounts.push({ id: made.account.id, key, liveKey, endpoints });
  }
  await api.close();
  return accounts;
}

/** The requests that publish `events` events, `batch` at a time, to the accounts in turn. */
export function publishRequests(accounts, events, batch) {
  return Array.from({ length: Math.ceil(events / batch) }, (_, n) => ({
    key: accounts[n % accounts.length].key,
    path: batch === 1 ? '/v1/events' : '/v1/events/batch',
    body: JSON.stringify(batch === 1 ? event() : { events: Array.from({ length: batch }, event) }),
    answer: batch === 1 ? '{"id":"' : `"created":${batch},`,
  }));
}

/** Sends the requests over all connections of `api`, each connection one after another. */
export async function publish(api, connections, requests) {
  const beginMs = monotonicMs();
  let next = 0;
  const send = async () => {
    while (next < requests.length) {
      const { path, key, body, answer } = requests[next++];
      const bytes = await api.request('POST', path, key, body);
      if (!bytes.toString('latin1', 0, 80).includes(answer))
        throw new Error(`${path} answered ${bytes.toString('utf8', 0, 300)}`);
    }
  };
  await Promise.all(Array.from({ length: connections }, send));
  return { beginMs, endMs: monotonicMs() };
}
