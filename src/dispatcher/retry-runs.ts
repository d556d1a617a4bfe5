import { nextWaitMs } from './retry-schedule.js';

/** How long a request takes that fails in these runs. */
export const ATTEMPT_MS = 300;

/** The waits of one delivery whose every attempt fails, in milliseconds, until its schedule is exhausted. */
export function runSchedule(schedule: readonly number[] | null, random: () => number): number[] {
  const waits: number[] = [];
  for (let elapsedMs = ATTEMPT_MS; ; elapsedMs += ATTEMPT_MS) {
    const input = { attemptNumber: waits.length + 1, elapsedMs, schedule, retryAfterMs: null, random: random() };
    const waitMs = nextWaitMs(input);
    if (waitMs === null) return waits;
    waits.push(waitMs);
    elapsedMs += waitMs;
  }
}
