import { hostname } from 'node:os';
import { Injectable, Logger, type BeforeApplicationShutdown, type OnApplicationBootstrap } from '@nestjs/common';
import { Interval } from '@nestjs/schedule';
import { Clock } from '../common/clock.js';
import { AppConfig } from '../config/app-config.js';
import { DispatcherLeaseRepository, LEASE_SECONDS } from '../deliveries/dispatcher-lease.repository.js';
import { DispatchPorts } from './dispatch-ports.js';
import { DispatchSession } from './dispatch-session.js';
import { DispatcherWakeUps } from './dispatcher-wake-ups.js';

const POLL_MS = 500;
const HEARTBEAT_MS = 2_000;
/** Senders stop this long before the database may give their lanes to others. */
const LEASE_MARGIN_MS = 1_000;
/** What is in the air gets this long to end when the process does; then it is left due. */
const SHUTDOWN_MS = 12_000;

/**
 * The running dispatcher of this process: keeps a lease alive, wakes its session when a commit of this process or a
 * notification tells of work, and polls, which alone suffices. A lost lease ends the session; the next heartbeat
 * begins another.
 */
@Injectable()
export class Dispatcher implements OnApplicationBootstrap, BeforeApplicationShutdown {
  private readonly logger = new Logger(Dispatcher.name);
  private session: DispatchSession | null = null;
  private stopped = false;
  private polling: Promise<void> | null = null;
  private beating: Promise<void> | null = null;
  private pollAgain = false;
  leaseLosses = 0;

  constructor(
    private readonly ports: DispatchPorts,
    private readonly leases: DispatcherLeaseRepository,
    private readonly config: AppConfig,
    private readonly wakeUps: DispatcherWakeUps,
    private readonly clock: Clock,
  ) {}

  /** Deliveries claimed or handed over, and not settled. */
  get inFlight(): number {
    return this.session?.inFlight ?? 0;
  }

  /** Of those, the ones whose request has not ended. */
  get sending(): number {
    return this.session?.sending ?? 0;
  }

  get ownedLanes(): number {
    return this.session?.ownedLanes ?? 0;
  }

  get concurrency(): number {
    return this.config.dispatchConcurrency;
  }

  get openCircuits(): number {
    return this.session?.openCircuits ?? 0;
  }

  async onApplicationBootstrap(): Promise<void> {
    this.wakeUps.subscribe(
      (lanes) => this.session?.wake(lanes),
      () => this.poll(),
      (lane) => this.session?.endpointChanged(lane),
      (ledgers) => this.session?.offer(ledgers) ?? null,
    );
    await this.heartbeat();
  }

  async beforeApplicationShutdown(): Promise<void> {
    this.stopped = true;
    this.wakeUps.unsubscribe();
    const session = this.session;
    if (session === null) {
      await this.beating;
      return;
    }
    try {
      await this.finish(session);
      await this.leases.unregister(session.token);
    } catch (error) {
      this.logger.error(`The lease was left to run out: ${(error as Error).message}`);
    }
  }

  /** Keeps the lease alive until nothing is in the air, or time is up. */
  private async finish(session: DispatchSession): Promise<void> {
    const cancelEnd = this.ports.after(SHUTDOWN_MS, () => session.end());
    const cancelBeats = this.keepBeating();
    try {
      await session.close();
      await this.polling;
    } finally {
      cancelEnd();
      cancelBeats();
      session.end();
      this.session = null; // A heartbeat under way finds the lease given back, not lost.
      await this.beating;
    }
  }

  @Interval(HEARTBEAT_MS)
  async heartbeat(): Promise<void> {
    if (this.beating) return;
    this.beating = this.beat().finally(() => (this.beating = null));
    await this.beating;
  }

  @Interval(POLL_MS)
  async tick(): Promise<void> {
    if (this.session !== null && this.clock.monotonicMs() > this.session.leaseEndsMs)
      this.lose('it could not be extended in time');
    await this.poll();
  }

  /** One look at the database for work; a call during a look makes another one after it. */
  async poll(): Promise<void> {
    if (this.stopped) return;
    if (this.polling) {
      this.pollAgain = true;
      return;
    }
    this.polling = this.pollOnce().finally(() => (this.polling = null));
    await this.polling;
    if (this.pollAgain) {
      this.pollAgain = false;
      await this.poll();
    }
  }

  private async pollOnce(): Promise<void> {
    try {
      await this.session?.poll();
    } catch (error) {
      this.ports.onError(error, 'look for due deliveries');
    }
  }

  private async beat(): Promise<void> {
    try {
      if (this.session !== null) await this.extend(this.session);
      else if (!this.stopped) await this.begin();
    } catch (error) {
      this.ports.onError(error, 'extend the lease');
    }
  }

  private async begin(): Promise<void> {
    const { dispatchConcurrency: concurrency, endpointConcurrency: laneConcurrency } = this.config;
    const session = new DispatchSession(this.ports, this.clock, { concurrency, laneConcurrency });
    session.leaseEndsMs = this.leaseEndFromNow();
    await this.leases.register(session.token, `${hostname()}:${process.pid}`);
    if (this.stopped) {
      await this.leases.unregister(session.token);
      return;
    }
    this.session = session;
    void this.poll();
  }

  /** The session may be dropped while the database is asked: then that has been counted, and its lease must end. */
  private async extend(session: DispatchSession): Promise<void> {
    const leaseEndsMs = this.leaseEndFromNow();
    const isExtended = await this.leases.extend(session.token);
    if (this.session !== session) {
      if (isExtended) await this.leases.unregister(session.token);
    } else if (isExtended) session.leaseEndsMs = leaseEndsMs;
    else this.lose('it had run out before it was extended');
  }

  /** Counted from before the database is asked, so that it never ends later here than there. */
  private leaseEndFromNow(): number {
    return this.clock.monotonicMs() + LEASE_SECONDS * 1_000 - LEASE_MARGIN_MS;
  }

  /** Heartbeats of its own, for the process's intervals may end before it does; returns what stops them. */
  private keepBeating(): () => void {
    let cancel: () => void = () => undefined;
    const beatLater = () => {
      cancel = this.ports.after(HEARTBEAT_MS, () => {
        void this.heartbeat();
        beatLater();
      });
    };
    beatLater();
    return () => cancel();
  }

  private lose(why: string): void {
    this.leaseLosses += 1;
    this.logger.warn(`The lease is lost: ${why}. What was in the air is dropped and will be sent again.`);
    this.session?.end();
    this.session = null;
  }
}
