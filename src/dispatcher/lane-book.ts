import type { Claim, LaneClaim } from '../deliveries/lane-queue.repository.js';
import type { LaneId } from '../deliveries/lane-signals.js';
import { RateGate } from './rate-gate.js';

/** So many times what may be in the air may be claimed and not settled, so that settling does not hold sending back. */
const UNSETTLED_FACTOR = 4;
/** How long an idle lane stays with its owner. */
const IDLE_MS = 5_000;

/** What this process knows of a lane that it owns, or means to take with its next claim. */
export interface Lane {
  readonly id: LaneId;
  readonly key: string;
  isOwned: boolean;
  isOpen: boolean;
  /** A claim of it is under way; it must not be given back then. */
  isClaiming: boolean;
  /** It is being given back; nothing may be claimed of it then, for another may own it already. */
  isParking: boolean;
  gen: string | null;
  /** By this process's clock; null: nothing waits. */
  nextDueMs: number | null;
  recheckWaiting: boolean;
  /** Whether a run of failures is noted for the endpoint, as far as its owner knows. */
  isFailing: boolean;
  idleSinceMs: number;
  /** Claimed and not settled. */
  readonly inFlight: Set<string>;
  /** Of those, the ones whose request has not ended. */
  sending: number;
  rateLimit: number | null;
  rate: RateGate | null;
}

export interface BookLimits {
  /** Requests in the air. */
  readonly concurrency: number;
  /** Requests in the air for one lane. */
  readonly laneConcurrency: number;
  /** Lanes in one claim. */
  readonly claimLanes: number;
}

/**
 * The lanes of this process and what is in the air for each. Nobody else sends for an owned lane, so that its
 * concurrency, its rate and the order of its operations are exact without asking anyone.
 */
export class LaneBook {
  private readonly lanes = new Map<string, Lane>();
  /** Accounts take turns, then the lanes of each: both maps in the order of their turns. */
  private readonly turns = new Map<string, Map<string, Lane>>();
  inFlightCount = 0;
  private sendingCount = 0;

  constructor(private readonly limits: BookLimits) {}

  get size(): number {
    return this.lanes.size;
  }

  get(key: string): Lane | undefined {
    return this.lanes.get(key);
  }

  /** How many more may be claimed now. */
  capacity(): number {
    const { concurrency } = this.limits;
    return Math.min(concurrency - this.sendingCount, concurrency * UNSETTLED_FACTOR - this.inFlightCount);
  }

  *inFlightIds(): Iterable<string> {
    for (const lane of this.lanes.values()) yield* lane.inFlight;
  }

  /** There may be work on these lanes. */
  wake(ids: readonly LaneId[], nowMs: number): void {
    for (const id of ids) {
      const lane = this.lanes.get(laneKey(id)) ?? this.add(id, nowMs);
      lane.isOpen = true;
      this.queueTurn(lane);
    }
  }

  /** What other processes did to owned lanes, and what has become due on them. */
  refresh(owned: readonly { lane: LaneId; gen: string }[], nowMs: number): void {
    const gens = new Map(owned.map(({ lane, gen }) => [laneKey(lane), gen]));
    for (const lane of this.lanes.values()) {
      if (!lane.isOwned) continue;
      const gen = gens.get(lane.key);
      if (gen !== undefined && gen !== lane.gen) {
        lane.recheckWaiting = true;
        this.wake([lane.id], nowMs);
      }
    }
    this.wakeDue(nowMs);
  }

  private wakeDue(nowMs: number): void {
    for (const lane of this.lanes.values()) {
      if (lane.nextDueMs !== null && lane.nextDueMs <= nowMs) {
        lane.nextDueMs = null;
        this.wake([lane.id], nowMs);
      }
    }
  }

