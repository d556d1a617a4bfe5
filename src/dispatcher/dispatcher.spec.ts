import { setImmediate as nextTurn } from 'node:timers/promises';
import { Clock } from '../common/clock.js';
import type { AppConfig } from '../config/app-config.js';
import type { DispatcherLeaseRepository } from '../deliveries/dispatcher-lease.repository.js';
import type { DispatchPorts } from './dispatch-ports.js';
import { held, uuid, World } from './dispatch-session.spec-support.js';
import type { DispatcherWakeUps } from './dispatcher-wake-ups.js';
import { Dispatcher } from './dispatcher.js';

const STEP_MS = 100;
const POLL_MS = 500;
const HEARTBEAT_MS = 2_000;
const LEASE_MS = 8_000;
/** Nothing here waits for the outside, so that so many turns are more than any step sets going. */
const TURNS_OF_STEP = 20;

/** A dispatcher with its intervals and its leases on a clock that moves only when told. */
class VirtualDispatcher {
  readonly world = new World();
  readonly leases = new Map<string, number>();
  /** What holds the answer to a heartbeat. */
  beatGate: Promise<unknown> = Promise.resolve();
  readonly dispatcher: Dispatcher;
  private nowMs = 0;
  private timers: { atMs: number; work: () => void }[] = [];

  constructor() {
    const clock = Object.assign(new Clock(), { monotonicMs: () => this.nowMs });
    const after = (delayMs: number, work: () => void) => {
      const timer = { atMs: this.nowMs + delayMs, work };
      this.timers.push(timer);
      return () => void (this.timers = this.timers.filter((other) => other !== timer));
    };
    const repository = {
      register: async (token: string) => void this.leases.set(token, this.nowMs + LEASE_MS),
      extend: async (token: string) => {
        await this.beatGate;
        const isLiving = this.living().includes(token);
        if (isLiving) this.leases.set(token, this.nowMs + LEASE_MS);
        return isLiving;
      },
      unregister: async (token: string) => void this.leases.delete(token),
    };
    this.dispatcher = new Dispatcher(
      { ...this.world.ports, after } as unknown as DispatchPorts,
      repository as unknown as DispatcherLeaseRepository,
      { dispatchConcurrency: 4, endpointConcurrency: 4 } as AppConfig,
      { subscribe: () => undefined, unsubscribe: () => undefined } as unknown as DispatcherWakeUps,
      clock,
    );
  }

  /** Tokens whose lease has not run out. */
  living(): string[] {
    return [...this.leases].filter(([, untilMs]) => untilMs > this.nowMs).map(([token]) => token);
  }

  async start(): Promise<void> {
    await this.dispatcher.onApplicationBootstrap();
    await this.settle();
  }

  async advanceTo(endMs: number): Promise<void> {
    while (this.nowMs < endMs) {
      this.nowMs += STEP_MS;
      const due = this.timers.filter(({ atMs }) => atMs <= this.nowMs);
      this.timers = this.timers.filter(({ atMs }) => atMs > this.nowMs);
      due.forEach(({ work }) => work());
      if (this.nowMs % POLL_MS === 0) void this.dispatcher.tick();
      if (this.nowMs % HEARTBEAT_MS === 0) void this.dispatcher.heartbeat();
      await this.settle();
    }
  }

  async settle(): Promise<void> {
    for (let turn = 0; turn < TURNS_OF_STEP; turn++) await nextTurn();
  }
}

describe('Dispatcher', () => {
  let virtual: VirtualDispatcher;
  let world: World;
  beforeEach(() => {
    virtual = new VirtualDispatcher();
    ({ world } = virtual);
    world.add(1);
  });

  describe('told to end while a request is in the air', () => {
    let answer: () => void;
    let ended: boolean;
    beforeEach(async () => {
      const { gate, open } = held();
      world.gate = gate;
      answer = open;
      ended = false;
      await virtual.start();
      await virtual.advanceTo(3_000);
      void virtual.dispatcher.beforeApplicationShutdown().then(() => (ended = true));
    });

    it('settles an answer that comes within its 12 s, under a lease that it keeps', async () => {
      await virtual.advanceTo(14_500);
      expect([ended, world.inTheAir, virtual.living().length]).toEqual([false, 1, 1]);
      answer();
      await virtual.advanceTo(17_000);
      expect([world.sent, world.settled]).toEqual([[uuid(1)], [`${uuid(1)} succeeded`]]);
      expect([ended, virtual.dispatcher.leaseLosses, virtual.leases.size]).toEqual([true, 0, 0]);
    });

    it('leaves it due after 12 s, without calling that a lost lease', async () => {
      await virtual.advanceTo(15_000);
      expect([ended, world.inTheAir, world.settled, [...world.due.keys()]]).toEqual([true, 0, [], [uuid(1)]]);
      await virtual.advanceTo(30_000);
      expect([virtual.dispatcher.leaseLosses, virtual.leases.size]).toEqual([0, 0]);
    });

    it('drops it when its lease is lost meanwhile', async () => {
      virtual.leases.clear();
      await virtual.advanceTo(5_000);
      expect([ended, world.inTheAir, world.settled, virtual.dispatcher.leaseLosses]).toEqual([true, 0, [], 1]);
    });
  });

  it('counts a lease once that runs out while a heartbeat is under way', async () => {
    await virtual.start();
    const { gate, open } = held();
    virtual.beatGate = gate;
    await virtual.advanceTo(9_000);
    expect(virtual.dispatcher.leaseLosses).toBe(1);
    open();
    await virtual.advanceTo(12_000);
    expect([virtual.dispatcher.leaseLosses, virtual.living().length]).toEqual([1, 1]);
  });

  it('ends a lease that was extended too late for the session it was for', async () => {
    await virtual.start();
    const [dropped] = virtual.living();
    const { gate, open } = held();
    virtual.beatGate = gate;
    await virtual.advanceTo(7_600);
    expect([virtual.dispatcher.leaseLosses, virtual.living()]).toEqual([1, [dropped]]);
    open();
    await virtual.settle();
    expect(virtual.living()).toEqual([]);
    await virtual.advanceTo(8_000);
    expect([virtual.dispatcher.leaseLosses, virtual.living().length, virtual.leases.has(dropped!)]).toEqual([
      1,
      1,
      false,
    ]);
  });

  it('begins no request in the last second of a lease before it is extended', async () => {
    const beat = held();
    const claim = held();
    virtual.beatGate = beat.gate;
    world.claimGate = claim.gate;
    await virtual.start();
    await virtual.advanceTo(7_000);
    claim.open();
    await virtual.settle();
    await virtual.advanceTo(7_300);
    expect([virtual.dispatcher.inFlight, world.sent]).toEqual([1, []]);
    beat.open();
    await virtual.settle();
    await virtual.advanceTo(7_500);
    expect([world.sent, virtual.dispatcher.leaseLosses]).toEqual([[uuid(1)], 0]);
  });
});
