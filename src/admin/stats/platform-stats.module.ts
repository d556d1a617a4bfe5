import { Module } from '@nestjs/common';
import { ActivityReport } from './activity-report.js';
import { ActivityRepository } from './activity.repository.js';
import { BacklogRepository } from './backlog.repository.js';
import { PlatformStatsController } from './platform-stats.controller.js';
import { PlatformStatsService } from './platform-stats.service.js';

/** Backlog and rates of the whole platform. */
@Module({
  controllers: [PlatformStatsController],
  providers: [ActivityReport, ActivityRepository, BacklogRepository, PlatformStatsService],
})
export class PlatformStatsModule {}
