// Run by `npm run test:browser`, which says where the browser is.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { after, before, test } from 'node:test';
import { chromium } from 'playwright-core';
import { client, startService } from '../../bench/service.mjs';
import { askFromPage, servePage } from './pages.mjs';

let service;
let api;
let browser;
let shop;
let elsewhere;
let publicKey;
let secretKey;

before(async () => {
  [service, browser, shop, elsewhere] = await Promise.all([
    startService(),
    // The pages are our own, and containers often lack what the sandbox needs.
    chromium.launch({ executablePath: process.env.CHROMIUM_PATH, args: ['--no-sandbox'] }),
    servePage('127.0.0.1'),
    servePage('localhost'),
  ]);
  api = client(service.origin, 4);
  const { keys } = await api.call('POST', '/v1/admin/accounts', service.adminKey, { name: 'Browser' });
  const pair = keys.find(({ mode }) => mode === 'test');
  publicKey = pair.public_key;
  secretKey = pair.secret_key;
});

after(async () => {
  await browser?.close();
  await api?.close();
  await Promise.all([service?.stop(), shop?.stop(), elsewhere?.stop()]);
});

async function open(url) {
  const page = await browser.newPage();
  await page.goto(url);
  return page;
}

const bearer = ({ key }) => ({ authorization: `Bearer ${key}` });
const collect = { id: 'col_1', amount: 2500, currency: 'XOF', customer: { name: 'Adjoua' } };

test('a secret key in a page of another origin is refused, and the page can read why', async () => {
  for (const { origin } of [shop, elsewhere]) {
    const page = await open(origin);
    const read = await askFromPage(page, `${service.origin}/v1/account`, { headers: bearer(secretKey) });
    assert.deepEqual([origin, read.status, read.body?.code], [origin, 403, 'secret_key_in_browser']);
    assert.match(read.body.detail, /regenerate it/);
    assert.equal(read.requestId, read.body.request_id);
    const headers = { ...bearer(secretKey), 'content-type': 'application/json', 'idempotency-key': 'from-a-page' };
    const body = { type: 'collect.pending', operation: collect };
    const written = await askFromPage(page, `${service.origin}/v1/events`, { method: 'POST', headers, body });
    assert.equal(written.body?.code, 'secret_key_in_browser');
    await page.close();
  }
  const { data } = await api.call('GET', '/v1/events', secretKey.key);
  assert.deepEqual(
    data.filter(({ type }) => type !== 'api_key.secret_key_exposed'),
    [],
  );
});

test('"Try it out" of our own documentation passes with a secret key', async () => {
  const page = await open(`${service.origin}/docs`);
  await page.getByRole('button', { name: 'Authorize' }).first().click();
  const form = page.locator('.auth-container', { hasText: 'secret_key' });
  await form.locator('input').fill(secretKey.key);
  await form.getByRole('button', { name: /^(?:Authorize|Apply credentials)$/ }).click();
  await form.getByRole('button', { name: 'Close' }).click();
  const route = page.locator('.opblock', { has: page.locator('[data-path="/v1/account"]') });
  await route.locator('.opblock-summary-control').click();
  await route.getByRole('button', { name: 'Try it out' }).click();
  const answered = page.waitForResponse((response) => response.url().endsWith('/v1/account'));
  await route.getByRole('button', { name: 'Execute' }).click();
  const response = await answered;
  assert.equal(response.status(), 200);
  assert.equal((await response.json()).api_key.id, secretKey.id);
  await page.close();
});

test('a public key and a client token work in a page of another origin, for what the token is for alone', async () => {
  await api.call('POST', '/v1/events', secretKey.key, { type: 'collect.pending', operation: collect });
  const { client_token } = await api.call('POST', '/v1/operations/col_1/client-token', secretKey.key, {});
  const page = await open(elsewhere.origin);
  const ask = (path, headers) => askFromPage(page, service.origin + path, { headers });
  const headers = { ...bearer(publicKey), 'signalpost-client-token': client_token };
  const { status, body } = await ask('/v1/client/operations/col_1', headers);
  assert.equal(status, 200);
  assert.deepEqual(
    [Object.keys(body).join(), body.status, body.amount],
    ['id,object,kind,status,amount,currency,cause_code,version,updated_at', 'pending', 2500],
  );
  const code = async (path, sent) => (await ask(path, sent)).body?.code;
  assert.equal(await code('/v1/client/operations/col_2', headers), 'not_found');
  assert.equal(await code('/v1/client/operations/col_1', bearer(publicKey)), 'invalid_client_token');
  assert.equal(await code('/v1/operations/col_1', headers), 'secret_key_required');
  await page.close();
});

test("a public key's origins are enforced in browsers, and the page can read why", async () => {
  const change = (allowed_origins) =>
    api.call('PATCH', `/v1/api-keys/${publicKey.id}`, secretKey.key, { allowed_origins });
  await change([shop.origin]);
  try {
    for (const [{ origin }, expected] of [
      [shop, [200, undefined]],
      [elsewhere, [403, 'origin_not_allowed']],
    ]) {
      const page = await open(origin);
      const { status, body } = await askFromPage(page, `${service.origin}/v1/account`, { headers: bearer(publicKey) });
      assert.deepEqual([status, body?.code], expected);
      await page.close();
    }
  } finally {
    await change([]);
  }
});

test('the page of examples/checkout follows a collect until it is paid, and never holds a secret key', async () => {
  const checkout = spawn(process.execPath, ['examples/checkout/server.mjs'], {
    env: {
      PATH: process.env.PATH,
      SIGNALPOST_URL: service.origin,
      SECRET_KEY: secretKey.key,
      PUBLIC_KEY: publicKey.key,
      PORT: '0',
      PAID_AFTER_MS: '1500',
    },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  try {
    const [line] = await new Promise((resolve) => checkout.stdout.once('data', (data) => resolve([String(data)])));
    const page = await browser.newPage();
    const sent = [];
    page.on('request', (request) => sent.push(JSON.stringify([request.url(), request.headers()])));
    const received = [];
    page.on('response', (response) => received.push(response.text().catch(() => '')));
    await page.goto(/http:\S+/.exec(line)[0]);
    const status = page.getByRole('status');
    assert.equal(await status.textContent(), 'Not paid yet.');
    await page.getByRole('button', { name: 'Pay 2,500 XOF' }).click();
    await page.getByText('Confirm the payment on your phone.').waitFor();
    await page.getByText('Paid. Thank you!').waitFor();
    const texts = [...sent, ...(await Promise.all(received))].join('\n');
    assert.ok(texts.includes(publicKey.key) && texts.includes('/v1/client/operations/col_'));
    assert.ok(!texts.includes('sk_test_'));
    await page.close();
  } finally {
    checkout.kill('SIGTERM');
  }
});
