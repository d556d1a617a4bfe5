import type { Clock } from '../../../src/common/clock.js';
import type { AppConfig } from '../../../src/config/app-config.js';
import type { DispatcherLeaseRepository } from '../../../src/deliveries/dispatcher-lease.repository.js';
import type { ClaimedDelivery, LaneClaim } from '../../../src/deliveries/lane-queue.repository.js';
import type { HandOffOffer, HandOffSource } from '../../../src/deliveries/hand-offs.js';
import type { LaneId } from '../../../src/deliveries/lane-signals.js';
import type { Settlement } from '../../../src/deliveries/settle-arguments.js';
import { CrashSweeper } from '../../../src/dispatcher/crash-sweeper.js';
import type { DispatchPorts } from '../../../src/dispatcher/dispatch-ports.js';
import type { SessionPorts } from '../../../src/dispatcher/dispatch-session.js';
import { Dispatcher } from '../../../src/dispatcher/dispatcher.js';
import type { DispatcherWakeUps } from '../../../src/dispatcher/dispatcher-wake-ups.js';
import type { UnsendableDeliveries } from '../../../src/dispatcher/unsendable-deliveries.js';
import type { EndpointSettings } from '../../../src/webhooks/endpoint-settings.js';
import type { QueueModel } from './queue-model.js';
import { CONCURRENCY, LANE_CONCURRENCY, type Receivers } from './receivers.js';
import type { VirtualTime } from './virtual-time.js';

/** What becomes of a statement: it never arrives, its answer never does, or either takes long. */
export type Fault = 'refused' | 'lost' | 'late' | 'slow';

/** What a process meets. */
interface Surroundings {
  readonly time: VirtualTime;
  readonly queue: QueueModel;
  readonly receivers: Receivers;
  random(): number;
  countAttempt(deliveryId: string, number: number): void;
  publishOffered(
    publisher: ModelProcess,
    endpointId: string,
    count: number,
    operation: string | null,
    offer: HandOffOffer | null,
  ): ReturnType<QueueModel['publishOffered']>;
}

const SLOW_MS = 1_500;
const HEARTBEAT_MS = 2_000;
const POLL_MS = 500;
const SWEEP_MS = 1_000;

/**
 * A process with the service's own dispatcher and sweeper, on the model of the queue: it can be killed, stopped for a
 * while, ended, have its statements fail and a clock that is wrong.
 */
export class ModelProcess {
  /** Of the coming statements, one each. */
  readonly faults: Fault[] = [];
  /** Of the coming publishes, one each. */
  readonly publishFaults: Fault[] = [];
  isListening = true;
  /** Of its lease. */
  token = '';
  /** A statement of it failed or took long. */
  wasFaulty = false;
  private isDead = false;
  private isStopped = false;
  private readonly heldBack: (() => void)[] = [];
  /** Of what was claimed: the rate that it was claimed under. */
  private readonly rates = new Map<string, number | null>();
  private onLanes: (lanes: readonly LaneId[]) => void = () => undefined;
  private onNotice: () => Promise<void> = async () => undefined;
  private onChange: (lane: LaneId) => void = () => undefined;
  private onPublish: HandOffSource = () => null;
  private readonly dispatcher: Dispatcher;
  private readonly sweeper: CrashSweeper;

  constructor(
    private readonly world: Surroundings,
    clockErrorMs: number,
  ) {
    const { queue, time } = world;
    const clock = {
      now: () => new Date(time.nowMs + clockErrorMs),
      monotonicMs: () => time.nowMs,
    };
    const leases = {
      register: (token: string) => {
        this.token = token;
        return this.call(() => queue.register(token));
      },
      extend: (token: string) => this.call(() => queue.extend(token)),
      unregister: (token: string) => this.call(() => queue.unregister(token)),
      deleteExpired: () => this.call(() => queue.deleteExpired()),
      countCrashes: () => this.call(() => queue.countCrashes()),
      freeLanes: () => this.call(() => queue.freeLanes()),
    } as unknown as DispatcherLeaseRepository;
    const wakeUps = {
      subscribe: (...handlers: Parameters<DispatcherWakeUps['subscribe']>) => {
        [this.onLanes, this.onNotice, this.onChange, this.onPublish] = handlers;
      },
      unsubscribe: () => {
        this.isListening = false;
        this.onPublish = () => null;
      },
    } as unknown as DispatcherWakeUps;
    const config = { dispatchConcurrency: CONCURRENCY, endpointConcurrency: LANE_CONCURRENCY } as AppConfig;
    const unsendable = {
      end: (ids: readonly string[]) =>
        this.call(() => queue.failUnsendable(ids).map((id) => ({ id, reason: 'poison' }))),
    } as unknown as UnsendableDeliveries;
    this.dispatcher = new Dispatcher(this.ports() as unknown as DispatchPorts, leases, config, wakeUps, clock as Clock);
    this.sweeper = new CrashSweeper(leases, unsendable);
  }

  get isAlive(): boolean {
    return !this.isDead;
  }

  start(): void {
    void this.dispatcher.onApplicationBootstrap();
    this.every(HEARTBEAT_MS, () => this.dispatcher.heartbeat());
    this.every(POLL_MS, () => this.dispatcher.tick());
    this.every(SWEEP_MS, () => this.sweeper.runOnce().then(undefined, () => undefined));
  }

  kill(): void {
    this.isDead = true;
    this.world.receivers.drop(this);
  }

  /** As SIGTERM does. */
  end(): void {
    this.enter(() => void this.dispatcher.beforeApplicationShutdown().then(() => this.kill()));
  }

  stop(): void {
    this.isStopped = true;
  }