  /** The next lanes to claim for, fairly, with at most `capacity` deliveries in all; their turns end here. */
  takeClaims(capacity: number, nowMs: number): { claims: LaneClaim[]; waitMs: number | null } {
    const claims: LaneClaim[] = [];
    const held: Lane[] = [];
    let left = capacity;
    let waitMs: number | null = null;
    const share = Math.max(1, Math.ceil(capacity / Math.max(1, Math.min(this.turnCount(), this.limits.claimLanes))));
    while (left > 0 && claims.length < this.limits.claimLanes) {
      const lane = this.nextTurn();
      if (lane === null) break;
      if (lane.isParking) {
        held.push(lane);
        continue;
      }
      const { laneConcurrency } = this.limits;
      const unsettledRoom = laneConcurrency * UNSETTLED_FACTOR - lane.inFlight.size;
      const concurrencyRoom = Math.min(laneConcurrency - lane.sending, unsettledRoom);
      if (concurrencyRoom <= 0) continue; // The end of a request or a settle gives the lane its turn again.
      const rateRoom = lane.rate?.available(nowMs) ?? Infinity;
      if (rateRoom <= 0) {
        held.push(lane);
        waitMs = Math.min(waitMs ?? Infinity, lane.rate!.waitMs());
        continue;
      }
      const room = Math.min(concurrencyRoom, rateRoom, left, share);
      lane.isClaiming = true;
      const recheckWaiting = lane.recheckWaiting || !lane.isOwned;
      claims.push({ lane: lane.id, room, recheckWaiting, rateLimit: lane.rateLimit });
      left -= room;
    }
    held.forEach((lane) => this.queueTurn(lane));
    return { claims, waitMs };
  }

  /** Takes in what a claim found. */
  apply(claims: readonly LaneClaim[], claim: Claim, nowMs: number): void {
    const counts = new Map<string, number>();
    for (const { lane: id, id: deliveryId } of claim.deliveries) {
      const lane = this.lanes.get(laneKey(id))!;
      lane.inFlight.add(deliveryId);
      this.inFlightCount += 1;
      lane.sending += 1;
      this.sendingCount += 1;
      counts.set(lane.key, (counts.get(lane.key) ?? 0) + 1);
    }
    const states = new Map(claim.lanes.map((state) => [laneKey(state.lane), state]));
    for (const { lane: id, room } of claims) {
      const key = laneKey(id);
      const lane = this.lanes.get(key);
      const state = states.get(key);
      if (lane === undefined) continue;
      lane.isClaiming = false;
      if (state === undefined) {
        this.drop(lane); // Another dispatcher's.
        continue;
      }
      const count = counts.get(key) ?? 0;
      // With others in the air their settles may change it, and this process knows of them first.
      if (lane.inFlight.size === count) lane.isFailing = state.isFailing;
      lane.isOwned = true;
      lane.isOpen = state.isOpen;
      lane.gen = state.gen;
      lane.recheckWaiting = false;
      lane.rate?.take(count);
      const isRateNew = this.setRateLimit(lane, state.rateLimit, nowMs);
      lane.nextDueMs = state.nextDueInMs === null ? null : nowMs + state.nextDueInMs;
      if (count > 0) lane.idleSinceMs = nowMs;
      // A wake-up that came while the claim was under way has left the lane its turn.
      if (state.isOpen && (count === room || isRateNew)) this.queueTurn(lane);
    }
  }

  /** A claim did not happen: its lanes keep their turns. */
  giveBack(claims: readonly LaneClaim[]): void {
    for (const { lane: id } of claims) {
      const lane = this.lanes.get(laneKey(id));
      if (lane === undefined) continue;
      lane.isClaiming = false;
      this.queueTurn(lane);
    }
  }

  /** True when it is another one, so that the claim that told it brought nothing (or, with none now, may bring more). */
  private setRateLimit(lane: Lane, perSecond: number | null, nowMs: number): boolean {
    if (lane.rateLimit === perSecond) return false;
    lane.rateLimit = perSecond;
    lane.rate = perSecond === null ? null : new RateGate(perSecond, nowMs);
    return true;
  }

  /** A request of the lane has ended. */
  endSend(lane: Lane): void {
    lane.sending -= 1;
    this.sendingCount -= 1;
    if (lane.isOpen) this.queueTurn(lane);
  }

