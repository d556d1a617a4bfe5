import { randomUUID } from 'node:crypto';
import { setMaxListeners } from 'node:events';
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Clock } from '../common/clock.js';
import type { HandedLane, HandOffOffer, PlannedLedger } from '../deliveries/hand-offs.js';
import type { ClaimedDelivery, LaneClaim, LaneQueueRepository } from '../deliveries/lane-queue.repository.js';
import type { LaneId } from '../deliveries/lane-signals.js';
import type { SettleEffect, Settlement } from '../deliveries/settle-arguments.js';
import type { EndpointSettings } from '../webhooks/endpoint-settings.js';
import type { SendResult } from '../webhooks/sending/webhook-client.js';
import { judgeAttempt } from './attempt-outcome.js';
import type { Recipient } from './endpoint-cache.js';
import { isPausing, type PacedAttempt, paceOutcome } from './endpoint-pace.js';
import { laneKey, type Lane } from './lane.js';
import { type BookLimits, LaneBook } from './lane-book.js';
import { parseRetryAfter } from './retry-schedule.js';
import { LeaseLostError, Settler } from './settler.js';

/** What a session reaches the world through; tests put their own in. */
export interface SessionPorts {
  readonly queue: LaneQueueRepository;
  /** The endpoint at `revision` or later; null when it is gone. */
  findRecipient(lane: LaneId, revision: number): Promise<Recipient | null>;
  send(delivery: ClaimedDelivery, settings: EndpointSettings, signal: AbortSignal): Promise<SendResult>;
  onClaim(deliveries: number): void;
  onHandOff(deliveries: number): void;
  /** Ends a delivery that nobody may send any more. */
  endUnsendable(delivery: ClaimedDelivery): Promise<void>;
  /** After an attempt was written. */
  onAttempt(delivery: ClaimedDelivery, result: SendResult, settlement: Settlement, effect: SettleEffect): void;
  /**
   * The receiver that the endpoint had at `revision` is gone, or failed to the end of a schedule; also when the attempt
   * itself came too late.
   */
  onDead(lane: LaneId, reason: 'gone' | 'failing', revision: number): void;
  /** A probe of an open circuit failed; the endpoint may have failed for longer than any of its deliveries may wait. */
  onProbeFailed(settings: EndpointSettings): void;
  onError(error: unknown, doing: string): void;
  random(): number;
  /** Calls `work` after so many milliseconds; returns what prevents it. */
  after(delayMs: number, work: () => void): () => void;
}

export type SessionLimits = Omit<BookLimits, 'claimLanes'>;

const CLAIM_LANES = 200;
const RETRY_MS = 200;
/** So many requests begin before answers are read again, and before others have their turn of the event loop. */
const SENDS_A_TURN = 32;
/** A delivery that could not even be tried waits so long, lest it be claimed again at once. */
const STUMBLE_MS = 1_000;

/**
 * One lease's worth of dispatching: claims while there is room and work, sends, settles. It ends with its lease: then
 * everything in memory is dropped, what is in the air is aborted, and nothing more is written under its token.
 */
export class DispatchSession {
  readonly token = randomUUID();
  /** On this process's monotonic clock; from then on no request begins. Whoever keeps the lease alive moves it. */
  leaseEndsMs = Infinity;
  private readonly book: LaneBook;
  private readonly settler: Settler;
  private readonly abort = new AbortController();
  private batch = 0;
  /** While a claim is about to run or under way. */
  private claiming: Promise<void> | null = null;
  private closing = false;
  private cancelClaimTimer: () => void = () => undefined;
  /** The last look for ready lanes found as many as it may. */
  private mayFindMore = false;
  /** Offers of which it is not known yet what they brought. */
  private openOffers = 0;
  private drained: () => void = () => undefined;

  constructor(
    private readonly ports: SessionPorts,
    private readonly clock: Clock,
    limits: SessionLimits,
  ) {
    this.book = new LaneBook({ ...limits, claimLanes: CLAIM_LANES });
    this.settler = new Settler(ports.queue, this.token, (delayMs, work) => ports.after(delayMs, work));
    setMaxListeners(0, this.abort.signal); // Every request in the air listens.
  }

  /** Claimed or handed over, and not settled. */
  get inFlight(): number {
    return this.book.inFlightCount;
  }