  goOn(): void {
    this.isStopped = false;
    for (const work of this.heldBack.splice(0)) this.enter(work);
  }

  /**
   * Publishes by way of this process, as EventPublisher does: with room offered by its dispatcher, and again where what
   * it was planned from was wrong.
   */
  publish(lane: LaneId, count: number, operation: string | null, wrongGuesses: number): void {
    this.enter(() => void this.publishOnce(lane, count, operation, wrongGuesses));
  }

  private async publishOnce(lane: LaneId, count: number, operation: string | null, wrong: number): Promise<void> {
    const [accountId, mode, endpointId] = lane;
    const offer = this.onPublish([{ tenant: { accountId, mode }, count }]);
    let written: ReturnType<QueueModel['publishOffered']> | null;
    try {
      written = await this.call(
        () => (wrong > 0 ? null : this.world.publishOffered(this, endpointId, count, operation, offer)),
        this.publishFaults,
      );
    } catch {
      offer?.abandon();
      return;
    }
    if (written === null) {
      offer?.decline();
      return this.publishOnce(lane, count, operation, wrong - 1);
    }
    const { isPlanned, handed } = written;
    offer?.accept(handed === null ? [] : [handed]);
    if (isPlanned && !handed?.isAll) this.onLanes([lane]);
  }

  /** A commit of this process itself told of these lanes. */
  wake(lanes: readonly LaneId[]): void {
    this.enter(() => this.onLanes(lanes));
  }

  notify(): void {
    if (this.isListening) this.enter(() => void this.onNotice());
  }

  hearOfChange(lane: LaneId): void {
    if (!this.isListening) return;
    this.enter(() => {
      this.world.receivers.forgetPace(this.token, lane[2]);
      this.onChange(lane);
    });
  }

  private ports(): SessionPorts {
    const { queue, receivers, time } = this.world;
    const model = {
      findReadyLanes: (limit: number) => this.call(() => queue.findReady(limit)),
      readOwned: (token: string) => this.call(() => queue.readOwned(token)),
      claim: (token: string, batch: number, claims: readonly LaneClaim[], inFlight: readonly string[]) =>
        this.call(() => {
          const claim = queue.claim(token, batch, claims, inFlight);
          const limits = new Map(claim.lanes.map(({ lane, rateLimit }) => [lane[2], rateLimit]));
          for (const { id, lane } of claim.deliveries) this.rates.set(id, limits.get(lane[2])!);
          return claim;
        }),
      settle: (token: string, finished: readonly number[], settlements: readonly Settlement[]) =>
        this.call(() => queue.settle(token, finished, settlements)),
      park: (token: string, lanes: readonly LaneId[]) => this.call(() => queue.park(token, lanes)),
    };
    return {
      queue: model as unknown as SessionPorts['queue'],
      findRecipient: (lane) =>
        this.call(() => {
          const { revision, isDeleted } = queue.endpoints.get(lane[2])!;
          const settings = { id: lane[2], url: 'https://shop.example/hook', retrySchedule: [2, 5], revision };
          return isDeleted ? null : { settings: settings as unknown as EndpointSettings, locale: 'en' };
        }),
      send: (delivery: ClaimedDelivery, _settings, signal) => {
        const rate = this.rates.get(delivery.id) ?? null;
        return receivers.take(this, { token: this.token, delivery, rate }, signal, (atMs, work) =>
          time.at(atMs, () => this.enter(work)),
        );
      },
      endUnsendable: async ({ id }) => {
        await this.call(() => queue.failUnsendable([id]));
      },
      onClaim: () => undefined,
      onHandOff: () => undefined,
      onAttempt: ({ id }, _result, { number }) => this.world.countAttempt(id, number),
      onDead: ([, , endpointId], reason, revision) => {
        if (reason !== 'gone') return;
        void this.call(() => {
          if (queue.endpoints.get(endpointId)!.revision === revision) queue.disable(endpointId);
        }).catch(() => undefined);
      },
      onProbeFailed: () => undefined,
      onError: () => undefined,
      random: () => this.world.random(),
      after: (delayMs, work) => {
        let isCancelled = false;
        time.at(time.nowMs + delayMs, () => this.enter(() => (isCancelled ? undefined : work())));
        return () => (isCancelled = true);
      },
    };
  }

  private every(everyMs: number, work: () => Promise<unknown>): void {
    const { time } = this.world;
    time.at(time.nowMs + everyMs, () => {
      if (this.isDead) return;
      if (!this.isStopped) this.enter(() => void work());
      this.every(everyMs, work);
    });
  }

  /** Something happens in this process: not when it is dead, later when it is stopped. */
  private enter(work: () => void): void {
    if (this.isDead) return;
    this.world.time.touch();
    if (this.isStopped) this.heldBack.push(work);
    else work();
  }

  /** One statement; with a fault it fails or takes long. What was sent off takes effect though this process die. */
  private call<T>(effect: () => T, faults = this.faults): Promise<T> {
    const { time } = this.world;
    time.touch();
    if (this.isDead) return new Promise(() => undefined);
    const fault = faults.shift();
    if (fault === undefined) return Promise.resolve(effect());
    this.wasFaulty = true;
    if (fault === 'refused') return Promise.reject(new Error('connection refused'));
    if (fault === 'lost') {
      effect();
      return Promise.reject(new Error('connection lost'));
    }
    return new Promise((resolve) => {
      const answer = (value: T, atMs: number) => time.at(atMs, () => this.enter(() => resolve(value)));
      if (fault === 'slow') answer(effect(), time.nowMs + SLOW_MS);
      else time.at(time.nowMs + SLOW_MS, () => answer(effect(), time.nowMs));
    });
  }
}
