// A platform and a merchant's receiver in one process: makes an account, publishes the sample fortnight, verifies what
// arrives. Exits with 1, and says why, when anything is missing.
import { openApi } from './api.mjs';
import { startProgress } from './progress.mjs';
import { publishAll } from './publish.mjs';
import { startReceiver } from './receiver.mjs';
import { findProblems, report } from './report.mjs';
import { loadSample } from './sample.mjs';
import { openService } from './service.mjs';

/** How long the deliveries may take after the last event was published. */
const DELIVERY_TIMEOUT_MS = 120_000;

/** How long the whole demo may take, whatever the service does. */
const TOTAL_TIMEOUT_MS = 300_000;

const interrupt = new AbortController();
for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => interrupt.abort());
const stop = AbortSignal.any([interrupt.signal, AbortSignal.timeout(TOTAL_TIMEOUT_MS)]);
const endings = [];

try {
  await demo();
} catch (error) {
  const reason = stop.aborted ? `it took longer than ${TOTAL_TIMEOUT_MS / 1_000} s.` : error.message;
  console.error(interrupt.signal.aborted ? '\nStopped.' : `\nThe demo failed: ${reason}`);
  process.exitCode = interrupt.signal.aborted ? 130 : 1;
} finally {
  for (const end of endings.reverse()) await end().catch((error) => console.error(error.message));
}

async function demo() {
  const service = await openService(stop, (end) => endings.push(end));
  const admin = openApi(service.url, service.adminKey, stop);
  const { account, keys } = await admin.post('/v1/admin/accounts', { name: 'Demo' });
  const secretKey = keys.find(({ mode }) => mode === 'test').secret_key.key;
  const merchant = openApi(service.url, secretKey, stop);

  const receiver = await startReceiver();
  endings.push(() => receiver.close());
  const endpoint = await addEndpoint(merchant, receiver.url);
  // Nobody listens there after this run; this must happen even after Ctrl-C.
  const remover = openApi(service.url, secretKey);
  endings.push(() => remover.remove(`/v1/webhook-endpoints/${endpoint.id}`));
  receiver.expect(endpoint.secret);
  console.log(`Account ${account.id}, endpoint ${endpoint.id} with a receiver at ${receiver.url}.`);

  const sample = loadSample(new Date());
  const progress = startProgress(sample.length, () => ({
    published: published.length,
    verified: receiver.verifiedIds().length,
  }));
  const published = [];
  try {
    await publishAll(merchant, sample, published);
    const isDone = () => receiver.refusals.length > 0 || published.every(({ id }) => receiver.has(id));
    await waitFor(isDone, DELIVERY_TIMEOUT_MS);
  } finally {
    progress.end();
  }

  const waiting = await merchant.list('/v1/operations?status=pending');
  report({ published, receiver, waiting });
  const problems = findProblems({ sample, published, receiver });
  if (problems.length > 0) throw new Error(problems.join(' '));
  console.log('\nEvery event arrived, and every signature is right.');
}

async function addEndpoint(merchant, url) {
  try {
    return await merchant.post('/v1/webhook-endpoints', { url, event_types: ['payment.*', 'collect.*'] });
  } catch (error) {
    if (!error.fields?.some(({ code }) => code === 'url_forbidden')) throw error;
    throw new Error(
      'the service does not send to loopback addresses; the demo needs it on the same machine, ' +
        'with WEBHOOK_ALLOWED_PRIVATE_CIDRS=127.0.0.0/8,::1/128.',
    );
  }
}

/** Returns when `isDone`, or when the time is over: the report then tells what is missing. */
async function waitFor(isDone, timeoutMs) {
  for (const endMs = performance.now() + timeoutMs; !isDone() && performance.now() < endMs;) {
    stop.throwIfAborted();
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
