// Publishes at given times, whatever became of those before, and counts each latency from the time at which it was due:
// a service that stalls is charged for all that should have been sent meanwhile (no coordinated omission).
import { setTimeout as sleep } from 'node:timers/promises';
import { setImmediate as yieldOnce } from 'node:timers/promises';
import { monotonicMs } from './statistics.mjs';

/** Timers fire a millisecond late or more; the rest is waited for in `Atomics.wait`, which costs no CPU. */
const TIMER_LATENESS_MS = 2;
const cell = new Int32Array(new SharedArrayBuffer(4));

async function sleepUntil(dueMs) {
  const left = dueMs - monotonicMs();
  if (left > TIMER_LATENESS_MS) await sleep(left - TIMER_LATENESS_MS);
  else await yieldOnce();
  const rest = dueMs - monotonicMs();
  if (rest > 0) Atomics.wait(cell, 0, 0, rest);
}

/**
 * Calls `send(n)` `perSecond` times a second for `seconds`; `send` resolves with the id under which its receiver knows
 * it. Resolves with `Map(id → when it was due)` when all are answered.
 */
export async function sendOpenLoop(perSecond, seconds, send) {
  const dueTimes = new Map();
  const sent = [];
  const beginMs = monotonicMs() + 20;
  for (let n = 0; n < perSecond * seconds; n++) {
    const dueMs = beginMs + (n * 1_000) / perSecond;
    await sleepUntil(dueMs);
    sent.push(send(n).then((id) => dueTimes.set(id, dueMs)));
  }
  await Promise.all(sent);
  return dueTimes;
}

/** The latencies, in milliseconds, of what was due and arrived; throws when something did not. */
export function latencies(dueTimes, arrivals) {
  const arrived = new Map(arrivals);
  return [...dueTimes].map(([id, dueMs]) => {
    const atMs = arrived.get(id);
    if (atMs === undefined) throw new Error(`${id} was published and never received.`);
    return atMs - dueMs;
  });
}
