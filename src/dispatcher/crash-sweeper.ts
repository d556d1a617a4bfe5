import { Injectable, Logger } from '@nestjs/common';
import { Interval } from '@nestjs/schedule';
import { JobTicks } from '../common/job-ticks.js';
import { DispatcherLeaseRepository } from '../deliveries/dispatcher-lease.repository.js';
import type { EndedDelivery } from '../deliveries/unsendable.repository.js';
import { UnsendableDeliveries } from './unsendable-deliveries.js';

const SWEEP_MS = 1_000;

export interface SweepCounts {
  readonly dispatchers: number;
  readonly lanes: number;
  readonly crashed: number;
  readonly poisoned: number;
}

/** Frees what dispatchers held whose lease ran out, and ends deliveries that were in the air at too many deaths. */
@Injectable()
export class CrashSweeper {
  private readonly logger = new Logger(CrashSweeper.name);
  private readonly ticks = new JobTicks(({ message }) =>
    this.logger.error(`Dead dispatchers could not be swept; it is tried again: ${message}`),
  );

  constructor(
    private readonly leases: DispatcherLeaseRepository,
    private readonly unsendable: UnsendableDeliveries,
  ) {}

  @Interval(SWEEP_MS)
  tick(): Promise<void> {
    return this.ticks.run(() => this.runOnce());
  }

  /** Any number of processes may run it at once. */
  async runOnce(): Promise<SweepCounts> {
    const dispatchers = await this.leases.deleteExpired();
    const crashed = await this.leases.countCrashes();
    let ended: readonly EndedDelivery[] = [];
    let lanes = 0;
    try {
      // Who fails or dies before it ends these leaves it to the next claim of them.
      if (crashed.length > 0) ended = await this.unsendable.end(crashed);
    } finally {
      lanes = await this.leases.freeLanes();
    }
    const poisoned = ended.filter(({ reason }) => reason === 'poison').length;
    return { dispatchers, lanes, crashed: crashed.length, poisoned };
  }
}
