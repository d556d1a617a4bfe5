import type { QueuePosition } from '../deliveries/lane-queue.repository.js';
import type { LaneId } from '../deliveries/lane-signals.js';
import type { EndpointPace } from './endpoint-pace.js';
import type { RateGate } from './rate-gate.js';

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
  /** There may be due deliveries that are not claimed; without it an ended request asks for no claim. */
  isHungry: boolean;
  /** What claims brought of it that each brought as much as they might, since the last that brought less. */
  broughtInFull: number;
  /** One operation's deliveries go one after another, at least those planned so, and each end may let another go. */
  isOrdered: boolean;
  /** The generation that the last look at its head saw. */
  gen: string | null;
  /** Everything due up to here was claimed; null: nothing yet. */
  position: QueuePosition | null;
  /** Something may have been put before `position`. */
  mustReadHead: boolean;
  /** By this process's clock; null: nothing waits. */
  nextDueMs: number | null;
  recheckWaiting: boolean;
  /** How far a look at those that wait for their turn has come; null: at the beginning. */
  recheckAfter: string | null;
  /** Whether a run of failures is noted for the endpoint, as far as its owner knows. */
  isFailing: boolean;
  idleSinceMs: number;
  /** Claimed and not settled. */
  readonly inFlight: Set<string>;
  /** Of those, the ones whose request has not ended. */
  sending: number;
  /** Room kept for a publish that is under way. */
  reserved: number;
  /** What was claimed of it meanwhile, and may be handed over by that publish, too. */
  readonly claimedMeanwhile: Set<string>;
  /**
   * What was handed over to it while a claim of it was under way, which may bring it too, though it be settled by then.
   */
  readonly handedMeanwhile: Set<string>;
  rateLimit: number | null;
  rate: RateGate | null;
  /** The endpoint's revision that `pace` was learnt under; null: not known yet. */
  revision: string | null;
  pace: EndpointPace;
  /** It waits for this time before it may have a turn again; null: it does not. */
  heldUntilMs: number | null;
}

export function newLane(id: LaneId, pace: EndpointPace, nowMs: number): Lane {
  return {
    id,
    key: laneKey(id),
    isOwned: false,
    isOpen: true,
    isClaiming: false,
    isParking: false,
    isHungry: true,
    broughtInFull: 0,
    isOrdered: false,
    gen: null,
    position: null,
    mustReadHead: true,
    nextDueMs: null,
    recheckWaiting: true,
    recheckAfter: null,
    isFailing: false,
    idleSinceMs: nowMs,
    inFlight: new Set(),
    sending: 0,
    reserved: 0,
    claimedMeanwhile: new Set(),
    handedMeanwhile: new Set(),
    rateLimit: null,
    rate: null,
    revision: null,
    pace,
    heldUntilMs: null,
  };
}

export function laneKey(id: LaneId): string {
  return id[2];
}

/** Whether everything due of it is claimed, so that what comes next may go out at once. */
export function mayTake(lane: Lane, nowMs: number): boolean {
  const isSettled = lane.isOwned && lane.isOpen && !lane.isClaiming && !lane.isParking && lane.reserved === 0;
  const isDrained = !lane.isHungry && !lane.mustReadHead && lane.heldUntilMs === null;
  return isSettled && isDrained && !lane.isOrdered && lane.rate === null && lane.pace.waitMs(nowMs) === 0;
}

/** Takes in how far a look at those that wait for their turn came. */
export function applyRecheck(lane: Lane, recheckedTo: string | null): void {
  lane.recheckAfter = recheckedTo;
  lane.recheckWaiting = recheckedTo !== null;
}

export function isBefore(a: QueuePosition, b: QueuePosition): boolean {
  return a.dueAtMs < b.dueAtMs || (a.dueAtMs === b.dueAtMs && a.id < b.id);
}

/** Everything due is claimed up to `to`; false where it was so before. */
export function moveOn(lane: Lane, { dueAtMs, id }: QueuePosition): boolean {
  if (lane.position !== null && !isBefore(lane.position, { dueAtMs, id })) return false;
  lane.position = { dueAtMs, id };
  return true;
}
