import { Injectable, Logger } from '@nestjs/common';
import { Interval } from '@nestjs/schedule';
import { JobTicks } from '../common/job-ticks.js';
import { Singleton } from '../database/singleton.js';
import { RecoveryRunner } from '../webhooks/recoveries/recovery-runner.js';

const TICK_MS = 1_000;

/** Lets one process among many carry the running recoveries on, each second. */
@Injectable()
export class RecoveryJob {
  private readonly logger = new Logger(RecoveryJob.name);
  private readonly ticks = new JobTicks(({ message }) =>
    this.logger.error(`Recoveries could not be carried on; it is tried again: ${message}`),
  );

  constructor(
    private readonly runner: RecoveryRunner,
    private readonly singleton: Singleton,
  ) {}

  @Interval(TICK_MS)
  tick(): Promise<void> {
    return this.ticks.run(async () => {
      if (await this.runner.hasWork()) {
        await this.singleton.run('recoveries', (signal) => this.runner.runOnce(null, signal));
      }
    });
  }
}
