import type { SendResult } from '../webhooks/sending/webhook-client.js';

/** Requests in the air at first, when nothing is known of a receiver yet. */
export const START_CONCURRENCY = 4;
/** So many failures without a success between them open the circuit. */
export const FAILURES_TO_OPEN = 20;
/** How long the circuit stays open at first; each failed probe doubles it. */
export const FIRST_OPEN_MS = 1_000;
/** The longest time without a probe; a receiver that comes back waits for no more than this. */
export const MAX_OPEN_MS = 30_000;

/**
 * What an attempt says of its receiver. `slow`: it is overloaded or away (429, 502, 503, 504, time run out, connection
 * refused or cut). `failed`: it does not work (other 5xx, 408, DNS, TLS, no HTTP). `answered`: it works, and refuses
 * this one request (other 3xx and 4xx).
 */
export type PaceOutcome = 'succeeded' | 'slow' | 'failed' | 'answered';

export type CircuitState = 'closed' | 'open' | 'half_open';

const SLOW_STATUSES = new Set([429, 502, 503, 504]);
const SLOW_ERRORS = new Set(['timeout', 'reset', 'connect']);
const REQUEST_TIMEOUT = 408;
/** The statuses whose `Retry-After` is about the receiver, and not about the one request (RFC 9110, RFC 6585). */
const PAUSING_STATUSES = new Set([429, 503]);

export function paceOutcome({ statusCode, error }: Pick<SendResult, 'statusCode' | 'error'>): PaceOutcome {
  if (error !== null) return SLOW_ERRORS.has(error.code) ? 'slow' : 'failed';
  const status = statusCode ?? 0;
  if (status >= 200 && status < 300) return 'succeeded';
  if (SLOW_STATUSES.has(status)) return 'slow';
  return status >= 500 || status < 300 || status === REQUEST_TIMEOUT ? 'failed' : 'answered';
}

/** Whether the answer's `Retry-After` holds the whole endpoint back. */
export function isPausing({ statusCode, error }: Pick<SendResult, 'statusCode' | 'error'>): boolean {
  return error === null && statusCode !== null && PAUSING_STATUSES.has(statusCode);
}

export interface PacedAttempt {
  readonly outcome: PaceOutcome;
  /** When its request began, on the clock of `nowMs`. */
  readonly sentAtMs: number;
  /** A pause that the receiver asked for on behalf of all; null: none. */
  readonly pauseMs: number | null;
}

/**
 * How much one endpoint is sent at a time, as its answers say: concurrency halves when it is slow and grows by one with
 * each round of successes; after a run of failures the circuit opens, and one delivery at a time probes until an
 * answer closes it, from where the concurrency grows from 1 again. The rule as a table: docs/delivering.md.
 *
 * It lives in the memory of the lane's owner, who alone sends for the endpoint, so it is exact. A process that knows
 * nothing of the endpoint starts with a closed circuit at `START_CONCURRENCY` and doubles with each round until the
 * first sign of trouble; one that had the lane before under the same lease goes on from where it was (`LaneRegistry`).
 */
export class EndpointPace {
  private limit: number;
  /** Below it the concurrency grows with each success, from it on with each round of them. */
  private cautiousFrom: number;
  private successesOfRound = 0;
  private failures = 0;
  /** A request that began before it does not speak of the pace as it is now. */
  private slowedAtMs = -Infinity;
  /** A failure of a request that began before it is old news: the receiver has answered since. */
  private closedAtMs = -Infinity;
  /** Null: closed. */
  private circuit: { openedAtMs: number; openMs: number } | null = null;
  private pausedUntilMs = -Infinity;

  constructor(private readonly maxConcurrency: number) {
    this.limit = Math.min(START_CONCURRENCY, maxConcurrency);
    this.cautiousFrom = maxConcurrency;
  }

  /** Requests that may be in the air at once, apart from any pause. */
  get concurrency(): number {
    return this.circuit === null ? this.limit : 1;
  }

  stateAt(nowMs: number): CircuitState {
    if (this.circuit === null) return 'closed';
    return nowMs < this.circuit.openedAtMs + this.circuit.openMs ? 'open' : 'half_open';
  }

  /** How many requests may begin now beside the `sending` ones in the air. */
  room(nowMs: number, sending: number): number {
    return this.waitMs(nowMs) > 0 ? 0 : Math.max(0, this.concurrency - sending);
  }

  /** Whether one that was allowed before may still begin, with `sending` in the air: no pause, no open circuit. */
  mayBegin(nowMs: number, sending: number): boolean {
    return this.circuit === null ? this.waitMs(nowMs) === 0 : this.room(nowMs, sending) > 0;
  }

  /** Milliseconds until the next request may begin at all; 0: now. */
  waitMs(nowMs: number): number {
    const openUntilMs = this.circuit === null ? -Infinity : this.circuit.openedAtMs + this.circuit.openMs;
    return Math.max(0, openUntilMs - nowMs, this.pausedUntilMs - nowMs);
  }

  record({ outcome, sentAtMs, pauseMs }: PacedAttempt, nowMs: number): void {
    if (outcome === 'succeeded') this.succeed(nowMs);
    else if (outcome === 'answered') this.close(nowMs);
    else this.fail(outcome, sentAtMs, nowMs);
    if (pauseMs !== null) this.pausedUntilMs = Math.max(this.pausedUntilMs, nowMs + Math.min(pauseMs, MAX_OPEN_MS));
  }

  private succeed(nowMs: number): void {
    if (this.close(nowMs)) return;
    this.failures = 0;
    if (this.limit >= this.maxConcurrency) return;
    this.successesOfRound += 1;
    if (this.limit >= this.cautiousFrom && this.successesOfRound < this.limit) return;
    this.limit += 1;
    this.successesOfRound = 0;
  }

  private fail(outcome: 'slow' | 'failed', sentAtMs: number, nowMs: number): void {
    if (this.circuit !== null) {
      if (sentAtMs < this.circuit.openedAtMs) return; // It began before; only a probe says anything now.
      this.circuit = { openedAtMs: nowMs, openMs: Math.min(MAX_OPEN_MS, this.circuit.openMs * 2) };
      return;
    }
    if (sentAtMs < this.closedAtMs) return;
    this.failures += 1;
    if (outcome === 'slow' && sentAtMs >= this.slowedAtMs) this.setCautious(Math.floor(this.limit / 2), nowMs);
    if (this.failures >= FAILURES_TO_OPEN) this.circuit = { openedAtMs: nowMs, openMs: FIRST_OPEN_MS };
  }

  /** @returns whether it was not closed before. */
  private close(nowMs: number): boolean {
    if (this.circuit === null) return false;
    this.circuit = null;
    this.failures = 0;
    this.closedAtMs = nowMs;
    this.setCautious(1, nowMs);
    return true;
  }

  private setCautious(limit: number, sinceMs: number): void {
    this.limit = Math.max(1, limit);
    this.cautiousFrom = this.limit;
    this.successesOfRound = 0;
    this.slowedAtMs = sinceMs;
  }
}
