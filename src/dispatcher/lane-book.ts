import type { HandedLane, PlannedLedger } from '../deliveries/hand-offs.js';
import type {
  Claim,
  ClaimedDelivery,
  LaneClaim,
  LaneState,
  QueuePosition,
} from '../deliveries/lane-queue.repository.js';
import type { LaneId } from '../deliveries/lane-signals.js';
import { DueLanes } from './due-lanes.js';
import type { PacedAttempt } from './endpoint-pace.js';
import { applyRecheck, isBefore, laneKey, mayTake, moveOn, type Lane } from './lane.js';
import { LaneRegistry } from './lane-registry.js';
import { LaneTurns } from './lane-turns.js';
import { RateGate } from './rate-gate.js';
import { SendRoom, UNSETTLED_FACTOR } from './send-room.js';

/** How long an idle lane stays with its owner. */
const IDLE_MS = 5_000;

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
 * concurrency, its rate, its circuit and the order of its operations are exact without asking anyone.
 */
export class LaneBook {
  private readonly lanes: LaneRegistry;
  private readonly turns = new LaneTurns();
  private readonly due = new DueLanes();
  private readonly room: SendRoom;

  constructor(private readonly limits: BookLimits) {
    this.lanes = new LaneRegistry(limits.laneConcurrency);
    this.room = new SendRoom(limits.concurrency);
  }

  /** Claimed or handed over, and not settled. */
  get inFlightCount(): number {
    return this.room.inFlight;
  }

  /** Of those, the ones whose request has not ended. */
  get sendingCount(): number {
    return this.room.sending;
  }

  get size(): number {
    return this.lanes.size;
  }

  get(key: string): Lane | undefined {
    return this.lanes.get(key);
  }

  /** Lanes whose circuit is not closed. */
  openCircuits(nowMs: number): number {
    let count = 0;
    for (const { pace } of this.lanes.all()) if (pace.stateAt(nowMs) !== 'closed') count += 1;
    return count;
  }

  /** How many more may be claimed now. */
  capacity(): number {
    return this.room.toClaim;
  }

  /** What is in the air for the lanes of these claims. */
  inFlightIds(claims: readonly LaneClaim[]): string[] {
    return claims.flatMap(({ lane }) => [...(this.lanes.get(laneKey(lane))?.inFlight ?? [])]);
  }

  /** There may be work on these lanes, behind what was claimed of them. */
  wake(ids: readonly LaneId[], nowMs: number): void {
    for (const id of ids) {
      const lane = this.lanes.get(laneKey(id)) ?? this.lanes.add(id, nowMs);
      lane.isOpen = true;
      this.feed(lane);
    }
  }

  /** What other processes did to owned lanes, and what has become due on them. */
  refresh(owned: readonly { lane: LaneId; gen: string }[], nowMs: number): void {
    for (const { lane: id, gen } of owned) {
      const lane = this.lanes.get(laneKey(id));
      if (!lane?.isOwned || lane.gen === gen) continue;
      // Those that wait for their turn are not looked at: whoever ends the one before releases the next with it.
      lane.mustReadHead = true;
      lane.isOpen = true;
      this.feed(lane);
    }
    for (const lane of this.lanes.all()) {
      if (lane.nextDueMs !== null && lane.nextDueMs <= nowMs) this.becomeDue(lane);
    }
  }

  /** The endpoint was changed: what was learnt of its receiver may be true no more. */
  forgetPace(id: LaneId): void {
    const lane = this.lanes.forgetPace(id);
    if (lane !== undefined) this.turns.release(lane);
  }

