const ASK_EVERY_MS = 1_000;
const SENTENCES = {
  pending: 'Confirm the payment on your phone.',
  succeeded: 'Paid. Thank you!',
  failed: 'The payment failed.',
  expired: 'The payment was not confirmed in time.',
  cancelled: 'The payment was cancelled.',
};

/** The collect as a page may see it; waits as long as the service asks when it is busy. */
async function readCollect({ url, publicKey, operation, clientToken }) {
  const response = await fetch(`${url}/v1/client/operations/${encodeURIComponent(operation)}`, {
    headers: { authorization: `Bearer ${publicKey}`, 'signalpost-client-token': clientToken },
  });
  if (response.ok) return response.json();
  const problem = await response.json();
  if (response.status !== 429 && response.status !== 503) throw new Error(`${problem.code}: ${problem.detail}`);
  await pause(1_000 * Number(response.headers.get('retry-after') ?? 1));
  return { status: 'pending' };
}

/** Asks until the collect has ended; `show` is told each status. */
async function follow(collect, show) {
  for (;;) {
    const { status } = await readCollect(collect);
    show(status);
    if (status !== 'pending') return;
    await pause(ASK_EVERY_MS);
  }
}

function pause(milliseconds) {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}

const button = document.querySelector('button');
const line = document.querySelector('[role=status]');
button.addEventListener('click', async () => {
  button.disabled = true;
  try {
    const response = await fetch('/collects', { method: 'POST' });
    if (!response.ok) throw new Error('The shop could not begin the payment.');
    await follow(await response.json(), (status) => (line.textContent = SENTENCES[status] ?? status));
  } catch (error) {
    line.textContent = `Something went wrong. ${error.message}`;
  } finally {
    button.disabled = false;
  }
});
