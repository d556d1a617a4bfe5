import type { Lane } from './lane.js';
import { TimeHeap } from './time-heap.js';

/** What is due sooner gets a timer; what is due later is found by the poll in time. */
const TIMER_MS = 1_000;

/** When the next delivery of each lane is due. */
export class DueLanes {
  private readonly soon = new TimeHeap<Lane>();

  /** When the first lane with a timer is due; null: none has one. */
  get nextMs(): number | null {
    return this.soon.nextMs;
  }

  /** `dueMs`: null for nothing that is yet to become due. */
  set(lane: Lane, dueMs: number | null, nowMs: number): void {
    lane.nextDueMs = dueMs;
    if (dueMs !== null && dueMs - nowMs <= TIMER_MS) this.soon.push(dueMs, lane);
  }

  /** The next lane with a timer that has become due; null: no other has. */
  take(nowMs: number): Lane | null {
    for (let due = this.soon.popDue(nowMs); due !== null; due = this.soon.popDue(nowMs)) {
      if (due.item.nextDueMs === due.atMs) return due.item;
    }
    return null;
  }
}
