import { Injectable, Logger } from '@nestjs/common';
import { Cron } from '@nestjs/schedule';
import { Clock } from '../common/clock.js';
import { IdempotencyRepository } from './idempotency.repository.js';
import { Singleton } from './singleton.js';

/** Deletes stored answers that are too old to be given again, every hour, in one process at a time. */
@Injectable()
export class IdempotencyUpkeep {
  private readonly logger = new Logger(IdempotencyUpkeep.name);

  constructor(
    private readonly repository: IdempotencyRepository,
    private readonly singleton: Singleton,
    private readonly clock: Clock,
  ) {}

  async runOnce(now: Date): Promise<{ deleted: number }> {
    return { deleted: await this.repository.deleteOld(now) };
  }

  @Cron('41 * * * *')
  async tick(): Promise<void> {
    try {
      await this.singleton.run('idempotency', () => this.runOnce(this.clock.now()));
    } catch (error) {
      this.logger.warn(`Old idempotency keys wait for the next hour: ${(error as Error).message}`);
    }
  }
}
