import { Injectable } from '@nestjs/common';

/** This process's clock. What is due or expired is judged by the database's clock, never by this one. */
@Injectable()
export class Clock {
  now(): Date {
    return new Date();
  }

  /** Milliseconds that only rise, for durations and for deadlines of this process. */
  monotonicMs(): number {
    return performance.now();
  }
}
