import { Clock } from '../common/clock.js';
import type { HandedLane } from '../deliveries/hand-offs.js';
import type { Claim, ClaimedDelivery, LaneClaim } from '../deliveries/lane-queue.repository.js';
import type { LaneId } from '../deliveries/lane-signals.js';
import type { SettleEffect, Settlement } from '../deliveries/settle-arguments.js';
import type { EndpointSettings } from '../webhooks/endpoint-settings.js';
import type { SendResult } from '../webhooks/sending/webhook-client.js';
import { DispatchSession, type SessionLimits, type SessionPorts } from './dispatch-session.js';

export const LANE: LaneId = ['0198c0de-0000-7000-8000-000000000001', 'test', '0198c0de-0000-7000-8000-000000000002'];
export const uuid = (number: number): string => `0198c0de-0000-7000-9000-${String(number).padStart(12, '0')}`;

function answered(statusCode: number, retryAfter: string | null): SendResult {
  const rest = { retryAfter, error: null, responseBody: 'ok', responseTruncated: false };
  return { startedAt: new Date(), durationMs: 5, statusCode, ...rest };
}

/** One lane's queue in memory, fenced as the database fences it, and a network that the test answers for. */
export class World {
  /** Attempts so far of what is unfinished and due. */
  readonly due = new Map<string, number>();
  readonly sent: string[] = [];
  readonly settled: string[] = [];
  /** Whose settles have begun. */
  readonly settling: string[] = [];
  /** What settles said of the endpoint's run of failures, in the order in which they were written. */
  readonly said: [id: string, failingBegins: boolean | null][] = [];
  readonly errors: string[] = [];
  readonly attempts: string[] = [];
  /** Whose delivery others ended or moved on while it was in the air, and what its settle answers then. */
  readonly overtaken = new Map<string, SettleEffect>();
  /** What attempts were told to have done, in the order of `attempts`. */
  readonly effects: SettleEffect[] = [];
  /** Of each claim: where it began to read, null for the head. */
  readonly claimedFrom: (string | null)[] = [];
  /** Batches that settles ended. */
  readonly finished: number[] = [];
  /** For lanes without an owner. */
  looks = 0;
  inTheAir = 0;
  mostInTheAir = 0;
  owner: string | null = null;
  hasLease = true;
  /** Claims before which another process is quicker. */
  lostRaces = 0;
  /** Settles that fail before one goes through. */
  failures = 0;
  failingSettings = 0;
  statusCode = 200;
  retryAfter: string | null = null;
  /** What holds requests in the air, or the answer of a claim. */
  gate: Promise<unknown> = Promise.resolve();
  claimGate: Promise<unknown> = Promise.resolve();
  /** What holds the settles of these deliveries, with whatever goes together with them. */
  readonly settleGates = new Map<string, Promise<unknown>>();
  parkGate: Promise<unknown> = Promise.resolve();
  private watchers: (() => void)[] = [];

  readonly queue = {
    findReadyLanes: async (): Promise<LaneId[]> => {
      this.looks += 1;
      return this.owner === null && this.due.size > 0 ? [LANE] : [];
    },
    readOwned: async () => (this.owner === null ? [] : [{ lane: LANE, gen: '1' }]),
    claim: async (token: string, _batch: number, [wanted]: LaneClaim[], inFlight: string[]): Promise<Claim> => {
      this.claimedFrom.push(wanted!.after?.id ?? null);
      await this.claimGate;
      if (!this.hasLease || this.lostRaces-- > 0) return { deliveries: [], lanes: [] };
      this.owner ??= token;
      const ids = [...this.due.keys()].filter((id) => !inFlight.includes(id)).slice(0, wanted!.room);
      const rest = { rateLimit: null, isFailing: false, nextDueInMs: null, revision: '1', isOrdered: false };
      const lane = { lane: LANE, gen: '1', isOpen: true, recheckedTo: null, ...rest };
      return { deliveries: ids.map((id) => this.claimed(id)), lanes: this.owner === token ? [lane] : [] };
    },
    settle: async (_token: string, finished: number[], settlements: Settlement[]): Promise<SettleEffect[] | null> => {
      this.settling.push(...settlements.map(({ deliveryId }) => deliveryId));
      this.tell();
      for (const { deliveryId } of settlements) await this.settleGates.get(deliveryId);
      if (this.failures > 0) {
        this.failures -= 1;
        throw new Error('connection lost');
      }
      if (!this.hasLease) return null;
      this.finished.push(...finished);
      this.tell();
      return settlements.map(({ deliveryId, number, next, failingBegins }) => {
        this.said.push([deliveryId, failingBegins]);
        if (this.due.get(deliveryId) !== number - 1) return 'dropped';
        this.due.delete(deliveryId);
        const overtaken = this.overtaken.get(deliveryId);
        if (overtaken !== undefined) return overtaken;
        this.settled.push(`${deliveryId} ${'end' in next ? next.end : 'waits'}`);
        this.tell();
        return 'settled';
      });
    },
    park: async (): Promise<LaneId[]> => {
      if (!this.hasLease || this.owner === null) return [];
      this.owner = null;
      await this.parkGate;
      return [LANE];
    },
  };

