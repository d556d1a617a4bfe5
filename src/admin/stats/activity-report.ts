import { Injectable, Logger, type OnApplicationShutdown } from '@nestjs/common';
import { Interval } from '@nestjs/schedule';
import { Activity } from '../../common/metrics/activity.js';
import { ActivityRepository } from './activity.repository.js';

const TICK_MS = 5_000;

/** Writes down every few seconds what this process did, if it did anything. A crash loses those seconds of a rate. */
@Injectable()
export class ActivityReport implements OnApplicationShutdown {
  private readonly logger = new Logger(ActivityReport.name);

  constructor(
    private readonly activity: Activity,
    private readonly repository: ActivityRepository,
  ) {}

  @Interval(TICK_MS)
  async tick(): Promise<void> {
    try {
      await this.runOnce();
    } catch (error) {
      this.logger.warn(`What this process did is written down later: ${(error as Error).message}`);
    }
  }

  onApplicationShutdown(): Promise<void> {
    return this.tick();
  }

  async runOnce(): Promise<void> {
    const counts = this.activity.take();
    if (counts === null) return;
    try {
      await this.repository.write(counts);
    } catch (error) {
      this.activity.putBack(counts);
      throw error;
    }
  }
}
