import { Injectable, Logger } from '@nestjs/common';
import { Interval } from '@nestjs/schedule';
import { Singleton } from '../database/singleton.js';
import { RecoveryRunner } from '../webhooks/recoveries/recovery-runner.js';

const TICK_MS = 1_000;

/** Lets one process among many carry the running recoveries on, each second. */
@Injectable()
export class RecoveryJob {
  private readonly logger = new Logger(RecoveryJob.name);
  private running = false;

  constructor(
    private readonly runner: RecoveryRunner,
    private readonly singleton: Singleton,
  ) {}

  @Interval(TICK_MS)
  async tick(): Promise<void> {
    if (this.running) return;
    this.running = true;
    try {
      if (await this.runner.hasWork()) {
        await this.singleton.run('recoveries', (signal) => this.runner.runOnce(null, signal));
      }
    } catch (error) {
      this.logger.error(`Recoveries could not be carried on; it is tried again: ${(error as Error).message}`);
    } finally {
      this.running = false;
    }
  }
}