  /**
   * The next lanes to claim for, fairly, with at most `capacity` deliveries in all; their turns end here. `waitMs`:
   * when to ask again at the latest.
   */
  takeClaims(capacity: number, nowMs: number): { claims: LaneClaim[]; waitMs: number | null } {
    for (let lane = this.due.take(nowMs); lane !== null; lane = this.due.take(nowMs)) this.becomeDue(lane);
    this.turns.releaseDue(nowMs);
    const claims: LaneClaim[] = [];
    const parking: Lane[] = [];
    let left = capacity;
    const evenShare = Math.ceil(capacity / Math.max(1, this.turns.count(this.limits.claimLanes)));
    const longTurn = this.room.longTurn(capacity, (most) => this.turns.count(most));
    while (left > 0 && claims.length < this.limits.claimLanes) {
      const lane = this.turns.next();
      if (lane === null) break;
      if (lane.isParking) {
        parking.push(lane);
        continue;
      }
      const share = Math.max(evenShare, Math.min(longTurn, lane.broughtInFull));
      const room = Math.min(this.roomOf(lane, nowMs), left, share);
      // It is held, or the end of a request or a settle gives it its turn again. A free lane is taken even so, lest it
      // be found ready again and again.
      if (room <= 0 && lane.isOwned) continue;
      claims.push(this.beginClaim(lane, room));
      this.turns.charge(lane, room);
      left -= room;
    }
    parking.forEach((lane) => this.turns.queue(lane));
    const nextMs = Math.min(this.turns.releaseDue(nowMs) ?? Infinity, this.due.nextMs ?? Infinity);
    return { claims, waitMs: nextMs === Infinity ? null : Math.max(0, nextMs - nowMs) };
  }

  /** How much may be claimed of it; with none because of the time, it is held until there may be. */
  private roomOf(lane: Lane, nowMs: number): number {
    const { laneConcurrency } = this.limits;
    const unsettledRoom = laneConcurrency * UNSETTLED_FACTOR - lane.inFlight.size - lane.reserved;
    const rateRoom = lane.rate?.available(nowMs) ?? Infinity;
    const waitMs = Math.max(lane.pace.waitMs(nowMs), rateRoom > 0 ? 0 : lane.rate!.waitMs());
    if (waitMs > 0 && lane.isOwned) this.turns.hold(lane, nowMs + waitMs);
    return waitMs > 0 ? 0 : Math.min(lane.pace.room(nowMs, lane.sending + lane.reserved), unsettledRoom, rateRoom);
  }

  private beginClaim(lane: Lane, room: number): LaneClaim {
    const { id, rateLimit, isOwned, isOrdered, recheckAfter } = lane;
    // Heads and followers change places in an ordered lane, so that only its head tells what may go.
    const after = isOwned && !isOrdered && !lane.mustReadHead ? lane.position : null;
    const recheckWaiting = lane.recheckWaiting || !isOwned;
    lane.isClaiming = true;
    this.room.claiming += room;
    lane.isHungry = false;
    lane.mustReadHead = false;
    lane.recheckWaiting = false;
    return { lane: id, room, recheckWaiting, recheckAfter, rateLimit, after };
  }

  /** Takes in what a claim found; returns its deliveries less those that are in the air already. */
  apply(claims: readonly LaneClaim[], claim: Claim, nowMs: number): Claim['deliveries'] {
    const found = new Map<string, { count: number; last: QueuePosition }>();
    const deliveries = claim.deliveries.filter((delivery) => {
      const lane = this.lanes.get(laneKey(delivery.lane))!;
      const { count, last } = found.get(lane.key) ?? { count: 0, last: delivery };
      found.set(lane.key, { count: count + 1, last: isBefore(last, delivery) ? delivery : last });
      if (lane.reserved > 0) lane.claimedMeanwhile.add(delivery.id);
      return !lane.handedMeanwhile.has(delivery.id) && this.beginSend(lane, delivery);
    });
    const states = new Map(claim.lanes.map((state) => [laneKey(state.lane), state]));
    for (const wanted of claims) {
      const key = laneKey(wanted.lane);
      const lane = this.endClaim(wanted);
      const state = states.get(key);
      if (lane === undefined) continue;
      if (state === undefined)
        this.drop(lane); // It is not this process's.
      else this.applyState(lane, wanted, state, found.get(key) ?? { count: 0, last: null }, nowMs);
    }
    return deliveries;
  }

  private endClaim({ lane: id, room }: LaneClaim): Lane | undefined {
    this.room.claiming -= room;
    const lane = this.lanes.get(laneKey(id));
    if (lane !== undefined) lane.isClaiming = false;
    lane?.handedMeanwhile.clear();
    return lane;
  }

  /** False: it is in the air already. */
  private beginSend(lane: Lane, { id }: ClaimedDelivery): boolean {
    if (lane.inFlight.has(id)) return false;
    lane.inFlight.add(id);
    this.room.inFlight += 1;
    lane.sending += 1;
    this.room.sending += 1;
    return true;
  }

