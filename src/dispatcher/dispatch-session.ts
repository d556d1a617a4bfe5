import { randomUUID } from 'node:crypto';
import { setMaxListeners } from 'node:events';
import type { Locale } from '../accounts/account.js';
import type { ClaimedDelivery, LaneClaim, LaneQueueRepository } from '../deliveries/lane-queue.repository.js';
import type { LaneId } from '../deliveries/lane-signals.js';
import type { EndpointSettings } from '../webhooks/endpoint-settings.js';
import type { SendResult } from '../webhooks/sending/webhook-client.js';
import { judgeAttempt, type JudgedAttempt } from './attempt-outcome.js';
import { LaneBook, laneKey, type Lane } from './lane-book.js';
import { LeaseLostError, Settler } from './settler.js';

/** What a session reaches the world through; tests put their own in. */
export interface SessionPorts {
  readonly queue: LaneQueueRepository;
  settingsOf(lane: LaneId, revision: number): Promise<EndpointSettings | null>;
  localeOf(accountId: string): Promise<Locale> | Locale;
  send(delivery: ClaimedDelivery, settings: EndpointSettings, signal: AbortSignal): Promise<SendResult>;
  /** After an attempt took effect. */
  onAttempt(delivery: ClaimedDelivery, result: SendResult, judged: JudgedAttempt): void;
  onError(error: unknown, doing: string): void;
  monotonicMs(): number;
  nowMs(): number;
  random(): number;
}

export interface SessionLimits {
  readonly concurrency: number;
  readonly laneConcurrency: number;
}

const CLAIM_LANES = 200;
const RETRY_MS = 200;

/**
 * One lease's worth of dispatching: claims while there is room and work, sends, settles. It ends with its lease: then
 * everything in memory is dropped, what is in the air is aborted, and nothing more is written under its token.
 */
export class DispatchSession {
  readonly token = randomUUID();
  private readonly book: LaneBook;
  private readonly settler: Settler;
  private readonly abort = new AbortController();
  private readonly failing = new Map<string, boolean>();
  private batch = 0;
  private claiming = false;
  private closing = false;
  private rateTimer: NodeJS.Timeout | undefined;
  private idleWaiters: (() => void)[] = [];

  constructor(
    private readonly ports: SessionPorts,
    limits: SessionLimits,
  ) {
    this.book = new LaneBook({ ...limits, claimLanes: CLAIM_LANES });
    this.settler = new Settler(ports.queue, this.token);
    setMaxListeners(0, this.abort.signal); // Every request in the air listens.
  }

  get inFlight(): number {
    return this.book.inFlightCount;
  }

  get ownedLanes(): number {
    return this.book.size;
  }

  /** There may be work on these lanes. */
  wake(lanes: readonly LaneId[]): void {
    if (this.closing) return;
    this.book.wake(lanes, this.ports.monotonicMs());
    this.poke();
  }

  /** Looks for work by itself: ready lanes without an owner, and what others added to the lanes owned here. */
  async poll(): Promise<void> {
    if (this.closing) return;
    if (this.book.size > 0) {
      const owned = await this.ports.queue.readOwned(this.token);
      this.book.refresh(owned, this.ports.monotonicMs());
    }
    const room = this.book.capacity();
    if (room > 0) this.wake(await this.ports.queue.findReadyLanes(Math.min(room, CLAIM_LANES)));
    this.poke();
    await this.park(this.book.idle(this.ports.monotonicMs()));
  }

  /** Stops claiming and resolves when nothing is in the air; then gives every lane back. */
  async close(): Promise<void> {
    this.closing = true;
    clearTimeout(this.rateTimer);
    if (this.book.inFlightCount > 0) await new Promise<void>((resolve) => this.idleWaiters.push(resolve));
    await this.park(this.book.idle(this.ports.monotonicMs(), true));
  }

  /** The lease is gone, or time is up: nothing of this may touch the network or the database any more. */
  end(): void {
    this.closing = true;
    clearTimeout(this.rateTimer);
    this.abort.abort();
    this.book.clear();
    this.tellIdle();
  }

  /** After this turn of the event loop: a settle frees many places at once, and they are one claim's. */
  private poke(): void {
    if (this.claiming || this.closing) return;
    this.claiming = true;
    setImmediate(() => void this.claimWhileUseful());
  }

