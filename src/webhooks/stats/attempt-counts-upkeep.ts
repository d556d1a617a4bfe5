import { Injectable, Logger } from '@nestjs/common';
import { Cron } from '@nestjs/schedule';
import { Clock } from '../../common/clock.js';
import { retentionStartMs } from '../../common/retention.js';
import { AppConfig } from '../../config/app-config.js';
import { Singleton } from '../../database/singleton.js';
import type { EndpointRef } from '../webhook-endpoint.js';
import { AttemptCountsRepository } from './attempt-counts.repository.js';

const ENDPOINTS_A_STATEMENT = 200;

/** Deletes counts of attempts that are past the retention, every night, in one process at a time. */
@Injectable()
export class AttemptCountsUpkeep {
  private readonly logger = new Logger(AttemptCountsUpkeep.name);

  constructor(
    private readonly repository: AttemptCountsRepository,
    private readonly singleton: Singleton,
    private readonly clock: Clock,
    private readonly config: AppConfig,
  ) {}

  @Cron('23 3 * * *')
  async tick(): Promise<void> {
    try {
      await this.singleton.run('attempt_counts', (lost) => this.runOnce(this.clock.now(), lost));
    } catch (error) {
      this.logger.warn(`Old counts of attempts wait for the next night: ${(error as Error).message}`);
    }
  }

  /** @param lost aborts when another process may have begun */
  async runOnce(now: Date, lost?: AbortSignal): Promise<{ deleted: number }> {
    const before = new Date(retentionStartMs(now, this.config.retentionDays));
    let deleted = 0;
    for (let last: EndpointRef | null = null; !lost?.aborted;) {
      const page: Awaited<ReturnType<AttemptCountsRepository['deleteOld']>> = await this.repository.deleteOld(
        before,
        last,
        ENDPOINTS_A_STATEMENT,
      );
      if (page.last === null) break;
      deleted += page.deleted;
      last = page.last;
    }
    return { deleted };
  }
}
