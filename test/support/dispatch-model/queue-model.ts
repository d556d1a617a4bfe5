import type { HandedLane, HandOffOffer } from '../../../src/deliveries/hand-offs.js';
import type { Claim, ClaimedDelivery, LaneClaim } from '../../../src/deliveries/lane-queue.repository.js';
import type { LaneId } from '../../../src/deliveries/lane-signals.js';
import type { SettleEffect, Settlement } from '../../../src/deliveries/settle-arguments.js';
import { POISON_CRASHES, QueueRows, SUSPECT_CRASHES, toClaimed } from './queue-rows.js';
import type { ModelEndpoint } from './queue-rows.js';

const LEASE_MS = 8_000;
const SUSPECT_WAIT_MS = 100;
const REACH = 1_000;

/**
 * The queue as PostgreSQL keeps it, in memory: each method is one transaction of `migrations/functions` or of
 * `src/deliveries`. test/dispatch-model.e2e-spec.ts proves it step by step where it publishes, hands over, claims,
 * settles, parks, cancels, retries, disables, enables, changes orders, ends leftovers and takes the lanes of the dead;
 * not resends, deletions, leases themselves and deliveries that cannot be sent.
 */
export class QueueModel extends QueueRows {
  addEndpoint(lane: LaneId, more: Partial<ModelEndpoint> = {}): void {
    const flags = { isEnabled: true, isDeleted: false, isOrdered: false, isFailing: false };
    this.endpoints.set(lane[2], { lane, ...flags, epoch: 0, revision: 1, rateLimit: null, ...more });
    this.lanes.set(lane[2], { owner: null, wakeAtMs: Infinity, gen: 0 });
  }

  /** @returns whether there is a delivery of it */
  publish(endpointId: string, id: string, operation: string | null): boolean {
    const endpoint = this.endpoints.get(endpointId)!;
    if (endpoint.isDeleted) return false;
    if (!endpoint.isEnabled) {
      this.ended.set(id, { status: 'skipped', reason: 'endpoint_disabled', attemptCount: 0 });
      return true;
    }
    this.add(endpoint, id, endpoint.isOrdered ? operation : null);
    return true;
  }

  /**
   * As a publish whose process offers room in its lanes, one event for each id. `handed`: what goes to the offer's
   * dispatcher at once; null: nothing.
   */
  publishOffered(
    endpointId: string,
    ids: readonly string[],
    operation: string | null,
    offer: Pick<HandOffOffer, 'token' | 'batch' | 'lanes'> | null,
  ): { readonly isPlanned: boolean; readonly handed: HandedLane | null } {
    const { gen: before } = this.lanes.get(endpointId)!;
    const isPlanned = ids.map((id) => this.publish(endpointId, id, operation)).includes(true);
    const { lane, isOrdered, rateLimit, revision } = this.endpoints.get(endpointId)!;
    const found = this.lanes.get(endpointId)!;
    found.gen = Math.min(found.gen, before + 1);
    const room = offer?.lanes.find(({ lane: [, , id] }) => id === endpointId)?.room ?? 0;
    const isTaking = found.owner !== null && found.owner === offer?.token && !isOrdered && rateLimit === null;
    const taken = ids.filter((id) => this.pending.has(id)).slice(0, isTaking ? room : 0);
    if (taken.length === 0) return { isPlanned, handed: null };
    const { token, batch } = offer!;
    this.batches.set(`${token} ${batch}`, { token, batch, entries: taken.map((id) => [id, 1] as const) });
    const deliveries = taken.map((id) => toClaimed(this.pending.get(id)!, revision));
    return { isPlanned, handed: { lane, gen: String(found.gen), deliveries, isAll: taken.length === ids.length } };
  }

  /** A delivery made by hand: outside any order. */
  resend(endpointId: string, id: string): boolean {
    const endpoint = this.endpoints.get(endpointId)!;
    if (!endpoint.isEnabled || endpoint.isDeleted) return false;
    this.add(endpoint, id, null);
    return true;
  }