  /** Of those, the ones whose request has not ended. */
  get sending(): number {
    return this.book.sendingCount;
  }

  get ownedLanes(): number {
    return this.book.size;
  }

  get openCircuits(): number {
    return this.book.openCircuits(this.clock.monotonicMs());
  }

  /** There may be work on these lanes. */
  wake(lanes: readonly LaneId[]): void {
    if (this.closing) return;
    this.book.wake(lanes, this.clock.monotonicMs());
    this.poke();
  }

  /** Room for what a publish of this process is about to plan, in the lanes of these ledgers. */
  offer(ledgers: readonly PlannedLedger[]): HandOffOffer | null {
    if (this.closing) return null;
    const reserved = this.book.reserve(ledgers, this.clock.monotonicMs());
    if (reserved.length === 0) return null;
    const batch = ++this.batch;
    this.openOffers += 1;
    const end = (look: boolean, handed: readonly HandedLane[] = []): void => {
      this.openOffers -= 1;
      if (!this.abort.signal.aborted) this.endOffer(reserved, batch, handed, look);
      if (this.isIdle) this.drained();
    };
    return {
      token: this.token,
      batch,
      lanes: reserved.map(({ lane, room }) => ({ lane: lane.id, room })),
      accept: (handed) => end(false, handed),
      decline: () => end(false),
      abandon: () => {
        if (!this.abort.signal.aborted) this.settler.forget(batch);
        end(true);
      },
    };
  }

  private endOffer(
    reserved: readonly { lane: Lane; room: number }[],
    batch: number,
    handed: readonly HandedLane[],
    look: boolean,
  ): void {
    const nowMs = this.clock.monotonicMs();
    const byLane = new Map(handed.map((item) => [laneKey(item.lane), item]));
    const deliveries: ClaimedDelivery[] = [];
    for (const { lane, room } of reserved) {
      const item = byLane.get(lane.key);
      if (item !== undefined) deliveries.push(...this.book.takeHanded(lane, room, item, nowMs));
      else this.book.release(lane, room, nowMs);
      if (look) this.book.lookAgain(lane);
    }
    const count = handed.reduce((sum, item) => sum + item.deliveries.length, 0);
    if (count > 0) {
      this.ports.onHandOff(deliveries.length);
      void this.deliverBatch(batch, count, deliveries);
    }
    this.poke();
  }

  /** Looks for work by itself: ready lanes without an owner, and what others added to the lanes owned here. */
  async poll(): Promise<void> {
    if (this.closing) return;
    if (this.book.size > 0) {
      const owned = await this.ports.queue.readOwned(this.token);
      this.book.refresh(owned, this.clock.monotonicMs());
    }
    await this.findReady();
    await this.park(this.book.beginParking(this.clock.monotonicMs()));
  }

  /** The endpoint was changed: what its receiver answered before says nothing any more. */
  endpointChanged(lane: LaneId): void {
    this.book.forgetPace(lane);
    this.poke();
  }

  /** Stops claiming and resolves when nothing is in the air, or `end` is called; then gives every lane back. */
  async close(): Promise<void> {
    this.closing = true;
    this.cancelClaimTimer();
    const ended = new Promise((resolve) => this.abort.signal.addEventListener('abort', resolve));
    await Promise.race([this.drain(), ended]);
    await this.park(this.book.beginParking(this.clock.monotonicMs(), true));
  }

  /** The lease is gone, or time is up: nothing of this may touch the network or the database any more. */
  end(): void {
    this.closing = true;
    this.cancelClaimTimer();
    this.abort.abort();
    this.book.clear();
  }

  private async findReady(): Promise<void> {
    const room = Math.min(this.book.capacity(), CLAIM_LANES);
    this.mayFindMore = room <= 0; // As soon as there is room that no owned lane needs.
    if (room > 0) {
      const ready = await this.ports.queue.findReadyLanes(room);
      this.mayFindMore = ready.length === room; // After their claim; until then it would find the same.
      this.wake(ready);
    }
    this.poke();
  }

  /** After this turn of the event loop: a settle frees many places at once, and they are one claim's. */
  private poke(): void {
    if (this.claiming !== null || this.closing) return;
    this.claiming = this.claimWhileUseful();
  }

