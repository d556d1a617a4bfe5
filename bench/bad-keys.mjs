// The flood of `bench/keys.mjs`, in a process of its own: bad keys of every sort at a given rate, told to stop by time.
import { setTimeout as sleep } from 'node:timers/promises';
import { Pool } from 'undici';

const BURST_MS = 20;
const { makeKeySecret, keyChecksum } = await import('../dist/src/config/key-format.js');

process.on('message', ({ origin, key, perSecond, durationMs }) => {
  void flood(origin, key, perSecond, durationMs).then((counts) => process.send(counts));
});

process.on('disconnect', () => process.exit(0));
process.send({ ready: true });

async function flood(origin, goodKey, perSecond, durationMs) {
  const pool = new Pool(origin, { connections: 32, pipelining: 1 });
  const counts = { refused: 0, limited: 0 };
  const send = async (key) => {
    const headers = { authorization: `Bearer ${key}` };
    const { statusCode, body } = await pool.request({ method: 'GET', path: '/v1/account', headers });
    await body.dump();
    if (statusCode === 401) counts.refused += 1;
    else if (statusCode === 429) counts.limited += 1;
    else throw new Error(`A bad key got ${statusCode}.`);
  };
  const endMs = performance.now() + durationMs;
  const sent = [];
  for (let number = 0; performance.now() < endMs;) {
    for (let i = 0; i < (perSecond * BURST_MS) / 1_000; i++) sent.push(send(badKey(number++, goodKey)));
    await sleep(BURST_MS);
  }
  await Promise.all(sent);
  await pool.close();
  return counts;
}

/** In turn: malformed, a wrong checksum, unknown, and the good key's public part with another secret. */
function badKey(number, goodKey) {
  const wrongSecret = goodKey.slice(0, 20) + makeKeySecret(30);
  const unknown = `sk_test_${makeKeySecret(42)}`;
  if (number % 4 === 0) return 'sk_test_short';
  if (number % 4 === 1) return `${unknown}000000`;
  const before = number % 4 === 2 ? unknown : wrongSecret;
  return before + keyChecksum(before);
}
