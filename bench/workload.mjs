// What the benches publish, to whom, and how they count.

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

/** The secret keys of `count` new accounts, each with `fanOut` endpoints that lead to the sink. */
export async function makeAccounts(api, adminKey, count, fanOut, sinkPort) {
  const keys = [];
  for (let i = 0; i < count; i++) {
    const { keys: made } = await api.call('POST', '/v1/admin/accounts', adminKey, { name: `Bench ${i}` });
    const { key } = made.find(({ mode }) => mode === 'test').secret_key;
    keys.push(key);
    for (let n = 0; n < fanOut; n++) {
      const url = `http://127.0.0.1:${sinkPort}/hook/${n}`;
      await api.call('POST', '/v1/webhook-endpoints', key, { url, event_types: ['*'] });
    }
  }
  return keys;
}

/** Milliseconds since 1970, with fractions: comparable between processes. */
export function now() {
  return performance.timeOrigin + performance.now();
}

export function perSecond(count, milliseconds) {
  return Math.round(count / (milliseconds / 1_000));
}

/** The middle of several measurements, and how far apart the slowest and the fastest are, in percent of the slowest. */
export function median(measurements) {
  const sorted = [...measurements].sort((a, b) => a - b);
  return {
    middle: sorted[Math.floor(sorted.length / 2)],
    spread: Math.round((sorted.at(-1) / sorted[0] - 1) * 100),
  };
}
