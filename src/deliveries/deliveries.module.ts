import { Module } from '@nestjs/common';
import { LogsModule } from '../logs/logs.module.js';
import { CancellationsRepository } from './actions/cancellations.repository.js';
import { CancellationsService } from './actions/cancellations.service.js';
import { DeliveryActionsController } from './actions/delivery-actions.controller.js';
import { DeliveryActionsRepository } from './actions/delivery-actions.repository.js';
import { DeliveryActionsService } from './actions/delivery-actions.service.js';
import { DeliveryJournal } from './actions/delivery-journal.js';
import { RecoveryQueueRepository } from './actions/recovery-queue.repository.js';
import { ResendsRepository } from './actions/resends.repository.js';
import { ResendsService } from './actions/resends.service.js';
import { DeliveriesQueryRepository } from './deliveries-query.repository.js';
import { DeliveriesController } from './deliveries.controller.js';
import { DeliveriesService } from './deliveries.service.js';
import { DispatcherLeaseRepository } from './dispatcher-lease.repository.js';
import { HandOffs } from './hand-offs.js';
import { LaneQueueRepository } from './lane-queue.repository.js';
import { LaneSignals } from './lane-signals.js';
import { LeftoversRepository } from './leftovers.repository.js';
import { QueueStateRepository } from './queue-state.repository.js';
import { UnsendableRepository } from './unsendable.repository.js';

@Module({
  imports: [LogsModule],
  controllers: [DeliveriesController, DeliveryActionsController],
  providers: [
    CancellationsRepository,
    CancellationsService,
    DeliveriesQueryRepository,
    DeliveriesService,
    DeliveryActionsRepository,
    DeliveryActionsService,
    DeliveryJournal,
    DispatcherLeaseRepository,
    HandOffs,
    LaneQueueRepository,
    LaneSignals,
    LeftoversRepository,
    QueueStateRepository,
    RecoveryQueueRepository,
    ResendsRepository,
    ResendsService,
    UnsendableRepository,
  ],
  exports: [
    CancellationsService,
    DeliveriesService,
    DispatcherLeaseRepository,
    HandOffs,
    LaneQueueRepository,
    LaneSignals,
    LeftoversRepository,
    QueueStateRepository,
    RecoveryQueueRepository,
    ResendsService,
    UnsendableRepository,
  ],
})
export class DeliveriesModule {}
