import type { Lane } from './lane.js';
import { TimeHeap } from './time-heap.js';

/** A queue counts as long once so many deliveries came of it in claims that each brought as much as they might. */
const LONG_QUEUE = 16;

/**
 * Whose turn it is: accounts take turns, then the lanes of each. Lanes with long queues and the others have turns of
 * their own, and get deliveries in equal parts while both wait: who has a few does not wait behind those who have many. A
 * lane that may not send yet (its rate, its circuit) is held aside until its time, so that thousands of those cost the
 * others nothing.
 */
export class LaneTurns {
  private readonly short = new AccountTurns();
  private readonly long = new AccountTurns();
  /** By how many deliveries those with short queues are ahead, since lanes of both kinds wait. */
  private shortLead = 0;
  private readonly held = new TimeHeap<Lane>();

  /** Nothing happens to a lane that is held. */
  queue(lane: Lane): void {
    if (lane.heldUntilMs !== null) return;
    const [turns, others] = isLong(lane) ? [this.long, this.short] : [this.short, this.long];
    others.end(lane);
    turns.queue(lane);
  }

  has(lane: Lane): boolean {
    return lane.heldUntilMs !== null || this.short.has(lane) || this.long.has(lane);
  }

  end(lane: Lane): void {
    lane.heldUntilMs = null;
    this.short.end(lane);
    this.long.end(lane);
  }

  next(): Lane | null {
    const [first, second] = this.shortLead > 0 ? [this.long, this.short] : [this.short, this.long];
    const lane = first.next();
    if (lane !== null) return lane;
    this.shortLead = 0;
    return second.next();
  }

  /** So many deliveries may come of the turn that the lane had. */
  charge(lane: Lane, deliveries: number): void {
    this.shortLead += isLong(lane) ? -deliveries : deliveries;
  }

  /** How many have a turn now, counted no further than `most`. */
  count(most: number): number {
    const ofShort = this.short.count(most);
    return ofShort + this.long.count(most - ofShort);
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

class AccountTurns {
  /** Both maps in the order of their turns. */
  private readonly accounts = new Map<string, Map<string, Lane>>();

  queue(lane: Lane): void {
    const [account] = lane.id;
    let ofAccount = this.accounts.get(account);
    if (ofAccount === undefined) {
      ofAccount = new Map();
      this.accounts.set(account, ofAccount);
    }
    ofAccount.set(lane.key, lane);
  }

  has(lane: Lane): boolean {
    return this.accounts.get(lane.id[0])?.has(lane.key) ?? false;
  }

  end(lane: Lane): void {
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

  count(most: number): number {
    let count = 0;
    for (const ofAccount of this.accounts.values()) {
      count += ofAccount.size;
      if (count >= most) return most;
    }
    return count;
  }
}

function isLong({ broughtInFull }: Lane): boolean {
  return broughtInFull >= LONG_QUEUE;
}
