import {
  FAILURES_TO_OPEN,
  FIRST_OPEN_MS,
  MAX_OPEN_MS,
  type PaceOutcome,
} from '../../../src/dispatcher/endpoint-pace.js';

/** What docs/delivering.md promises a receiver in trouble, watched from outside: from requests and their ends alone. */
export class PaceOracle {
  private run = 0;
  private openedAtMs: number | null = null;
  private openMs = 0;
  private closedAtMs = -Infinity;
  private successes = Infinity;
  private pausedUntilMs = -Infinity;

  constructor(readonly revision: number) {}

  /** What a request that begins now breaks, `inTheAirSince` being when those in the air began; null: nothing. */
  violationOf(nowMs: number, inTheAirSince: readonly number[]): string | null {
    if (nowMs < this.pausedUntilMs) return 'sent during a pause that the receiver asked for';
    if (this.openedAtMs !== null) {
      if (nowMs < this.openedAtMs + this.openMs) return 'sent while the circuit is open';
      const openedAtMs = this.openedAtMs;
      if (inTheAirSince.some((atMs) => atMs >= openedAtMs)) return 'probed twice at once';
      return null;
    }
    const ramped = inTheAirSince.filter((atMs) => atMs >= this.closedAtMs).length;
    return ramped > this.successes ? 'no ramp after the circuit closed' : null;
  }

  end(outcome: PaceOutcome, sentAtMs: number, nowMs: number, pauseMs: number | null): void {
    if (outcome === 'succeeded' || outcome === 'answered') this.answer(outcome, nowMs);
    else this.fail(sentAtMs, nowMs);
    if (pauseMs !== null) this.pausedUntilMs = Math.max(this.pausedUntilMs, nowMs + Math.min(pauseMs, MAX_OPEN_MS));
  }

  private answer(outcome: 'succeeded' | 'answered', nowMs: number): void {
    if (this.openedAtMs !== null) {
      this.openedAtMs = null;
      this.closedAtMs = nowMs;
      this.run = 0;
      this.successes = 0;
    } else if (outcome === 'succeeded') {
      this.run = 0;
      this.successes += 1;
    }
  }

  private fail(sentAtMs: number, nowMs: number): void {
    if (this.openedAtMs !== null) {
      if (sentAtMs < this.openedAtMs) return;
      this.openMs = Math.min(MAX_OPEN_MS, this.openMs * 2);
      this.openedAtMs = nowMs;
      return;
    }
    if (sentAtMs < this.closedAtMs) return;
    this.run += 1;
    if (this.run < FAILURES_TO_OPEN) return;
    this.openedAtMs = nowMs;
    this.openMs = FIRST_OPEN_MS;
  }
}