  private add({ lane, epoch }: ModelEndpoint, id: string, orderKey: string | null): void {
    const start = { dueAtMs: this.nowMs(), attemptCount: 0, firstAttemptAt: null, crashCount: 0 };
    this.pending.set(id, { id, lane, epoch, orderKey, ...start });
    this.wake(lane[2]);
  }

  retry(id: string): void {
    const found = this.findLive(id);
    if (!found) return;
    this.wake(found.lane[2]);
    if (found.dueAtMs !== Infinity) found.dueAtMs = Math.min(found.dueAtMs, this.nowMs());
  }

  cancel(id: string): void {
    const found = this.findLive(id);
    if (!found) return;
    this.wake(found.lane[2]);
    this.end(found, { status: 'cancelled', reason: 'cancelled_by_user', attemptCount: found.attemptCount });
  }

  disable(endpointId: string): void {
    const endpoint = this.endpoints.get(endpointId)!;
    if (!endpoint.isEnabled || endpoint.isDeleted) return;
    endpoint.isEnabled = false;
    endpoint.epoch += 1;
    endpoint.revision += 1;
  }

  enable(endpointId: string): void {
    const endpoint = this.endpoints.get(endpointId)!;
    if (endpoint.isEnabled || endpoint.isDeleted) return;
    Object.assign(endpoint, { isEnabled: true, isFailing: false, revision: endpoint.revision + 1 });
    this.wake(endpointId);
  }

  /** Gives its order up, or begins to keep one: of what is planned from then on. */
  changeOrder(endpointId: string): void {
    const endpoint = this.endpoints.get(endpointId)!;
    Object.assign(endpoint, { isOrdered: !endpoint.isOrdered, revision: endpoint.revision + 1 });
  }

  delete(endpointId: string): void {
    this.endpoints.get(endpointId)!.isDeleted = true;
  }

  /** What the job does that ends the leftovers of disabled and deleted endpoints. */
  endLeftovers(): void {
    for (const one of [...this.pending.values()]) if (!this.isLive(one)) this.endLeftover(one);
  }

  register(token: string): void {
    this.leases.set(token, this.nowMs() + LEASE_MS);
  }

  extend(token: string): boolean {
    if (!this.hasLease(token)) return false;
    this.register(token);
    return true;
  }

  unregister(token: string): void {
    this.leases.delete(token);
    for (const [key, batch] of this.batches) if (batch.token === token) this.batches.delete(key);
    this.freeLanes();
  }

  deleteExpired(): number {
    const expired = [...this.leases.keys()].filter((token) => !this.hasLease(token));
    expired.forEach((token) => this.leases.delete(token));
    return expired.length;
  }

  countCrashes(): string[] {
    const standing = new Map<string, Set<string>>();
    for (const [key, { token }] of this.batches) {
      if (this.leases.has(token)) continue;
      const found = standing.get(token) ?? new Set();
      for (const id of this.recorded(token)) found.add(id);
      standing.set(token, found);
      this.batches.delete(key);
    }
    const deaths = new Map<string, { count: number; isLone: boolean }>();
    for (const ids of standing.values()) {
      const isLone = [...ids].filter((id) => this.isSuspect(id)).length === 1;
      for (const id of ids) {
        const before = deaths.get(id);
        deaths.set(id, { count: (before?.count ?? 0) + 1, isLone: isLone || before?.isLone === true });
      }
    }
    for (const [id, { count, isLone }] of deaths) {
      const found = this.pending.get(id)!;
      if (found.crashCount < SUSPECT_CRASHES) {
        found.crashCount = Math.min(found.crashCount + count, SUSPECT_CRASHES);
      } else if (isLone) found.crashCount += 1;
    }
    return [...deaths.keys()];
  }

