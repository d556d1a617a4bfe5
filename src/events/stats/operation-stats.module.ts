import { Module } from '@nestjs/common';
import { OperationStatsController } from './operation-stats.controller.js';
import { OperationStatsRepository } from './operation-stats.repository.js';
import { OperationStatsService } from './operation-stats.service.js';

/** How many operations there are and what they sum up to; publishing keeps the sums. */
@Module({
  controllers: [OperationStatsController],
  providers: [OperationStatsRepository, OperationStatsService],
})
export class OperationStatsModule {}
