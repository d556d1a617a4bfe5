import { Clock } from '../common/clock.js';
import type { HandedLane, HandOffOffer } from '../deliveries/hand-offs.js';
import type { Claim, ClaimedDelivery, LaneClaim } from '../deliveries/lane-queue.repository.js';
import type { LaneId } from '../deliveries/lane-signals.js';
import type { Settlement } from '../deliveries/settle-arguments.js';
import type { EndpointSettings } from '../webhooks/endpoint-settings.js';
import type { SendResult } from '../webhooks/sending/webhook-client.js';
import { DispatchSession, type SessionPorts } from './dispatch-session.js';

const LANE: LaneId = ['0198c0de-0000-7000-8000-000000000001', 'test', '0198c0de-0000-7000-8000-000000000002'];
const uuid = (number: number): string => `0198c0de-0000-7000-9000-${String(number).padStart(12, '0')}`;

function answered(statusCode: number): SendResult {
  const rest = { retryAfter: null, error: null, responseBody: 'ok', responseTruncated: false };
  return { startedAt: new Date(), durationMs: 5, statusCode, ...rest };
}

/** One lane's queue in memory, fenced as the database fences it, and a network that the test answers for. */
class World {
  /** Attempts so far of what is unfinished and due. */
  readonly due = new Map<string, number>();
  readonly sent: string[] = [];
  readonly settled: string[] = [];
  readonly errors: string[] = [];
  readonly attempts: string[] = [];
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
  /** What holds requests in the air, or the answer of a claim. */
  gate: Promise<unknown> = Promise.resolve();
  claimGate: Promise<unknown> = Promise.resolve();
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
    settle: async (_token: string, finished: number[], settlements: Settlement[]): Promise<number[] | null> => {
      if (this.failures > 0) {
        this.failures -= 1;
        throw new Error('connection lost');
      }
      if (!this.hasLease) return null;
      this.finished.push(...finished);
      this.tell();
      return settlements.flatMap(({ deliveryId, number, next }, index) => {
        if (this.due.get(deliveryId) !== number - 1) return [];
        this.due.delete(deliveryId);
        this.settled.push(`${deliveryId} ${'end' in next ? next.end : 'waits'}`);
        this.tell();
        return [index];
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
    settingsOf: async () => {
      if (this.failingSettings > 0) {
        this.failingSettings -= 1;
        throw new Error('no settings');
      }
      return { url: 'https://shop.example/hook', retrySchedule: [60] } as unknown as EndpointSettings;
    },
    localeOf: () => 'en',
    send: async ({ id }, _settings, signal) => {
      this.sent.push(id);
      this.tell();
      this.inTheAir += 1;
      this.mostInTheAir = Math.max(this.mostInTheAir, this.inTheAir);
      await Promise.race([this.gate, new Promise((resolve) => signal.addEventListener('abort', resolve))]);
      this.inTheAir -= 1;
      return answered(this.statusCode);
    },
    onAttempt: ({ id }) => {
      this.attempts.push(id);
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

class LateClock extends Clock {
  lateMs = 0;

  override monotonicMs(): number {
    return super.monotonicMs() + this.lateMs;
  }
}

/** A promise that the test resolves. */
function held(): { gate: Promise<void>; open: () => void } {
  let open: () => void = () => undefined;
  const gate = new Promise<void>((resolve) => (open = resolve));
  return { gate, open: () => open() };
}

describe('DispatchSession', () => {
  let world: World;
  let session: DispatchSession;
  beforeEach(() => {
    world = new World();
    session = new DispatchSession(world.ports, new Clock(), { concurrency: 10, laneConcurrency: 4 });
  });
  afterEach(() => session.end());

  it('sends everything that waits once, never more at a time than a lane may have', async () => {
    world.add(...Array.from({ length: 50 }, (_, index) => index));
    await session.poll();
    await world.until(() => world.attempts.length === 50);
    expect(new Set(world.sent).size).toBe(50);
    expect([world.sent.length, world.settled.length, world.mostInTheAir]).toEqual([50, 50, 4]);
  });

  it('settles again after a failure, and sends nothing twice for it', async () => {
    world.add(1, 2);
    world.failures = 2;
    await session.poll();
    await world.until(() => world.settled.length === 2);
    expect(world.sent).toHaveLength(2);
    expect(new Set(world.errors)).toEqual(new Set(['settle: connection lost']));
  });

  it('does not claim a delivery anew at once whose attempt could not begin', async () => {
    world.add(1);
    world.failingSettings = 1;
    await session.poll();
    await world.until(() => world.errors.length > 0);
    const failedAtMs = performance.now();
    await session.poll();
    expect([world.errors, world.sent, session.inFlight]).toEqual([['deliver: no settings'], [], 1]);
    await world.until(() => world.settled.length === 1);
    expect(performance.now() - failedAtMs).toBeGreaterThan(900);
  });

  it('does not look for lanes again and again where the one that it finds is just being given back', async () => {
    const clock = new LateClock();
    const { gate, open } = held();
    session = new DispatchSession(world.ports, clock, { concurrency: 1, laneConcurrency: 1 });
    world.add(1);
    await session.poll();
    await world.until(() => world.attempts.length === 1);
    while (session.inFlight > 0) await new Promise(setImmediate);
    clock.lateMs = 60_000;
    world.parkGate = gate;
    const parking = session.poll();
    while (world.owner !== null) await new Promise(setImmediate);
    world.add(2);
    await session.poll();
    const before = world.looks;
    for (let turn = 0; turn < 50; turn++) await new Promise(setImmediate);
    expect(world.looks - before).toBeLessThan(3);
    open();
    await Promise.all([parking, world.until(() => world.attempts.length === 2)]);
  });

  it('does not look for lanes again and again where it has lost its lease without knowing, and can take none', async () => {
    session = new DispatchSession(world.ports, new Clock(), { concurrency: 1, laneConcurrency: 1 });
    world.add(1);
    world.hasLease = false;
    await session.poll();
    for (let turn = 0; turn < 50; turn++) await new Promise(setImmediate);
    expect([world.claimedFrom.length > 0, world.looks < 4, world.sent]).toEqual([true, true, []]);
  });

  it('looks again soon, without a poll, where another process was quicker', async () => {
    session = new DispatchSession(world.ports, new Clock(), { concurrency: 1, laneConcurrency: 1 });
    world.add(1);
    world.lostRaces = 5;
    await session.poll();
    await world.until(() => world.attempts.length === 1);
    expect(world.sent).toEqual([uuid(1)]);
  });

  it('touches nothing more after its end, and drops what was in the air', async () => {
    const { gate, open } = held();
    world.gate = gate;
    world.add(1, 2);
    await session.poll();
    await world.until(() => world.sent.length === 2);
    session.end();
    open();
    world.add(3);
    session.wake([LANE]);
    await session.poll();
    await session.close();
    await new Promise(setImmediate);
    await new Promise(setImmediate);
    expect([world.settled, world.attempts, world.sent.length, session.inFlight]).toEqual([[], [], 2, 0]);
  });

  it('lets an attempt without a lease take no effect, and does not try again', async () => {
    const { gate, open } = held();
    world.gate = gate;
    world.add(1);
    await session.poll();
    await world.until(() => world.sent.length === 1);
    world.hasLease = false;
    open();
    await session.close();
    expect([world.settled, world.attempts, world.sent.length]).toEqual([[], [], 1]);
    expect(world.errors).toEqual([]);
  });

  it('closes when what is in the air has ended, with every lane given back', async () => {
    const { gate, open } = held();
    world.gate = gate;
    world.add(1, 2, 3, 4, 5);
    await session.poll();
    await world.until(() => world.sent.length === 4);
    const closing = session.close();
    open();
    await closing;
    expect([world.settled.length, world.sent.length, world.owner, world.due.size]).toEqual([4, 4, null, 1]);
  });

  it('closes only after a claim that was under way, with what it brought', async () => {
    const { gate, open } = held();
    world.claimGate = gate;
    world.add(1);
    await session.poll();
    await new Promise(setImmediate);
    const closing = session.close();
    open();
    await closing;
    expect([world.settled.length, world.owner]).toEqual([1, null]);
  });

  it('closes at its end with what is still in the air left due', async () => {
    world.gate = new Promise(() => undefined);
    world.add(1);
    await session.poll();
    await world.until(() => world.sent.length === 1);
    const closing = session.close();
    session.end();
    await closing;
    expect([world.settled, [...world.due.keys()]]).toEqual([[], [uuid(1)]]);
  });

  it('closes at its end even if the database does not answer', async () => {
    world.claimGate = new Promise(() => undefined);
    world.add(1);
    await session.poll();
    await new Promise(setImmediate);
    const closing = session.close();
    session.end();
    await closing;
    expect(world.sent).toEqual([]);
  });

  describe('for a publish of its process', () => {
    const offer = (most = 10) => session.offer([{ tenant: { accountId: LANE[0], mode: LANE[1] }, count: most }]);
    beforeEach(async () => {
      world.add(1);
      await session.poll();
      await world.until(() => world.attempts.length === 1);
      while (session.inFlight > 0) await new Promise(setImmediate);
      world.claimedFrom.length = 0;
    });

    it('keeps room, sends and settles what is handed over without a claim, and ends its record', async () => {
      const { token, batch, lanes, accept } = offer(3)!;
      expect([token, lanes]).toEqual([session.token, [{ lane: LANE, room: 3 }]]);
      accept([world.handed('2', 2, 3)]);
      await world.until(() => world.attempts.length === 3 && world.finished.includes(batch));
      expect([world.sent, world.claimedFrom]).toEqual([[1, 2, 3].map(uuid), []]);
      expect(world.due.size).toBe(0);
    });

    it('has one offer open for a lane at a time, whose room is free again when nothing was written', () => {
      const { lanes, decline } = offer()!;
      expect([lanes[0]!.room, offer()]).toEqual([4, null]);
      decline();
      expect(offer()!.lanes).toEqual(lanes);
    });

    it('looks for other lanes once its room is free, where a poll came when all was kept or in the air', async () => {
      session.end();
      [world.owner, world.looks] = [null, 0];
      session = new DispatchSession(world.ports, new Clock(), { concurrency: 4, laneConcurrency: 4 });
      world.add(2);
      await session.poll();
      await world.until(() => world.attempts.length === 2);
      while (session.inFlight > 0) await new Promise(setImmediate);
      const { lanes, decline } = offer()!;
      world.gate = held().gate;
      world.add(3, 4);
      session.wake([LANE]);
      await world.until(() => world.inTheAir === 2);
      const before = world.looks;
      await session.poll();
      expect([lanes[0]!.room, world.looks]).toEqual([2, before]);
      decline();
      await new Promise(setImmediate);
      await new Promise(setImmediate);
      expect(world.looks).toBe(before + 1);
    });

    it('reads the head again when nobody knows what was written, and clears the record that there may be', async () => {
      const { batch, abandon } = offer()!;
      world.add(2);
      abandon();
      await world.until(() => world.attempts.length === 2 && world.finished.includes(batch));
      expect([world.sent, world.claimedFrom[0]]).toEqual([[1, 2].map(uuid), null]);
    });

    it('closes only when it is known what came of an offer, with what was handed over, and makes no other', async () => {
      const { accept } = offer()!;
      const closing = session.close();
      expect(offer()).toBeNull();
      await new Promise(setImmediate);
      expect(world.owner).toBe(session.token);
      accept([world.handed('2', 2)]);
      await closing;
      expect([world.settled.length, world.owner, world.due.size]).toEqual([2, null, 0]);
    });

    it('closes when an offer came to nothing', async () => {
      const { decline } = offer()!;
      const closing = session.close();
      decline();
      await closing;
      expect(world.owner).toBeNull();
    });

    it.each([
      ['was committed', ({ accept }: HandOffOffer) => accept([world.handed('2', 2)])],
      ['is not known', ({ abandon }: HandOffOffer) => abandon()],
    ])('touches nothing after its end, though the publish %s', async (_, answer) => {
      const made = offer()!;
      session.end();
      answer(made);
      await new Promise(setImmediate);
      await new Promise(setImmediate);
      expect([world.sent, session.inFlight, world.finished.includes(made.batch)]).toEqual([[uuid(1)], 0, false]);
    });
  });
});
