// A merchant's server and its checkout page: the browser follows a collect until it succeeds, with the public key alone.
//   SECRET_KEY=sk_test_… PUBLIC_KEY=pk_test_… node examples/checkout/server.mjs
// SIGNALPOST_URL (http://127.0.0.1:3000) is the service, PORT (4100) the page's, PAID_AFTER_MS (4000) the payer's patience.
import { randomUUID } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { setTimeout as wait } from 'node:timers/promises';

const { SECRET_KEY, PUBLIC_KEY, SIGNALPOST_URL = 'http://127.0.0.1:3000' } = process.env;
if (!SECRET_KEY?.startsWith('sk_test_') || !PUBLIC_KEY?.startsWith('pk_test_')) {
  console.error('Set SECRET_KEY and PUBLIC_KEY to the two test keys of one account.');
  process.exit(1);
}
const FILES = { '/': ['index.html', 'text/html'], '/checkout.js': ['checkout.js', 'text/javascript'] };

/** One call to Signalpost with the secret key, which never leaves this server. */
async function signalpost(path, body) {
  const response = await fetch(SIGNALPOST_URL + path, {
    method: 'POST',
    headers: { authorization: `Bearer ${SECRET_KEY}`, 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });
  const answer = await response.json();
  if (!response.ok) throw new Error(`${path}: ${answer.code}: ${answer.detail}`);
  return answer;
}

/** Begins a collect and gives the page what it needs to follow this one and nothing else. */
async function beginCollect() {
  const id = `col_${randomUUID()}`;
  const operation = { id, amount: 2_500, currency: 'XOF', reference: 'Order 77' };
  await signalpost('/v1/events', { type: 'collect.pending', operation });
  const { client_token } = await signalpost(`/v1/operations/${id}/client-token`, { expires_in: 900 });
  payLater(id).catch((error) => console.error(error.message));
  return { url: SIGNALPOST_URL, publicKey: PUBLIC_KEY, operation: id, clientToken: client_token };
}

/** Plays the payment platform, which reports by itself that the payer has confirmed. */
async function payLater(id) {
  await wait(Number(process.env.PAID_AFTER_MS ?? 4_000));
  await signalpost('/v1/events', { type: 'collect.succeeded', operation: { id } });
}

async function answer(request, response) {
  if (request.method === 'POST' && request.url === '/collects') {
    response.writeHead(201, { 'content-type': 'application/json' }).end(JSON.stringify(await beginCollect()));
    return;
  }
  const [file, type] = FILES[request.url] ?? [];
  if (request.method !== 'GET' || file === undefined) return response.writeHead(404).end();
  const policy = `default-src 'self'; connect-src 'self' ${SIGNALPOST_URL}`;
  response.writeHead(200, { 'content-type': `${type}; charset=utf-8`, 'content-security-policy': policy });
  response.end(await readFile(new URL(file, import.meta.url)));
}

const server = createServer((request, response) => {
  answer(request, response).catch((error) => {
    console.error(error.message);
    response.writeHead(502).end();
  });
});
server.listen(Number(process.env.PORT ?? 4_100), '127.0.0.1', () => {
  console.log(`The checkout is at http://127.0.0.1:${server.address().port}/`);
});
