import { Injectable } from '@nestjs/common';

/** What a process did in some time. */
export interface ActivityCounts {
  /** Events published. */
  readonly events: number;
  /** Deliveries that an attempt of this process ended with success. */
  readonly deliveries: number;
  readonly failedAttempts: number;
}

const NOTHING: ActivityCounts = { events: 0, deliveries: 0, failedAttempts: 0 };

/** Counts what this process does, for whoever comes to take the counts away. */
@Injectable()
export class Activity {
  private counts = NOTHING;

  add(kind: keyof ActivityCounts, count: number): void {
    if (count > 0) this.counts = { ...this.counts, [kind]: this.counts[kind] + count };
  }

  /** What was done since the last taking; null: nothing. */
  take(): ActivityCounts | null {
    const taken = this.counts;
    this.counts = NOTHING;
    return taken === NOTHING ? null : taken;
  }

  putBack(counts: ActivityCounts): void {
    this.add('events', counts.events);
    this.add('deliveries', counts.deliveries);
    this.add('failedAttempts', counts.failedAttempts);
  }
}