  failUnsendable(ids: readonly string[]): string[] {
    const given = ids.flatMap((id) => this.pending.get(id) ?? []);
    for (const endpointId of new Set(given.map(({ lane }) => lane[2]))) this.wake(endpointId);
    const poison = given.filter((one) => one.crashCount >= POISON_CRASHES && this.isLive(one));
    poison.forEach((one) => this.end(one, { status: 'failed', reason: 'poison', attemptCount: one.attemptCount }));
    return poison.map(({ id }) => id);
  }

  freeLanes(): number {
    const orphaned = [...this.lanes.values()].filter(({ owner }) => owner !== null && !this.leases.has(owner));
    for (const lane of orphaned) Object.assign(lane, { owner: null, wakeAtMs: this.nowMs(), gen: lane.gen + 1 });
    return orphaned.length;
  }

  findReady(limit: number): LaneId[] {
    const nowMs = this.nowMs();
    const ready = [...this.lanes].filter(([, { owner, wakeAtMs }]) => owner === null && wakeAtMs <= nowMs);
    ready.sort(([, a], [, b]) => a.wakeAtMs - b.wakeAtMs);
    return ready.slice(0, limit).map(([id]) => this.endpoints.get(id)!.lane);
  }

  readOwned(token: string): { lane: LaneId; gen: string }[] {
    const owned = [...this.lanes].filter(([, { owner }]) => owner === token);
    return owned.map(([id, { gen }]) => ({ lane: this.endpoints.get(id)!.lane, gen: String(gen) }));
  }

  claim(token: string, batch: number, claims: readonly LaneClaim[], inFlight: readonly string[]): Claim {
    if (!this.hasLease(token)) return { deliveries: [], lanes: [] };
    for (const { lane } of claims) this.lanes.get(lane[2])!.owner ??= token;
    const owned = claims.filter(({ lane }) => this.lanes.get(lane[2])!.owner === token);
    const isOrdered = new Map(owned.map((wanted) => [wanted, this.keepsOrder(wanted.lane[2])]));
    const rechecked = new Map(owned.map((wanted) => [wanted, this.arrange(wanted)]));
    const { suspect, left } = this.takeSuspect(token, owned, new Set(inFlight));
    const heads = owned.flatMap((wanted) => {
      const room = wanted.lane === suspect?.lane ? wanted.room - 1 : wanted.room;
      return this.readDue({ ...wanted, room }, new Set(inFlight), false);
    });
    const deliveries = suspect === null ? heads : [...heads, suspect];
    if (deliveries.length > 0) {
      const entries = deliveries.map(({ id, attemptCount }) => [id, attemptCount + 1] as const);
      this.batches.set(`${token} ${batch}`, { token, batch, entries });
    }
    const lanes = owned.map((wanted) => {
      const endpoint = this.endpoints.get(wanted.lane[2])!;
      const coming = this.queueOf(endpoint).filter(({ dueAtMs }) => dueAtMs > this.nowMs() && dueAtMs < Infinity);
      const nextDueInMs = Math.min(
        coming.length === 0 ? Infinity : coming[0]!.dueAtMs - this.nowMs(),
        left.has(wanted) ? SUSPECT_WAIT_MS : Infinity,
      );
      return {
        lane: wanted.lane,
        gen: String(this.lanes.get(wanted.lane[2])!.gen),
        isOpen: endpoint.isEnabled && !endpoint.isDeleted,
        rateLimit: endpoint.rateLimit,
        isFailing: endpoint.isFailing,
        nextDueInMs: nextDueInMs === Infinity ? null : nextDueInMs,
        revision: String(endpoint.revision),
        isOrdered: isOrdered.get(wanted)!,
        recheckedTo: rechecked.get(wanted)!,
      };
    });
    return { deliveries, lanes };
  }

