import type { Lane } from './lane.js';
import { TimeHeap } from './time-heap.js';

/**
 * Whose turn it is: accounts take turns, then the lanes of each. A lane that may not send yet (its rate, its circuit)
 * is held aside until its time, so that thousands of those cost the others nothing.
 */
export class LaneTurns {
  /** Both maps in the order of their turns. */
  private readonly accounts = new Map<string, Map<string, Lane>>();
  private readonly held = new TimeHeap<Lane>();

  /** Nothing happens to a lane that is held. */
  queue(lane: Lane): void {
    if (lane.heldUntilMs !== null) return;
    const [account] = lane.id;
    let ofAccount = this.accounts.get(account);
    if (ofAccount === undefined) {
      ofAccount = new Map();
      this.accounts.set(account, ofAccount);
    }
    ofAccount.set(lane.key, lane);
  }

  has(lane: Lane): boolean {
    return lane.heldUntilMs !== null || (this.accounts.get(lane.id[0])?.has(lane.key) ?? false);
  }

  end(lane: Lane): void {
    lane.heldUntilMs = null;
    const ofAccount = this.accounts.get(lane.id[0]);
    if (ofAccount?.delete(lane.key) && ofAccount.size === 0) this.accounts.delete(lane.id[0]);
  }

  next(): Lane | null {
    for (const [account, ofAccount] of this.accounts) {
      for (const [key, lane] of ofAccount) {
        ofAccount.delete(key);
        this.accounts.delete(account);
        if (ofAccount.size > 0) this.accounts.set(account, ofAccount); // To the end: the next account comes first.
        return lane;
      }
    }
    return null;
  }

  /** How many have a turn now, counted no further than `most`. */
  count(most: number): number {
    let count = 0;
    for (const ofAccount of this.accounts.values()) {
      count += ofAccount.size;
      if (count >= most) return most;
    }
    return count;
  }

  /** It may not have a turn before then. */
  hold(lane: Lane, untilMs: number): void {
    lane.heldUntilMs = untilMs;
    this.held.push(untilMs, lane);
  }

  /** A held lane may have its turn now, whatever it waited for. */
  release(lane: Lane): void {
    if (lane.heldUntilMs === null) return;
    lane.heldUntilMs = null;
    this.queue(lane);
  }

  /** Gives held lanes their turn whose time has come; returns when the next one's comes, null: none is held. */
  releaseDue(nowMs: number): number | null {
    for (let due = this.held.popDue(nowMs); due !== null; due = this.held.popDue(nowMs)) {
      if (due.item.heldUntilMs === due.atMs) this.release(due.item); // Else it is held for another time, or no more.
    }
    return this.held.nextMs;
  }
}
