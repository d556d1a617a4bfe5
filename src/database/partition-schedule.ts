import { Injectable, Logger, type OnApplicationBootstrap } from '@nestjs/common';
import { Cron } from '@nestjs/schedule';
import { Clock } from '../common/clock.js';
import { PartitionMaintenance } from './partition-maintenance.js';
import { Singleton } from './singleton.js';

/** Runs the upkeep of partitions at the start and every hour, in one process at a time. */
@Injectable()
export class PartitionSchedule implements OnApplicationBootstrap {
  private readonly logger = new Logger(PartitionSchedule.name);

  constructor(
    private readonly maintenance: PartitionMaintenance,
    private readonly singleton: Singleton,
    private readonly clock: Clock,
  ) {}

  /** A process that starts after months of rest must find this month's partitions. */
  onApplicationBootstrap(): Promise<void> {
    return this.tick();
  }

  @Cron('17 * * * *')
  async tick(): Promise<void> {
    try {
      const run = await this.singleton.run('partitions', () => this.maintenance.runOnce(this.clock.now()));
      if (run !== null && run.value.created + run.value.dropped > 0)
        this.logger.log({ msg: 'partitions', ...run.value });
    } catch (error) {
      this.logger.warn(`Partitions wait for the next hour: ${(error as Error).message}`);
    }
  }
}