  settle(token: string, finished: readonly number[], settlements: readonly Settlement[]): SettleEffect[] | null {
    if (!this.hasLease(token)) return null;
    const effects = settlements.map((settlement): SettleEffect => {
      let effect: SettleEffect = 'dropped';
      const { deliveryId: id, number, next } = settlement;
      const found = this.pending.get(id);
      if (found?.attemptCount === number - 1 && !this.isLive(found)) this.endLeftover(found);
      const current = this.pending.get(id);
      if (current?.attemptCount === number - 1) {
        effect = 'settled';
        if ('end' in next) this.end(current, { status: next.end, reason: next.reason, attemptCount: number });
        else {
          const firstAttemptAt = current.firstAttemptAt ?? settlement.attempt.startedAt;
          Object.assign(current, { dueAtMs: this.nowMs() + Math.round(next.waitMs), crashCount: 0, firstAttemptAt });
          current.attemptCount = number;
        }
      } else {
        const ended = this.ended.get(id);
        const wasEndedBeside = ended?.status === 'cancelled' || ended?.status === 'skipped';
        if (wasEndedBeside && ended.attemptCount === number - 1) {
          ended.attemptCount = number;
          effect = 'recorded';
        }
      }
      const endpoint = this.endpoints.get(settlement.lane[2])!;
      if (settlement.failingBegins === false || endpoint.revision === settlement.revision) {
        endpoint.isFailing = settlement.failingBegins ?? endpoint.isFailing;
      }
      return effect;
    });
    for (const batch of finished) this.batches.delete(`${token} ${batch}`);
    return effects;
  }

  /** What is recorded as in the air. */
  recordsOf(token: string): string[] {
    return [...this.batches].flatMap(([key, batch]) => (batch.token === token ? [key] : []));
  }

  park(token: string, lanes: readonly LaneId[]): LaneId[] {
    const parked = lanes.filter((lane) => this.lanes.get(lane[2])!.owner === token);
    for (const lane of parked) {
      const endpoint = this.endpoints.get(lane[2])!;
      const [first] = endpoint.isEnabled && !endpoint.isDeleted ? this.queueOf(endpoint) : [];
      Object.assign(this.lanes.get(lane[2])!, { owner: null, wakeAtMs: first?.dueAtMs ?? Infinity });
    }
    return parked;
  }

  /** Puts followers that are due aside and releases those that wait for nothing; how far it looked. */
  private arrange({ lane, recheckWaiting, recheckAfter }: LaneClaim): string | null {
    const endpoint = this.endpoints.get(lane[2])!;
    let recheckedTo: string | null = null;
    if (recheckWaiting) {
      const waiting = this.queueOf(endpoint).filter(
        ({ dueAtMs, id }) => dueAtMs === Infinity && id > (recheckAfter ?? ''),
      );
      const looked = waiting.slice(0, REACH);
      for (const one of looked) if (!this.isBehind(one)) one.dueAtMs = this.nowMs();
      recheckedTo = looked.length < REACH ? null : looked.at(-1)!.id;
    }
    if (this.keepsOrder(lane[2])) {
      const due = this.queueOf(endpoint).filter(({ dueAtMs }) => dueAtMs <= this.nowMs());
      for (const one of due.slice(0, REACH)) if (this.isBehind(one)) one.dueAtMs = Infinity;
    }
    return recheckedTo;
  }

  /** At most one suspect is in the air of a dispatcher. `left`: whose lanes have others that are due. */
  private takeSuspect(
    token: string,
    owned: readonly LaneClaim[],
    inFlight: ReadonlySet<string>,
  ): { suspect: ClaimedDelivery | null; left: ReadonlySet<LaneClaim> } {
    const recorded = this.recorded(token).filter((id) => this.isSuspect(id));
    let suspect: ClaimedDelivery | null = null;
    const left = new Set<LaneClaim>();
    for (const wanted of owned) {
      const due = this.readDue({ ...wanted, room: Infinity, after: null }, inFlight, true);
      for (const one of due.sort((a, b) => (a.id < b.id ? -1 : 1))) {
        if (suspect === null && wanted.room > 0 && recorded.every((id) => id === one.id)) suspect = one;
        else left.add(wanted);
      }
    }
    return { suspect, left };
  }
}
