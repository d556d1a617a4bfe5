import { MAX_TIMEOUT_MS } from '../webhooks/endpoint-rules.js';

/** The waits after each attempt: 5 s, 30 s, 2 min, 10 min, 30 min, 1 h, 3 h, 6 h, 12 h, then a day each (API.md). */
export const DEFAULT_WAITS_SECONDS = [5, 30, 120, 600, 1_800, 3_600, 10_800, 21_600, 43_200] as const;
const DAY_SECONDS = 86_400;
/** No attempt begins later than this after the first one. */
export const RETRY_WINDOW_MS = 8 * DAY_SECONDS * 1_000;
/** A receiver may ask for a pause of at most this. */
const MAX_RETRY_AFTER_MS = DAY_SECONDS * 1_000;
const JITTER = 0.2;

export interface RetryInput {
  /** The number of the attempt that failed, from 1. */
  readonly attemptNumber: number;
  /** Since the first attempt began. */
  readonly elapsedMs: number;
  /** The endpoint's own waits in seconds; null: the default. */
  readonly schedule: readonly number[] | null;
  /** What the receiver asked for, in milliseconds from now; null: nothing. */
  readonly retryAfterMs: number | null;
  /** Uniform in [0, 1). */
  readonly random: number;
}

/**
 * Milliseconds until the next attempt; null: the schedule is exhausted. The schedule's wait is moved by ±20 %; a later
 * `Retry-After` is honoured to 24 hours and never shortened. An endpoint's own waits may fill the window to the last
 * second: jitter and what requests take cost none of them.
 */
export function nextWaitMs(input: RetryInput): number | null {
  const waitSeconds = scheduledWait(input.attemptNumber, input.schedule);
  if (waitSeconds === null) return null;
  const jittered = waitSeconds * 1_000 * (1 + JITTER * (2 * input.random - 1));
  const asked = Math.min(input.retryAfterMs ?? 0, MAX_RETRY_AFTER_MS);
  const leftMs = RETRY_WINDOW_MS - input.elapsedMs;
  const own =
    input.schedule === null ? null : fitOwnWait(jittered, leftMs, input.schedule.slice(input.attemptNumber - 1));
  const waitMs = Math.max(own ?? jittered, asked);
  return leftMs <= 0 || waitMs > leftMs ? null : waitMs;
}

/**
 * The first of these `waits`, moved no further than leaves room for the others. A delivery that was held up for long
 * keeps four fifths of each as far as the window goes, and has its last attempt at the window's end.
 */
function fitOwnWait(jitteredMs: number, leftMs: number, [seconds = 0, ...later]: readonly number[]): number {
  const laterMs = later.reduce((sum, wait) => sum + wait * 1_000 + MAX_TIMEOUT_MS, 0);
  const fittingMs = Math.max(leftMs - laterMs, seconds * 1_000 * (1 - JITTER));
  return Math.min(jitteredMs, fittingMs, leftMs);
}

/** How long a delivery may take from its first attempt to its last, jitter aside. */
export function longestWaitMs(schedule: readonly number[] | null): number {
  return schedule === null ? RETRY_WINDOW_MS : schedule.reduce((sum, seconds) => sum + seconds, 0) * 1_000;
}

function scheduledWait(attemptNumber: number, schedule: readonly number[] | null): number | null {
  if (schedule !== null) return schedule[attemptNumber - 1] ?? null;
  return DEFAULT_WAITS_SECONDS[attemptNumber - 1] ?? DAY_SECONDS;
}

/**
 * A `Retry-After` in milliseconds from `nowMs`: seconds or an HTTP date (RFC 9110, 10.2.3); null when it is neither.
 */
export function parseRetryAfter(header: string | null, nowMs: number): number | null {
  if (header === null) return null;
  const text = header.trim();
  if (/^\d{1,9}$/.test(text)) return Number(text) * 1_000;
  if (!/^[A-Za-z]{3,9},? /.test(text)) return null;
  const time = Date.parse(text);
  return Number.isNaN(time) ? null : Math.max(0, time - nowMs);
}
