/** How much a gate may save up while it waits for work or for a timer; more would let bursts through. */
const SAVED_SECONDS = 0.02;

/** Lets at most so many through a second, evenly. It starts empty: nobody knows what a previous owner sent. */
export class RateGate {
  private tokens = 0;
  /** When the next one would pass if all had passed evenly. */
  private evenlyAtMs = -Infinity;

  constructor(
    private readonly perSecond: number,
    private updatedMs: number,
  ) {}

  /** How many may pass now. */
  available(nowMs: number): number {
    const capacity = Math.max(1, this.perSecond * SAVED_SECONDS);
    this.tokens = Math.min(capacity, this.tokens + ((nowMs - this.updatedMs) / 1_000) * this.perSecond);
    this.updatedMs = nowMs;
    return Math.floor(this.tokens);
  }

  /** They pass now: what came together meanwhile, beyond what may be saved, is not for the next ones. */
  take(count: number, nowMs: number): void {
    this.available(nowMs);
    this.tokens -= count;
  }

  /**
   * Milliseconds that one which was taken still has to wait, for those before it may have been held up on their way to
   * the network. (The generic cell rate algorithm.)
   */
  leave(nowMs: number): number {
    const intervalMs = 1_000 / this.perSecond;
    const savedMs = (Math.max(1, this.perSecond * SAVED_SECONDS) - 1) * intervalMs;
    const waitMs = Math.max(0, this.evenlyAtMs - savedMs - nowMs);
    this.evenlyAtMs = Math.max(this.evenlyAtMs, nowMs) + intervalMs;
    return waitMs;
  }

  /** Milliseconds until the next one may pass. */
  waitMs(): number {
    return this.tokens >= 1 ? 0 : ((1 - this.tokens) / this.perSecond) * 1_000;
  }
}
