import { removeAbandoned } from '../../scripts/abandoned-folders.mjs';
import { Cluster, FOLDER_PREFIX } from './cluster.mjs';
import { Random } from './random.mjs';
import { machine, Report } from './report.mjs';
import { playRound } from './round.mjs';
import { SCENARIOS } from './scenarios.mjs';
import { percentile } from './takeovers.mjs';

const MINUTE_MS = 60_000;
/** Judged in the long form alone: on a machine with other work a process may get no turn for seconds. */
const TAKEOVER_MS = 15_000;
/** A round that is not over by then is broken. */
const ROUND_MS = 8 * MINUTE_MS;
const INTERRUPTED = 130;

/**
 * Plays the scenarios, each once, or round and round for `minutes`; prints the table. Resolves with whether every
 * promise was kept, with nothing left behind.
 */
export async function runFaults({ names, seed, minutes }) {
  await removeAbandoned(FOLDER_PREFIX);
  const startedMs = Date.now();
  console.log(`Seed ${seed}; ${minutes === null ? 'each scenario once' : `${minutes} minutes`}: ${names.join(', ')}.`);
  const report = new Report();
  const random = new Random(seed);
  const cluster = new Cluster();
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) {
    process.once(signal, () => void cluster.stop().finally(() => process.exit(INTERRUPTED)));
  }
  const failures = [];
  try {
    await cluster.start();
    const isOver = () => minutes !== null && Date.now() - startedMs > minutes * MINUTE_MS;
    do {
      for (const name of names) {
        if (isOver()) break;
        report.add(name, await timed(name, within(playRound(name, { cluster, random, rounds: 1 }))));
      }
    } while (minutes !== null && !isOver() && report.violations().length === 0);
  } catch (error) {
    failures.push(error.stack);
  } finally {
    await cluster.stop();
  }
  failures.push(...report.violations(), ...(minutes === null ? [] : lateTakeovers(report)));
  console.log(`\n${report.toString()}\n\n${report.takeoverLine()}`);
  console.log(`${machine()}; ${((Date.now() - startedMs) / MINUTE_MS).toFixed(1)} minutes, seed ${seed}.`);
  for (const failure of failures) console.error(`BROKEN ${failure}`);
  console.log(failures.length === 0 ? 'Every promise was kept.' : `${failures.length} promises were broken.`);
  return failures.length === 0;
}

export const SCENARIO_NAMES = Object.keys(SCENARIOS);

async function timed(name, playing) {
  const startedMs = Date.now();
  const verdict = await playing;
  const { acknowledged, delivered, ended, duplicates, faults, inTheAir, violations } = verdict;
  const seconds = ((Date.now() - startedMs) / 1_000).toFixed(1).padStart(5);
  console.log(
    `${violations.length === 0 ? 'ok    ' : 'BROKEN'} ${name.padEnd(12)} ${seconds} s  ${faults} faults, ` +
      `${acknowledged} acknowledged, ${delivered} delivered, ${ended} ended otherwise, ${duplicates} duplicates of ${inTheAir} in the air`,
  );
  return verdict;
}

function within(playing) {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error('A round did not come to an end.')), ROUND_MS);
  });
  return Promise.race([playing, late]).finally(() => clearTimeout(timer));
}

function lateTakeovers({ takeoversMs }) {
  const p99 = percentile(takeoversMs, 0.99);
  return p99 !== null && p99 > TAKEOVER_MS ? [`takeover: p99 is ${p99} ms, more than ${TAKEOVER_MS} ms`] : [];
}
