import type { ClaimedDelivery, LaneClaim } from '../../../src/deliveries/lane-queue.repository.js';
import type { LaneId } from '../../../src/deliveries/lane-signals.js';

export interface ModelEndpoint {
  readonly lane: LaneId;
  isEnabled: boolean;
  isDeleted: boolean;
  epoch: number;
  revision: number;
  isOrdered: boolean;
  rateLimit: number | null;
  isFailing: boolean;
}

export interface Pending {
  readonly id: string;
  readonly lane: LaneId;
  readonly epoch: number;
  readonly orderKey: string | null;
  /** Milliseconds on the database's clock; `Infinity`: behind another of its operation. */
  dueAtMs: number;
  attemptCount: number;
  firstAttemptAt: Date | null;
  crashCount: number;
}

export interface Ended {
  readonly status: 'succeeded' | 'failed' | 'cancelled' | 'skipped';
  readonly reason: string | null;
  attemptCount: number;
}

interface ModelLane {
  owner: string | null;
  wakeAtMs: number;
  gen: number;
}

export const POISON_CRASHES = 3;
export const SUSPECT_CRASHES = POISON_CRASHES - 1;

/** What the queue's tables hold, and what each of its transactions asks of them. */
export class QueueRows {
  readonly endpoints = new Map<string, ModelEndpoint>();
  readonly lanes = new Map<string, ModelLane>();
  readonly pending = new Map<string, Pending>();
  readonly ended = new Map<string, Ended>();
  readonly leases = new Map<string, number>();
  readonly batches = new Map<
    string,
    { token: string; batch: number; entries: readonly (readonly [string, number])[] }
  >();

  /** @param nowMs the database's clock */
  constructor(protected readonly nowMs: () => number) {}

  hasLease(token: string): boolean {
    return (this.leases.get(token) ?? -Infinity) > this.nowMs();
  }

  wake(endpointId: string): void {
    const lane = this.lanes.get(endpointId)!;
    lane.gen += 1;
    if (lane.owner === null) lane.wakeAtMs = Math.min(lane.wakeAtMs, this.nowMs());
  }

  /** What is recorded as in the air for a dispatcher, and stands as it stood when it was claimed. */
  protected recorded(token: string): string[] {
    const batches = [...this.batches.values()].filter((batch) => batch.token === token);
    const entries = batches.flatMap((batch) => batch.entries);
    return entries.flatMap(([id, number]) => (this.pending.get(id)?.attemptCount === number - 1 ? [id] : []));
  }

  /** One more death would end it. */
  protected isSuspect(id: string): boolean {
    return this.pending.get(id)?.crashCount === SUSPECT_CRASHES;
  }

  /** An earlier one of its operation is unfinished. */
  isBehind({ id, lane, orderKey, epoch }: Pending): boolean {
    if (orderKey === null) return false;
    for (const other of this.pending.values()) {
      if (other.lane[2] === lane[2] && other.orderKey === orderKey && other.epoch === epoch && other.id < id)
        return true;
    }
    return false;
  }

  /** Also of what was planned when its endpoint kept one. */
  protected keepsOrder(endpointId: string): boolean {
    if (this.endpoints.get(endpointId)!.isOrdered) return true;
    return [...this.pending.values()].some(({ lane, orderKey }) => lane[2] === endpointId && orderKey !== null);
  }

  /** Its endpoint would still be sent it. */
  isLive({ lane, epoch }: Pending): boolean {
    const endpoint = this.endpoints.get(lane[2])!;
    return endpoint.epoch === epoch && !endpoint.isDeleted;
  }

  protected findLive(id: string): Pending | null {
    const found = this.pending.get(id);
    return found && this.isLive(found) && this.endpoints.get(found.lane[2])!.isEnabled ? found : null;
  }

  /** Of the present epoch, in the order of due times, then ids. */
  protected queueOf(endpoint: ModelEndpoint): Pending[] {
    const queue = [...this.pending.values()].filter(
      ({ lane, epoch }) => lane[2] === endpoint.lane[2] && epoch === endpoint.epoch,
    );
    return queue.sort((a, b) => a.dueAtMs - b.dueAtMs || (a.id < b.id ? -1 : 1));
  }

  protected readDue(
    { lane, room, rateLimit, after }: LaneClaim,
    inFlight: ReadonlySet<string>,
    areSuspects: boolean,
  ): ClaimedDelivery[] {
    const endpoint = this.endpoints.get(lane[2])!;
    if (!endpoint.isEnabled || endpoint.isDeleted) return [];
    if (endpoint.rateLimit !== null && endpoint.rateLimit !== rateLimit) return [];
    const due = this.queueOf(endpoint).filter((one) => {
      const isAfter =
        after === null || one.dueAtMs > after.dueAtMs || (one.dueAtMs === after.dueAtMs && one.id > after.id);
      const isWanted = isAfter && this.isSuspect(one.id) === areSuspects;
      return one.dueAtMs <= this.nowMs() && isWanted && !inFlight.has(one.id) && !this.isBehind(one);
    });
    return due.slice(0, room).map((one) => toClaimed(one, endpoint.revision));
  }

  protected endLeftover(one: Pending): void {
    const isSkipped = one.epoch < this.endpoints.get(one.lane[2])!.epoch;
    const [status, reason] = isSkipped
      ? (['skipped', 'endpoint_disabled'] as const)
      : (['cancelled', 'endpoint_deleted'] as const);
    this.pending.delete(one.id);
    this.ended.set(one.id, { status, reason, attemptCount: one.attemptCount });
  }

  protected end(one: Pending, end: Ended): void {
    this.pending.delete(one.id);
    this.ended.set(one.id, end);
    if (one.orderKey === null) return;
    const followers = [...this.pending.values()].filter(
      (other) =>
        other.lane[2] === one.lane[2] &&
        other.orderKey === one.orderKey &&
        other.epoch === one.epoch &&
        other.id > one.id,
    );
    const [next] = followers.sort((a, b) => (a.id < b.id ? -1 : 1));
    if (next?.dueAtMs === Infinity) next.dueAtMs = this.nowMs();
  }
}

export function toClaimed(
  { lane, id, dueAtMs, attemptCount, firstAttemptAt, crashCount }: Pending,
  revision: number,
): ClaimedDelivery {
  return {
    ...{ lane, id, dueAtMs, attemptCount, firstAttemptAt, revision, eventId: id, body: '{}' },
    ...{ eventType: 'collect.pending', operationId: null, isUnsendable: crashCount >= POISON_CRASHES },
  };
}
