import { showAmount } from '../../dist/src/logs/shown-amount.js';
import { BATCH_EVENTS } from './publish.mjs';

/** What somebody who tries the service wants to know; `waiting`: the operations that are still pending. */
export function report({ published, receiver, waiting }) {
  const singles = published.filter(({ isSingle }) => isSingle);
  const batched = published.filter(({ isSingle }) => !isSingle);
  console.log(`
  events sent          ${published.length}
  delivered            ${published.filter(({ id }) => receiver.has(id)).length}
  verified             ${receiver.verifiedIds().length}
  duplicates           ${receiver.duplicates}

  from publish to receipt
    single publishes   ${showLatency(singles, receiver)}
    batches of ${BATCH_EVENTS}      ${showLatency(batched, receiver)}
`);
  for (const [kind, title] of [
    ['collect', 'Collects'],
    ['payment', 'Payments'],
  ]) {
    const operations = waiting.filter((operation) => operation.kind === kind);
    console.log(`  ${title} that still wait: ${operations.length}`);
    for (const line of sumByCurrency(operations)) console.log(`    ${line}`);
  }
}

/** One sentence for each thing that is not as it should be. */
export function findProblems({ sample, published, receiver }) {
  const problems = [];
  const missing = published.filter(({ id }) => !receiver.has(id));
  if (published.length < sample.length) problems.push(`${sample.length - published.length} events were not accepted.`);
  if (missing.length > 0) {
    const named = missing.slice(0, 3).map(({ id }) => id);
    problems.push(`${missing.length} events did not arrive (${named.join(', ')}${missing.length > 3 ? ', …' : ''}).`);
  }
  const { refusals } = receiver;
  if (refusals.length > 0) problems.push(`${refusals.length} requests failed verification: ${refusals[0]}.`);
  const unknown = receiver.verifiedIds().length - (published.length - missing.length);
  if (unknown > 0) problems.push(`${unknown} events arrived that nobody published.`);
  return problems;
}

/** Sums can exceed 2^53, so they are BigInt. */
function sumByCurrency(operations) {
  const sums = new Map();
  for (const { currency, amount } of operations) {
    const { count, sum } = sums.get(currency) ?? { count: 0, sum: 0n };
    sums.set(currency, { count: count + 1, sum: sum + BigInt(amount ?? 0) });
  }
  return [...sums]
    .sort(([a], [b]) => (a ?? '').localeCompare(b ?? ''))
    .map(([currency, { count, sum }]) =>
      currency === null ? `${count} without a currency` : `${count} of ${showAmount('en', sum, currency)} in all`,
    );
}

/** From the beginning of a publish's request: its webhooks may arrive before its answer. */
function showLatency(published, receiver) {
  const sorted = published
    .filter(({ id }) => receiver.has(id))
    .map(({ id, sentMs }) => receiver.arrivedMs(id) - sentMs)
    .sort((a, b) => a - b);
  if (sorted.length === 0) return '–';
  const nearestRank = (share) => `${sorted[Math.ceil(share * sorted.length) - 1].toFixed(0)} ms`;
  return `p50 ${nearestRank(0.5)}, p99 ${nearestRank(0.99)}`;
}