  private async claimWhileUseful(): Promise<void> {
    await nextTurn();
    try {
      for (let hasLooked = false; ;) {
        const capacity = this.book.capacity();
        if (this.closing || capacity <= 0) return;
        const { claims, waitMs } = this.book.takeClaims(capacity, this.clock.monotonicMs());
        if (waitMs !== null) this.wakeIn(waitMs);
        if (claims.length > 0) {
          if (await this.claim(claims)) hasLooked = false;
        } else if (this.mayFindMore && !hasLooked) {
          await this.findReady().catch((error: unknown) => this.ports.onError(error, 'look for lanes'));
          hasLooked = true;
        } else {
          // What was found and could not be taken, as a lane that is just being given back, would be found again at
          // once.
          if (hasLooked && this.mayFindMore) this.wakeIn(Math.min(waitMs ?? RETRY_MS, RETRY_MS));
          return;
        }
      }
    } finally {
      this.claiming = null; // In the same turn as the last look: a poke after it must not be lost.
    }
  }

  /** Resolves with whether any of the lanes are this process's now. */
  private async claim(claims: readonly LaneClaim[]): Promise<boolean> {
    const batch = ++this.batch;
    try {
      const claim = await this.ports.queue.claim(this.token, batch, claims, this.book.inFlightIds(claims));
      if (this.abort.signal.aborted) return false;
      this.ports.onClaim(claim.deliveries.length);
      const deliveries = this.book.apply(claims, claim, this.clock.monotonicMs());
      if (claim.deliveries.length === 0) return claim.lanes.length > 0;
      void this.deliverBatch(batch, claim.deliveries.length, deliveries);
      return true;
    } catch (error) {
      this.book.giveBack(claims);
      this.settler.forget(batch);
      this.ports.onError(error, 'claim');
      await this.pause(RETRY_MS);
      return false;
    }
  }

  /** Of the `count` that the batch has, those that the book did not refuse. */
  private async deliverBatch(batch: number, count: number, deliveries: readonly ClaimedDelivery[]): Promise<void> {
    this.settler.openBatch(batch, count);
    for (let n = deliveries.length; n < count; n++) this.settler.release(batch);
    for (let begin = 0; begin < deliveries.length; begin += SENDS_A_TURN) {
      if (begin > 0) await nextTurn();
      for (const delivery of deliveries.slice(begin, begin + SENDS_A_TURN)) void this.deliver(delivery, batch);
    }
  }

  private async deliver(delivery: ClaimedDelivery, batch: number): Promise<void> {
    const lane = this.book.get(laneKey(delivery.lane))!;
    let nextDueMs: number | null = null;
    let isStillDue = true;
    let isSending = true;
    const endSend = (attempt: PacedAttempt | null) => {
      if (isSending) this.book.endSend(lane, attempt, this.clock.monotonicMs());
      isSending = false;
      this.poke();
    };
    try {
      if (delivery.isUnsendable) {
        await this.ports.endUnsendable(delivery);
        this.settler.release(batch);
        isStillDue = false;
        return;
      }
      const recipient = await this.ports.findRecipient(delivery.lane, delivery.revision);
      if (this.abort.signal.aborted) return;
      if (recipient === null) {
        this.settler.release(batch);
        return;
      }
      const mayBegin = await this.mayStillBegin(lane);
      if (this.abort.signal.aborted) return;
      if (!mayBegin) {
        this.settler.release(batch);
        return;
      }
      const sentAtMs = this.clock.monotonicMs();
      const { pace } = lane;
      const result = await this.ports.send(delivery, recipient.settings, this.abort.signal);
      if (this.abort.signal.aborted) return;
      const wasProbe = pace.stateAt(sentAtMs) === 'half_open';
      // Another pace: the endpoint was changed meanwhile, and this answer says nothing of it as it is now.
      const isCurrent = lane.pace === pace;
      endSend(isCurrent ? toPaced(result, sentAtMs, this.clock.now()) : null);
      if (isCurrent && wasProbe && pace.stateAt(this.clock.monotonicMs()) !== 'closed')
        this.ports.onProbeFailed(recipient.settings);
      ({ nextDueMs, isStillDue } = await this.settle(lane, delivery, batch, recipient, result));
    } catch (error) {
      if (error instanceof LeaseLostError) return;
      this.ports.onError(error, 'deliver');
      endSend(null);
      await this.pause(STUMBLE_MS);
      if (!this.abort.signal.aborted) this.settler.release(batch);
    } finally {
      endSend(null);
      this.finish(lane, delivery.id, nextDueMs, isStillDue);
    }
  }

