import { Injectable, Logger } from '@nestjs/common';
import { Interval } from '@nestjs/schedule';
import { Database } from '../database/database.js';
import { DispatcherLeaseRepository, POISON_CRASHES } from '../deliveries/dispatcher-lease.repository.js';
import { LogWriter } from '../logs/log-writer.js';
import { endLog } from './delivery-expiry.js';

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
  private running = false;

  constructor(
    private readonly leases: DispatcherLeaseRepository,
    private readonly database: Database,
    private readonly logs: LogWriter,
  ) {}

  @Interval(SWEEP_MS)
  async tick(): Promise<void> {
    if (this.running) return;
    this.running = true;
    try {
      await this.runOnce();
    } catch (error) {
      this.logger.error(`Dead dispatchers could not be swept; it is tried again: ${(error as Error).message}`);
    } finally {
      this.running = false;
    }
  }

  /** Any number of processes may run it at once. */
  async runOnce(): Promise<SweepCounts> {
    const dispatchers = await this.leases.deleteExpired();
    const { crashed, poisoned } = await this.countCrashes();
    const lanes = await this.leases.freeLanes();
    return { dispatchers, lanes, crashed, poisoned };
  }

  private countCrashes(): Promise<{ crashed: number; poisoned: number }> {
    return this.database.transaction(async (manager) => {
      const crashed = await this.leases.countCrashes(manager);
      const poison = crashed.filter((delivery) => delivery.crash_count >= POISON_CRASHES);
      if (poison.length === 0) return { crashed: crashed.length, poisoned: 0 };
      const ended = await this.leases.endAsPoison(poison, manager);
      await this.logs.write(
        ended.map((delivery) => endLog(delivery, 'poison')),
        manager,
      );
      return { crashed: crashed.length, poisoned: ended.length };
    });
  }
}