  /** A delivery of the lane is settled: it is in the air no more, and the lane may have room for others. */
  finish(lane: Lane, deliveryId: string, nowMs: number, nextDueMs: number | null): void {
    if (lane.inFlight.delete(deliveryId)) this.inFlightCount -= 1;
    lane.idleSinceMs = nowMs;
    if (nextDueMs !== null && (lane.nextDueMs === null || nextDueMs < lane.nextDueMs)) lane.nextDueMs = nextDueMs;
    if (lane.isOpen) this.queueTurn(lane);
  }

  /** Owned lanes with nothing to do now, to be given back: from here to `endParking` nothing is claimed of them. */
  beginParking(nowMs: number, evenFresh = false): Lane[] {
    const lanes = [...this.lanes.values()].filter((lane) => this.isIdle(lane, nowMs, evenFresh));
    for (const lane of lanes) lane.isParking = true;
    return lanes;
  }

  /** The lane is gone where `isParked`, unless work came meanwhile: then it is to be taken anew. */
  endParking(lane: Lane, isParked: boolean): void {
    lane.isParking = false;
    if (!isParked || this.lanes.get(lane.key) !== lane) return;
    const hasTurn = this.hasTurn(lane) && lane.isOpen;
    this.drop(lane);
    if (hasTurn) this.wake([lane.id], lane.idleSinceMs);
  }

  private isIdle(lane: Lane, nowMs: number, evenFresh: boolean): boolean {
    if (!lane.isOwned || lane.inFlight.size > 0 || lane.isClaiming || lane.isParking) return false;
    if (evenFresh || !lane.isOpen) return true;
    return !this.hasTurn(lane) && nowMs - lane.idleSinceMs >= IDLE_MS;
  }

  drop(lane: Lane): void {
    this.lanes.delete(lane.key);
    this.endTurn(lane);
    this.inFlightCount -= lane.inFlight.size;
    lane.inFlight.clear();
  }

  clear(): void {
    for (const lane of [...this.lanes.values()]) this.drop(lane);
  }

  private add(id: LaneId, nowMs: number): Lane {
    const lane: Lane = {
      id,
      key: laneKey(id),
      isOwned: false,
      isOpen: true,
      isClaiming: false,
      isParking: false,
      gen: null,
      nextDueMs: null,
      recheckWaiting: true,
      isFailing: false,
      idleSinceMs: nowMs,
      inFlight: new Set(),
      sending: 0,
      rateLimit: null,
      rate: null,
    };
    this.lanes.set(lane.key, lane);
    return lane;
  }

  private hasTurn(lane: Lane): boolean {
    return this.turns.get(lane.id[0])?.has(lane.key) ?? false;
  }

  private queueTurn(lane: Lane): void {
    if (this.lanes.get(lane.key) !== lane) return; // Dropped; what was in the air for it has ended.
    const [account] = lane.id;
    let ofAccount = this.turns.get(account);
    if (ofAccount === undefined) {
      ofAccount = new Map();
      this.turns.set(account, ofAccount);
    }
    ofAccount.set(lane.key, lane);
  }

  private endTurn(lane: Lane): void {
    const ofAccount = this.turns.get(lane.id[0]);
    if (ofAccount?.delete(lane.key) && ofAccount.size === 0) this.turns.delete(lane.id[0]);
  }

  private nextTurn(): Lane | null {
    for (const [account, ofAccount] of this.turns) {
      for (const [key, lane] of ofAccount) {
        ofAccount.delete(key);
        this.turns.delete(account);
        if (ofAccount.size > 0) this.turns.set(account, ofAccount); // To the end: the next account comes first.
        return lane;
      }
    }
    return null;
  }

  private turnCount(): number {
    let count = 0;
    for (const ofAccount of this.turns.values()) {
      count += ofAccount.size;
      if (count > this.limits.claimLanes) break;
    }
    return count;
  }
}

export function laneKey(id: LaneId): string {
  return id[2];
}
