// `node scripts/retry-schedule.mjs [runs]`: the waits of deliveries that fail to the end, as the table of
// docs/delivering.md has them.
import { prepare } from './prepare.mjs';

prepare();
const { describeRuns } = await import('../dist/src/dispatcher/retry-runs.js');
console.log(describeRuns(Number(process.argv[2] ?? 1_000), Math.random));
