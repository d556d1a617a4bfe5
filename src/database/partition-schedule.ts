import { Injectable, Logger } from '@nestjs/common';
import { Cron } from '@nestjs/schedule';
import { Clock } from '../common/clock.js';
import { PartitionMaintenance } from './partition-maintenance.js';
import { Singleton } from './singleton.js';

/** Runs the upkeep of partitions every hour, in one process at a time. */
@Injectable()
export class PartitionSchedule {
  private readonly logger = new Logger(PartitionSchedule.name);

  constructor(
    private readonly maintenance: PartitionMaintenance,
    private readonly singleton: Singleton,
    private readonly clock: Clock,
  ) {}

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