  private async claimWhileUseful(): Promise<void> {
    try {
      for (;;) {
        const capacity = this.book.capacity();
        if (this.closing || capacity <= 0) return;
        const { claims, waitMs } = this.book.takeClaims(capacity, this.ports.monotonicMs());
        if (waitMs !== null) this.wakeIn(waitMs);
        if (claims.length === 0) return;
        await this.claim(claims);
      }
    } finally {
      this.claiming = false;
    }
  }

  private async claim(claims: readonly LaneClaim[]): Promise<void> {
    const batch = ++this.batch;
    try {
      const claim = await this.ports.queue.claim(this.token, batch, claims, [...this.book.inFlightIds()]);
      if (this.abort.signal.aborted) return;
      const offsetMs = this.ports.nowMs() - this.ports.monotonicMs();
      this.book.apply(claims, claim, this.ports.monotonicMs(), (time) => time.getTime() - offsetMs);
      if (claim.deliveries.length === 0) return;
      this.settler.openBatch(batch, claim.deliveries.length);
      for (const delivery of claim.deliveries) void this.deliver(delivery, batch);
    } catch (error) {
      this.book.giveBack(claims);
      this.ports.onError(error, 'claim');
      await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
    }
  }

  private async deliver(delivery: ClaimedDelivery, batch: number): Promise<void> {
    const lane = this.book.get(laneKey(delivery.lane))!;
    let nextDueMs: number | null = null;
    let isSending = true;
    const endSend = () => {
      if (isSending) this.book.endSend(lane);
      isSending = false;
      this.poke();
    };
    try {
      const settings = await this.ports.settingsOf(delivery.lane, delivery.revision);
      if (settings === null || this.abort.signal.aborted) {
        this.settler.release(batch);
        return;
      }
      this.book.setRateLimit(lane, settings.rateLimit, this.ports.monotonicMs());
      const result = await this.ports.send(delivery, settings, this.abort.signal);
      endSend();
      if (this.abort.signal.aborted) return;
      nextDueMs = await this.settle(delivery, batch, settings, result);
    } catch (error) {
      if (!(error instanceof LeaseLostError)) this.ports.onError(error, 'deliver');
      this.settler.release(batch);
    } finally {
      endSend();
      this.finish(lane, delivery.id, nextDueMs);
    }
  }

  /** Tries until it is written or the lease is lost; resolves with when the delivery is due again. */
  private async settle(
    delivery: ClaimedDelivery,
    batch: number,
    settings: EndpointSettings,
    result: SendResult,
  ): Promise<number | null> {
    const key = laneKey(delivery.lane);
    const isFailing = this.failing.get(key) ?? settings.failingSince !== null;
    const locale = await this.ports.localeOf(delivery.lane[0]);
    const judged = judgeAttempt(delivery, result, { settings, locale, isFailing, random: this.ports.random() });
    if (judged.settlement.failingBegins !== null) this.failing.set(key, judged.settlement.failingBegins);
    for (;;) {
      try {
        const tookEffect = await this.settler.settle(batch, judged.settlement);
        if (!tookEffect) return null;
        this.ports.onAttempt(delivery, result, judged);
        const { next } = judged.settlement;
        return 'waitMs' in next ? this.ports.monotonicMs() + next.waitMs : null;
      } catch (error) {
        if (error instanceof LeaseLostError || this.abort.signal.aborted) throw new LeaseLostError();
        this.ports.onError(error, 'settle');
        await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
      }
    }
  }

  private finish(lane: Lane, deliveryId: string, nextDueMs: number | null): void {
    this.book.finish(lane, deliveryId, this.ports.monotonicMs(), nextDueMs);
    if (this.book.inFlightCount === 0) this.tellIdle();
    this.poke();
  }

  private async park(lanes: readonly Lane[]): Promise<void> {
    if (lanes.length === 0) return;
    const seen = new Map(lanes.map((lane) => [lane.key, lane.wakeCount]));
    const parked = await this.ports.queue.park(
      this.token,
      lanes.map(({ id, isOpen }) => ({ lane: id, isOpen })),
    );
    for (const id of parked) {
      const lane = this.book.get(laneKey(id));
      this.failing.delete(laneKey(id));
      if (lane === undefined) continue;
      this.book.drop(lane);
      if (lane.wakeCount !== seen.get(lane.key)) this.wake([id]); // Work came while it was being given back.
    }
  }

  private wakeIn(waitMs: number): void {
    clearTimeout(this.rateTimer);
    this.rateTimer = setTimeout(() => this.poke(), Math.max(1, Math.ceil(waitMs)));
  }

  private tellIdle(): void {
    this.idleWaiters.splice(0).forEach((resolve) => resolve());
  }
}
