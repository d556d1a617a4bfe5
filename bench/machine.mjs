// The machine that a bench runs on, and whether it has time for it.
import { cpus, loadavg, totalmem, type } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';

const SAMPLE_MS = 1_000;
const MAX_BUSY_PERCENT = 15;
const MAX_WAIT_MS = 20_000;

export function describeMachine() {
  const memoryGb = Math.round(totalmem() / 2 ** 30);
  return `${cpus().length} × ${cpus()[0].model.trim()}, ${memoryGb} GB, ${type()}`;
}

/**
 * Why figures of this machine cannot be told now; null: they can. Gives a busy machine some time to come to rest, for
 * what ended a moment ago.
 */
export async function troubleWithMachine(waitMs = MAX_WAIT_MS) {
  if (cpus().length < 2) return '1 core';
  const endMs = performance.now() + waitMs;
  for (;;) {
    const busy = await busyPercent();
    if (busy <= MAX_BUSY_PERCENT) return null;
    if (performance.now() > endMs)
      return `busy machine: others used ${Math.round(busy)} % of it before the start, load average ${loadavg()[0].toFixed(1)}`;
  }
}

/** The share of all cores' time that was used, while this process slept. */
async function busyPercent() {
  const before = sumTimes();
  await sleep(SAMPLE_MS);
  const after = sumTimes();
  return 100 * (1 - (after.idle - before.idle) / (after.all - before.all));
}

function sumTimes() {
  const all = cpus().map(({ times }) => times);
  const sum = (values) => values.reduce((a, b) => a + b, 0);
  return { idle: sum(all.map(({ idle }) => idle)), all: sum(all.flatMap((times) => Object.values(times))) };
}
