import { Module } from '@nestjs/common';
import { DeliveriesQueryRepository } from './deliveries-query.repository.js';
import { DeliveriesController } from './deliveries.controller.js';
import { DeliveriesService } from './deliveries.service.js';
import { DispatcherLeaseRepository } from './dispatcher-lease.repository.js';
import { LaneQueueRepository } from './lane-queue.repository.js';
import { LaneSignals } from './lane-signals.js';
import { LeftoversRepository } from './leftovers.repository.js';

@Module({
  controllers: [DeliveriesController],
  providers: [
    DeliveriesQueryRepository,
    DeliveriesService,
    DispatcherLeaseRepository,
    LaneQueueRepository,
    LaneSignals,
    LeftoversRepository,
  ],
  exports: [DeliveriesService, DispatcherLeaseRepository, LaneQueueRepository, LaneSignals, LeftoversRepository],
})
export class DeliveriesModule {}
