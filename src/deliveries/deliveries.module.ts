import { Module } from '@nestjs/common';
import { Clock } from '../common/clock.js';
import { DeliveriesQueryRepository } from './deliveries-query.repository.js';
import { DeliveriesController } from './deliveries.controller.js';
import { DeliveriesService } from './deliveries.service.js';
import { LaneSignals } from './lane-signals.js';

@Module({
  controllers: [DeliveriesController],
  providers: [Clock, DeliveriesQueryRepository, DeliveriesService, LaneSignals],
  exports: [DeliveriesService, LaneSignals],
})
export class DeliveriesModule {}