  /**
   * Keeps room for a publish in lanes of its ledgers of which everything due is claimed, in fair shares with the lanes
   * that wait for their turn: for as many deliveries as the ledger has events, until `takeHanded` or `release`.
   */
  reserve(ledgers: readonly PlannedLedger[], nowMs: number): { lane: Lane; room: number }[] {
    const ready: { lane: Lane; most: number }[] = [];
    for (const { tenant, count } of ledgers) {
      for (const lane of this.lanes.ofLedger(tenant)) if (mayTake(lane, nowMs)) ready.push({ lane, most: count });
    }
    const { claimLanes } = this.limits;
    const share = Math.floor(this.room.unclaimed / Math.max(1, ready.length + this.turns.count(claimLanes)));
    const reserved: { lane: Lane; room: number }[] = [];
    for (const { lane, most } of ready.slice(0, claimLanes)) {
      const room = Math.min(this.roomOf(lane, nowMs), share, most, this.room.toReserve);
      if (room <= 0) continue;
      lane.reserved = room;
      this.room.reserved += room;
      reserved.push({ lane, room });
    }
    return reserved;
  }

  /** Takes in what a publish handed over to a lane that kept `room` for it; returns what is to be sent. */
  takeHanded(lane: Lane, room: number, { gen, deliveries, isAll }: HandedLane, nowMs: number): ClaimedDelivery[] {
    const unknown = deliveries.filter(({ id }) => !lane.claimedMeanwhile.has(id));
    this.release(lane, room, nowMs);
    if (!this.lanes.has(lane)) {
      this.wake([lane.id], nowMs); // It was this process's at the commit, and nobody else may have been told.
      return [];
    }
    lane.idleSinceMs = nowMs;
    const fresh = unknown.filter((delivery) => this.beginSend(lane, delivery));
    if (lane.isClaiming) fresh.forEach(({ id }) => lane.handedMeanwhile.add(id));
    // Nobody else has written to its queue since the last look, and all of this is in the air: nothing is to be looked
    // for.
    if (isAll && lane.gen === String(BigInt(gen) - 1n)) {
      lane.gen = gen;
      moveOn(lane, deliveries.at(-1)!);
    } else this.lookAgain(lane);
    return fresh;
  }

  /** The room that `reserve` kept is free again. */
  release(lane: Lane, room: number, nowMs: number): void {
    this.room.reserved -= room;
    lane.reserved = 0;
    lane.claimedMeanwhile.clear();
    if (lane.pace.waitMs(nowMs) === 0) this.queueTurn(lane);
  }

  /** There may be anything in its queue. */
  lookAgain(lane: Lane): void {
    lane.mustReadHead = true;
    this.feed(lane);
  }

  private applyState(
    lane: Lane,
    wanted: LaneClaim,
    state: LaneState,
    { count, last }: { count: number; last: QueuePosition | null },
    nowMs: number,
  ): void {
    // With others in the air their settles may change it, and this process knows of them first.
    if (lane.inFlight.size === count) lane.isFailing = state.isFailing;
    lane.isOwned = true;
    lane.isOpen = state.isOpen;
    lane.isOrdered = state.isOrdered;
    if (wanted.after === null) lane.gen = state.gen;
    applyRecheck(lane, state.recheckedTo);
    lane.rate?.take(count, nowMs);
    const isRateNew = this.setRateLimit(lane, state.rateLimit, nowMs);
    if (lane.revision !== null && lane.revision !== state.revision) this.forgetPace(lane.id);
    lane.revision = state.revision;
    // What was settled while the claim was under way may be due sooner than what it saw.
    const dueMs = Math.min(
      lane.nextDueMs ?? Infinity,
      state.nextDueInMs === null ? Infinity : nowMs + state.nextDueInMs,
    );
    this.due.set(lane, dueMs === Infinity ? null : dueMs, nowMs);
    if (count > 0) lane.idleSinceMs = nowMs;
    const isWholeRead = state.isOpen && !isRateNew && count < wanted.room;
    this.advance(lane, wanted, last, isWholeRead);
    if (!isWholeRead || lane.recheckWaiting) lane.isHungry = true;
    lane.broughtInFull = count < wanted.room ? 0 : lane.broughtInFull + count;
    // A wake-up that came while the claim was under way has made it hungry, too.
    this.queueTurn(lane);
  }

