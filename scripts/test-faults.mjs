// `npm run test:faults [-- --minutes 20] [--seed N] [--only kill,stop,…]`: breaks a running service in every way that it
// promises to outlive, and judges from outside. Without `--minutes` each scenario runs once. See docs/faults.md.
import { spawnSync } from 'node:child_process';
import { parseArgs } from 'node:util';
import { prepare } from './prepare.mjs';

const QUICK_SEED = 1;

prepare();
const { runFaults, SCENARIO_NAMES } = await import('../test/faults/run.mjs');
const { values } = parseArgs({
  options: { minutes: { type: 'string' }, seed: { type: 'string' }, only: { type: 'string' } },
});
const minutes = values.minutes === undefined ? null : Number(values.minutes);
const seed = values.seed === undefined ? (minutes === null ? QUICK_SEED : Date.now() % 1_000_000) : Number(values.seed);
const names = values.only?.split(',') ?? SCENARIO_NAMES;
const unknown = names.filter((name) => !SCENARIO_NAMES.includes(name));
if (unknown.length > 0 || !(minutes === null || minutes > 0) || !Number.isSafeInteger(seed)) {
  console.error(`--minutes and --seed take a number, --only some of: ${SCENARIO_NAMES.join(', ')}.`);
  process.exit(1);
}
// A checker that sees nothing would find nothing.
const checked = spawnSync(process.execPath, ['--test', 'test/faults/checker.test.mjs'], { encoding: 'utf8' });
if (checked.status !== 0) {
  console.error(checked.stdout);
  process.exit(1);
}
process.exit((await runFaults({ names, seed, minutes })) ? 0 : 1);