  /**
   * What was claimed may have been held up, by the claim itself or by reading settings: it goes at its endpoint's rate
   * even so, and not at all when the receiver has asked for a pause meanwhile, or failed too often. Past the lease's end
   * it waits until that is extended or found lost.
   */
  private async mayStillBegin(lane: Lane): Promise<boolean> {
    const waitMs = lane.rate?.leave(this.clock.monotonicMs()) ?? 0;
    if (waitMs > 0) await this.pause(waitMs);
    while (this.clock.monotonicMs() >= this.leaseEndsMs && !this.abort.signal.aborted) await this.pause(RETRY_MS);
    return lane.pace.mayBegin(this.clock.monotonicMs(), lane.sending - 1);
  }

  /** Tries until it is written or the lease is lost; resolves with when the delivery is due again, if it is. */
  private async settle(
    lane: Lane,
    delivery: ClaimedDelivery,
    batch: number,
    recipient: Recipient,
    result: SendResult,
  ): Promise<{ nextDueMs: number | null; isStillDue: boolean }> {
    const { isFailing } = lane;
    const settlement = judgeAttempt(delivery, result, { ...recipient, isFailing, random: this.ports.random() });
    lane.isFailing = settlement.failingBegins ?? isFailing;
    for (;;) {
      try {
        const effect = await this.settler.settle(batch, settlement);
        // A success that was judged after this failure may have been written before it, and ended nothing.
        if (settlement.failingBegins === true) lane.isFailing = true;
        if (settlement.disable !== null) this.ports.onDead(delivery.lane, settlement.disable, settlement.revision);
        if (effect !== 'dropped') this.ports.onAttempt(delivery, result, settlement, effect);
        if (effect !== 'settled') return { nextDueMs: null, isStillDue: true };
        const { next } = settlement;
        const nextDueMs = 'waitMs' in next ? this.clock.monotonicMs() + next.waitMs : null;
        return { nextDueMs, isStillDue: false };
      } catch (error) {
        if (error instanceof LeaseLostError || this.abort.signal.aborted) throw new LeaseLostError();
        this.ports.onError(error, 'settle');
        await this.pause(RETRY_MS);
      }
    }
  }

  private finish(lane: Lane, deliveryId: string, nextDueMs: number | null, isStillDue: boolean): void {
    this.book.finish(lane, deliveryId, this.clock.monotonicMs(), nextDueMs, isStillDue);
    if (this.isIdle) this.drained();
    this.poke();
  }

  /** Until nothing is in the air. */
  private async drain(): Promise<void> {
    await this.claiming; // What it brings is in the air, too.
    if (!this.isIdle) await new Promise<void>((resolve) => (this.drained = resolve));
  }

  private get isIdle(): boolean {
    return this.book.inFlightCount === 0 && this.openOffers === 0;
  }

  private async park(lanes: readonly Lane[]): Promise<void> {
    if (lanes.length === 0) return;
    const parked = new Set<string>();
    try {
      const ids = lanes.map(({ id }) => id);
      for (const id of await this.ports.queue.park(this.token, ids)) parked.add(laneKey(id));
    } finally {
      for (const lane of lanes) this.book.endParking(lane, parked.has(lane.key));
      this.poke();
    }
  }

  private wakeIn(waitMs: number): void {
    this.cancelClaimTimer();
    this.cancelClaimTimer = this.ports.after(Math.max(1, Math.ceil(waitMs)), () => this.poke());
  }

  private pause(delayMs: number): Promise<void> {
    return new Promise((resolve) => this.ports.after(delayMs, resolve));
  }
}

function toPaced(result: SendResult, sentAtMs: number, now: Date): PacedAttempt {
  const pauseMs = isPausing(result) ? parseRetryAfter(result.retryAfter, now.getTime()) : null;
  return { outcome: paceOutcome(result), sentAtMs, pauseMs };
}
