import { setImmediate as nextTurn } from 'node:timers/promises';
import { TimeHeap } from '../../../src/dispatcher/time-heap.js';

/** Turns of the event loop without anything done, after which nothing more will be done at this moment. */
const QUIET_TURNS = 3;

/** A clock that moves only when told, from event to event; what each sets going is over before the next. */
export class VirtualTime {
  nowMs = 0;
  private readonly events = new TimeHeap<() => void>();
  private activity = 0;

  /** Whoever does something asynchronously says so, each time. */
  touch(): void {
    this.activity += 1;
  }

  at(atMs: number, work: () => void): void {
    this.events.push(Math.max(atMs, this.nowMs), work);
  }

  async advance(byMs: number): Promise<void> {
    const endMs = this.nowMs + byMs;
    await this.settle();
    while ((this.events.nextMs ?? Infinity) <= endMs) {
      this.nowMs = this.events.nextMs!;
      for (let due = this.events.popDue(this.nowMs); due !== null; due = this.events.popDue(this.nowMs)) due.item();
      await this.settle();
    }
    this.nowMs = endMs;
  }

  async settle(): Promise<void> {
    for (let quiet = 0, seen = this.activity; quiet < QUIET_TURNS;) {
      await nextTurn();
      quiet = seen === this.activity ? quiet + 1 : 0;
      seen = this.activity;
    }
  }
}
