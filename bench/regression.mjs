// The guard of `npm run bench -- --quick`: ratios to limits of the same run beside those committed. Only a ratio that
// is certain and below half of its committed one fails; a machine that is too busy to tell cannot fail a change.
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { doubt } from './statistics.mjs';

const COMMITTED = 'bench/committed-ratios.json';
const SMALLEST_SHARE = 0.5;

/** Prints each guarded ratio beside the committed one; whether none fell below half of its own. */
export function isWithin({ figures }, committed = readCommitted()) {
  const verdicts = guarded(figures).map((figure) => {
    const { label, ratio } = figure;
    const before = committed[label];
    const why = before === undefined ? 'none is committed' : doubt(ratio, { isTimed: true });
    const hasFallen = why === null && ratio.median < before * SMALLEST_SHARE;
    const said = why === null ? (hasFallen ? 'BELOW HALF' : 'ok') : `cannot judge: ${why}`;
    console.log(`${label}: ${ratio.median.toFixed(2)} (committed ${before?.toFixed(2) ?? '–'}): ${said}`);
    return !hasFallen;
  });
  return !verdicts.includes(false);
}

/** Makes these ratios the committed ones; one that is not certain stays as it was. */
export function commitRatios({ figures, machine, versions }) {
  const ratios = readCommitted();
  for (const { label, ratio } of guarded(figures)) {
    const why = doubt(ratio, { isTimed: true });
    if (why === null) ratios[label] = Math.round(ratio.median * 100) / 100;
    else console.log(`${label} is not committed: ${why}`);
  }
  const text = { measuredOn: `${machine}, Node ${versions.node}, PostgreSQL ${versions.postgresql}`, ratios };
  writeFileSync(COMMITTED, `${JSON.stringify(text, null, 2)}\n`);
  console.log(`Wrote ${COMMITTED}.`);
}

function guarded(figures) {
  return figures
    .filter(({ guarded }) => guarded)
    .map((figure) => ({ ...figure, label: `${figure.name} ÷ ${figure.limit.name}` }));
}

function readCommitted() {
  return existsSync(COMMITTED) ? JSON.parse(readFileSync(COMMITTED, 'utf8')).ratios : {};
}
