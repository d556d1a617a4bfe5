// `node scripts/retry-schedule.mjs [runs]`: the waits of deliveries that fail to the end, as the table of
// docs/delivering.md has them.
import { prepare } from './prepare.mjs';

prepare();
const { ATTEMPT_MS, runSchedule } = await import('../dist/src/dispatcher/retry-runs.js');

const UNITS = [
  { name: 'd', ms: 86_400_000 },
  { name: 'h', ms: 3_600_000 },
  { name: 'min', ms: 60_000 },
  { name: 's', ms: 1_000 },
];

const runs = Number(process.argv[2] ?? 1_000);
const all = Array.from({ length: runs }, () => runSchedule(null, Math.random));
const longest = Math.max(...all.map((waits) => waits.length));
console.log('| after attempt | shortest | median | longest |\n|---|---|---|---|');
for (let step = 0; step < longest; step++) {
  const reached = all.filter((waits) => waits.length > step);
  const label = reached.length === runs ? `${step + 1}` : `${step + 1} (in ${reached.length} of ${runs})`;
  console.log(
    toRow(
      label,
      reached.map((waits) => waits[step]),
    ),
  );
}
console.log(
  toRow(
    'in all',
    all.map((waits) => waits.reduce((sum, waitMs) => sum + waitMs + ATTEMPT_MS, 0)),
  ),
);

/** A row in one unit, of which its median has one and a half at least: waits of about a day are all told in hours. */
function toRow(label, durationsMs) {
  const sorted = durationsMs.sort((a, b) => a - b);
  const median = sorted[Math.floor(sorted.length / 2)];
  const unit = UNITS.find(({ ms }) => median >= 1.5 * ms) ?? UNITS.at(-1);
  const shown = [sorted[0], median, sorted.at(-1)].map((ms) => `${(ms / unit.ms).toFixed(2)} ${unit.name}`);
  return `| ${label} | ${shown.join(' | ')} |`;
}