  /**
   * How far everything due is claimed. Rows in the air lie at or before it, or the next claim would meet them again.
   */
  private advance(lane: Lane, { after }: LaneClaim, claimedTo: QueuePosition | null, isWholeRead: boolean): void {
    const isFurther = claimedTo !== null && moveOn(lane, claimedTo);
    // From the head not as far as before: what lies between is in the air, or follows in the next look at the head.
    if (after === null && !isWholeRead && !isFurther) lane.mustReadHead = true;
  }

  /** A claim did not happen: its lanes keep their turns. */
  giveBack(claims: readonly LaneClaim[]): void {
    for (const claim of claims) {
      const lane = this.endClaim(claim);
      if (lane === undefined) continue;
      lane.mustReadHead ||= claim.after === null;
      lane.recheckWaiting ||= claim.recheckWaiting;
      this.feed(lane);
    }
  }

  /**
   * True when it is another one, so that the claim that told it brought nothing (or, with none now, may bring more).
   */
  private setRateLimit(lane: Lane, perSecond: number | null, nowMs: number): boolean {
    if (lane.rateLimit === perSecond) return false;
    lane.rateLimit = perSecond;
    lane.rate = perSecond === null ? null : new RateGate(perSecond, nowMs);
    this.turns.release(lane);
    return true;
  }

  /** A request of the lane has ended; `attempt` is what it says of the receiver, null: nothing. */
  endSend(lane: Lane, attempt: PacedAttempt | null, nowMs: number): void {
    lane.sending -= 1;
    this.room.sending -= 1;
    if (attempt !== null) lane.pace.record(attempt, nowMs);
    if (lane.pace.waitMs(nowMs) === 0) this.turns.release(lane); // Its circuit closed, if it was held for that.
    this.queueTurn(lane);
  }

  /**
   * A delivery of the lane is in the air no more. `nextDueMs`: when it is due again; null: it ended, or if
   * `isStillDue`, it stands in the queue as it stood.
   */
  finish(lane: Lane, deliveryId: string, nowMs: number, nextDueMs: number | null, isStillDue = false): void {
    if (lane.inFlight.delete(deliveryId)) this.room.inFlight -= 1;
    lane.idleSinceMs = nowMs;
    if (nextDueMs !== null && nextDueMs < (lane.nextDueMs ?? Infinity)) this.due.set(lane, nextDueMs, nowMs);
    if (isStillDue) lane.mustReadHead = true;
    if (isStillDue || lane.isOrdered) lane.isHungry = true;
    this.queueTurn(lane);
  }

  /** Owned lanes with nothing to do now, to be given back: from here to `endParking` nothing is claimed of them. */
  beginParking(nowMs: number, evenFresh = false): Lane[] {
    const lanes = this.lanes.all().filter((lane) => this.isIdle(lane, nowMs, evenFresh));
    for (const lane of lanes) lane.isParking = true;
    return lanes;
  }

  /** The lane is gone where `isParked`, unless work came meanwhile: then it is to be taken anew. */
  endParking(lane: Lane, isParked: boolean): void {
    lane.isParking = false;
    if (!isParked || !this.lanes.has(lane)) return;
    const hasTurn = this.turns.has(lane) && lane.isOpen;
    this.drop(lane);
    if (hasTurn) this.wake([lane.id], lane.idleSinceMs);
  }

  private isIdle(lane: Lane, nowMs: number, evenFresh: boolean): boolean {
    if (!lane.isOwned || lane.inFlight.size > 0 || lane.isClaiming || lane.isParking || lane.reserved > 0) return false;
    if (evenFresh || !lane.isOpen) return true;
    return !this.turns.has(lane) && nowMs - lane.idleSinceMs >= IDLE_MS;
  }

  drop(lane: Lane): void {
    this.lanes.drop(lane);
    this.turns.end(lane);
    this.room.inFlight -= lane.inFlight.size;
    lane.inFlight.clear();
  }

  clear(): void {
    for (const lane of this.lanes.all()) this.drop(lane);
  }

  private feed(lane: Lane): void {
    lane.isHungry = true;
    this.queueTurn(lane);
  }

  private queueTurn(lane: Lane): void {
    const isDropped = !this.lanes.has(lane); // What was in the air for it has ended.
    if (lane.isHungry && lane.isOpen && !isDropped) this.turns.queue(lane);
  }

  /** It may lie before what was claimed since it was put there. */
  private becomeDue(lane: Lane): void {
    lane.nextDueMs = null;
    lane.mustReadHead = true;
    lane.isOpen = true;
    this.feed(lane);
  }
}
