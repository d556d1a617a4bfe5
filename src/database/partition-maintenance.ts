import { Injectable, Logger } from '@nestjs/common';
import { AppConfig } from '../config/app-config.js';
import { isPastRetention, neededPartitions } from './partitions.js';
import { PartitionsRepository } from './partitions.repository.js';

export interface PartitionCounts {
  readonly created: number;
  readonly dropped: number;
  /** Changes that could not be made now; the next run tries them again. */
  readonly failed: number;
}

/** Makes the months to come and drops those past retention, one at a time. */
@Injectable()
export class PartitionMaintenance {
  private readonly logger = new Logger(PartitionMaintenance.name);

  constructor(
    private readonly partitions: PartitionsRepository,
    private readonly config: AppConfig,
  ) {}

  async runOnce(now: Date): Promise<PartitionCounts> {
    const existing = await this.partitions.list();
    const attached = new Set(existing.filter(({ state }) => state === 'attached').map(({ name }) => name));
    const missing = neededPartitions(now).filter(({ name }) => !attached.has(name));
    const created = await this.each('made', missing, (partition) => this.partitions.create(partition));
    const old = existing.filter(({ name }) => isPastRetention(name, now, this.config));
    const dropped = await this.each('dropped', old, (partition) => this.partitions.drop(partition));
    return { created, dropped, failed: missing.length - created + old.length - dropped };
  }

  /** How many changes went through. One that fails (most often: a lock that is busy) must not stop the others. */
  private async each<P extends { name: string }>(
    verb: string,
    partitions: readonly P[],
    change: (partition: P) => Promise<void>,
  ): Promise<number> {
    let count = 0;
    for (const partition of partitions) {
      try {
        await change(partition);
        count++;
      } catch (error) {
        this.logger.error(`The partition ${partition.name} was not ${verb}: ${(error as Error).message}`);
      }
    }
    return count;
  }
}
