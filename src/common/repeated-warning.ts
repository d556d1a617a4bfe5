import type { Clock } from './clock.js';

const FIRST_PAUSE_MS = 1_000;
const LONGEST_PAUSE_MS = 60_000;

/**
 * A warning that the same trouble would give again and again, such as a database that is away: told at once, then after
 * pauses that double up to a minute, with the number of times it was not told.
 */
export class RepeatedWarning {
  private pauseMs = 0;
  private quietUntilMs = 0;
  private untold = 0;

  /** `tell` is called with what is to be told. */
  constructor(
    private readonly tell: (message: string) => void,
    private readonly clock: Pick<Clock, 'monotonicMs'>,
  ) {}

  warn(message: string): void {
    const nowMs = this.clock.monotonicMs();
    if (nowMs < this.quietUntilMs) {
      this.untold += 1;
      return;
    }
    if (nowMs > this.quietUntilMs + LONGEST_PAUSE_MS) this.pauseMs = 0;
    this.tell(this.untold === 0 ? message : `${message} (and ${this.untold} times before)`);
    this.pauseMs = Math.min(Math.max(FIRST_PAUSE_MS, this.pauseMs * 2), LONGEST_PAUSE_MS);
    this.quietUntilMs = nowMs + this.pauseMs;
    this.untold = 0;
  }

  /** The trouble is over: the next one is told at once. */
  clear(): void {
    this.pauseMs = 0;
    this.quietUntilMs = 0;
    this.untold = 0;
  }
}
