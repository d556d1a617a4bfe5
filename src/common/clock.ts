import { Injectable } from '@nestjs/common';

/**
 * This process's clock, set by the database's where the machine's own is wrong (`ClockSync`). What is due or expired is
 * judged by the database itself.
 */
@Injectable()
export class Clock {
  private correctionMs = 0;

  now(): Date {
    return new Date(Date.now() + this.correctionMs);
  }

  /** Milliseconds that only rise, for durations and for deadlines of this process. */
  monotonicMs(): number {
    return performance.now();
  }

  /** `correctionMs`: what to add to the machine's clock. */
  correct(correctionMs: number): void {
    this.correctionMs = correctionMs;
  }
}
