import { Injectable } from '@nestjs/common';
import { ActivityReport } from './activity-report.js';
import { ActivityRepository } from './activity.repository.js';
import { BacklogRepository, type PlatformBacklog } from './backlog.repository.js';
import { type PlatformStatsResponse, TOP, toPlatformStats } from './platform-stats.dto.js';

/**
 * A count is given again for ten times as long as it took, so that asking all the time costs a tenth of a connection.
 */
const KEPT_TIMES = 10;
const MAX_KEPT_MS = 10_000;

/** How the whole platform stands. */
@Injectable()
export class PlatformStatsService {
  private counted: Promise<PlatformBacklog> | null = null;

  constructor(
    private readonly backlogs: BacklogRepository,
    private readonly activity: ActivityRepository,
    private readonly report: ActivityReport,
  ) {}

  async read(): Promise<PlatformStatsResponse> {
    await this.report.runOnce();
    const [backlog, minute] = await Promise.all([this.countOnce(), this.activity.sumMinute()]);
    return toPlatformStats(backlog, minute);
  }

  /** Who asks while somebody counts gets the same count. */
  private countOnce(): Promise<PlatformBacklog> {
    this.counted ??= this.count();
    return this.counted;
  }

  private async count(): Promise<PlatformBacklog> {
    const forget = (): void => {
      this.counted = null;
    };
    const startedMs = performance.now();
    try {
      const backlog = await this.backlogs.read(TOP);
      const tookMs = performance.now() - startedMs;
      setTimeout(forget, Math.min(tookMs * KEPT_TIMES, MAX_KEPT_MS)).unref();
      return backlog;
    } catch (error) {
      forget();
      throw error;
    }
  }
}