  readonly ports: SessionPorts = {
    queue: this.queue as unknown as SessionPorts['queue'],
    findRecipient: async () => {
      if (this.failingSettings > 0) {
        this.failingSettings -= 1;
        throw new Error('no settings');
      }
      const settings = {
        url: 'https://shop.example/hook',
        retrySchedule: [60],
        revision: 1n,
      } as unknown as EndpointSettings;
      return { settings, locale: 'en' };
    },
    send: async ({ id }, _settings, signal) => {
      this.sent.push(id);
      this.tell();
      this.inTheAir += 1;
      this.mostInTheAir = Math.max(this.mostInTheAir, this.inTheAir);
      await Promise.race([this.gate, new Promise((resolve) => signal.addEventListener('abort', resolve))]);
      this.inTheAir -= 1;
      return answered(this.statusCode, this.retryAfter);
    },
    onAttempt: ({ id }, _result, _settlement, effect) => {
      this.attempts.push(id);
      this.effects.push(effect);
      this.tell();
    },
    onClaim: () => undefined,
    onHandOff: () => undefined,
    endUnsendable: async () => undefined,
    onDead: () => undefined,
    onProbeFailed: () => undefined,
    onError: (error, doing) => {
      this.errors.push(`${doing}: ${(error as Error).message}`);
      this.tell();
    },
    random: () => 0.5,
    after: (delayMs, work) => {
      const timer = setTimeout(work, delayMs).unref();
      return () => clearTimeout(timer);
    },
  };

  /** One that sends for this world; the test ends it. */
  session(limits: SessionLimits = { concurrency: 10, laneConcurrency: 4 }, clock = new Clock()): DispatchSession {
    return new DispatchSession(this.ports, clock, limits);
  }

  add(...numbers: number[]): void {
    for (const number of numbers) this.due.set(uuid(number), 0);
  }

  /** As a publish hands it over that took the lane to `gen`. */
  handed(gen: string, ...numbers: number[]): HandedLane {
    this.add(...numbers);
    return { lane: LANE, gen, deliveries: numbers.map((number) => this.claimed(uuid(number))), isAll: true };
  }

  /** Resolves when `isTrue` holds; asked after each send, settle, attempt and error. */
  async until(isTrue: () => boolean): Promise<void> {
    while (!isTrue()) await new Promise<void>((resolve) => this.watchers.push(resolve));
  }

  private claimed(id: string): ClaimedDelivery {
    const rest = {
      revision: 1,
      dueAtMs: Number(id.slice(-12)),
      isUnsendable: false,
      eventType: 'collect.pending',
      operationId: null,
      firstAttemptAt: null,
    };
    return { lane: LANE, id, eventId: id, body: '{}', attemptCount: this.due.get(id)!, ...rest };
  }

  private tell(): void {
    this.watchers.splice(0).forEach((resolve) => resolve());
  }
}

/** A promise that the test resolves. */
export function held(): { gate: Promise<void>; open: () => void } {
  let open: () => void = () => undefined;
  const gate = new Promise<void>((resolve) => (open = resolve));
  return { gate, open: () => open() };
}
