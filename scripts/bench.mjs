// `npm run bench [-- name … --smoke --full --write --minutes N]` runs the benches of bench/ one after another, each in a
// process of its own, and writes bench/RESULTS.md; `--quick [--commit]` is the guard of CI. docs/performance.md has more.
import { fork } from 'node:child_process';
import { parseArgs } from 'node:util';
import { FOLDER_PREFIX, removeLeftovers } from '../bench/leftovers.mjs';
import { removeAbandoned } from './abandoned-folders.mjs';
import { prepare } from './prepare.mjs';

const BENCHES = [
  ...['dispatch', 'ingest', 'latency', 'history', 'log-search', 'backlog', 'fairness', 'keys', 'streams'],
  ...['statements', 'soak'],
];
/** Longer than any bench of its size takes, soak aside. */
const LIMIT_MINUTES = { smoke: 5, usual: 15, full: 120, quick: 2 };
const STOP_MS = 30_000;

prepare();
const { writeResults } = await import('../bench/report.mjs');
const { toSection } = await import('../bench/table.mjs');
const { commitRatios, isWithin } = await import('../bench/regression.mjs');
const { names, size, options, writes, commits } = readArguments();
await removeAbandoned(FOLDER_PREFIX);

let child = null;
let interrupted = false;
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) {
  process.on(signal, () => {
    interrupted = true;
    stop();
  });
}
process.exitCode = size === 'quick' ? await guard() : await runAll();

async function runAll() {
  const results = [];
  for (const name of names) {
    console.log(`— ${name}`);
    const result = await runBench(name);
    if (interrupted) return 130;
    if (result === null) continue;
    results.push(result);
    console.log(`\n${toSection(result)}`);
  }
  if (writes && results.length > 0) await writeResults(results, BENCHES);
  return results.length === names.length ? 0 : 1;
}

/** Fails for nothing but a ratio that fell: a machine that cannot run the bench in time cannot judge a change. */
async function guard() {
  const result = await runBench('quick');
  if (interrupted) return 130;
  if (result === null) {
    console.log('The ratios cannot be judged: the bench did not end.');
    return 0;
  }
  if (commits) commitRatios(result);
  return isWithin(result) ? 0 : 1;
}

/** What the bench measured; null when it failed or did not end in time. Nothing that it started outlives it. */
async function runBench(name) {
  const started = { pids: [], folders: [] };
  let result = null;
  child = fork('bench/run.mjs', [name, size, JSON.stringify(options)]);
  child.on('message', (message) => {
    if (message.pid !== undefined) started.pids.push(message.pid);
    if (message.folder !== undefined) started.folders.push(message.folder);
    if (message.result !== undefined) result = message.result;
  });
  const ended = new Promise((resolve) => child.once('exit', resolve));
  const limit = setTimeout(stop, (LIMIT_MINUTES[size] + (options.minutes ?? 0)) * 60_000);
  const code = await ended;
  clearTimeout(limit);
  child = null;
  if (code !== 0) {
    await removeLeftovers(started);
    console.error(`The bench ${name} ended with ${code ?? 'a signal'}.`);
    return null;
  }
  return result;
}

/** Asks the bench to end, and ends it when it does not. */
function stop() {
  const stopped = child;
  stopped?.kill('SIGTERM');
  setTimeout(() => stopped?.kill('SIGKILL'), STOP_MS).unref();
}

function readArguments() {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      ...{ smoke: { type: 'boolean' }, full: { type: 'boolean' }, quick: { type: 'boolean' } },
      ...{ write: { type: 'boolean' }, commit: { type: 'boolean' }, minutes: { type: 'string' } },
    },
  });
  const unknown = positionals.filter((name) => !BENCHES.includes(name));
  if (unknown.length > 0) refuse(`There is no bench ${unknown.join(', ')}. There are: ${BENCHES.join(', ')}.`);
  const minutes = values.minutes === undefined ? undefined : Number(values.minutes);
  if (minutes !== undefined && !(minutes > 0)) refuse(`--minutes wants a number above 0, and got ${values.minutes}.`);
  const isWhole = positionals.length === 0 && !values.smoke;
  return {
    names: positionals.length > 0 ? positionals : BENCHES,
    size: ['quick', 'smoke', 'full'].find((name) => values[name]) ?? 'usual',
    options: minutes === undefined ? {} : { minutes },
    writes: values.write ?? isWhole,
    commits: values.commit ?? false,
  };
}

function refuse(message) {
  console.error(message);
  process.exit(1);
}
