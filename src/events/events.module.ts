import { Module } from '@nestjs/common';
import { AccountsModule } from '../accounts/accounts.module.js';
import { DeliveriesModule } from '../deliveries/deliveries.module.js';
import { LogsModule } from '../logs/logs.module.js';
import { WebhooksModule } from '../webhooks/webhooks.module.js';
import { AuthModule } from '../auth/auth.module.js';
import { ClientOperationsController } from './client/client-operations.controller.js';
import { ClientTokensController } from './client/client-tokens.controller.js';
import { ErasureController } from './erasure/erasure.controller.js';
import { ErasureRepository } from './erasure/erasure.repository.js';
import { ErasureService } from './erasure/erasure.service.js';
import { InboxErasure } from './erasure/inbox-erasure.js';
import { EventAcceptance } from './event-acceptance.js';
import { EventCatalogue } from './event-catalogue.js';
import { EventTypeRegistry } from './event-type-registry.js';
import { EventTypesController } from './event-types.controller.js';
import { EventTypesRepository } from './event-types.repository.js';
import { EventsController } from './events.controller.js';
import { EventsQueryModule } from './events-query.module.js';
import { EventsQueryService } from './events-query.service.js';
import { EventsService } from './events.service.js';
import { Inbox } from './inbox.js';
import { InboxDrain } from './inbox-drain.js';
import { InboxRefusals } from './inbox-refusals.js';
import { InboxWakeUps } from './inbox-wake-ups.js';
import { InboxRepository } from './inbox.repository.js';
import { IngestRepository } from './ingest.repository.js';
import { OperationsController } from './operations.controller.js';
import { OperationsRepository } from './operations.repository.js';
import { OperationsService } from './operations.service.js';
import { PublishController } from './publish.controller.js';
import { PublishNotices } from './publish-notices.js';
import { EventWriter } from './event-writer.js';
import { EventPublisher } from './publisher.js';
import { RedeliverController } from './redeliver.controller.js';
import { RedeliveryService } from './redelivery.service.js';
import { EventStreamModule } from './stream/event-stream.module.js';
import { RetentionModule } from './retention/retention.module.js';
import { OperationStatsModule } from './stats/operation-stats.module.js';
import { TimelineRepository } from './timeline.repository.js';
import { TimelineService } from './timeline.service.js';

/** The record of events and operations: published, kept, read. */
@Module({
  imports: [
    AccountsModule,
    AuthModule,
    DeliveriesModule,
    EventsQueryModule,
    EventStreamModule,
    LogsModule,
    OperationStatsModule,
    RetentionModule,
    WebhooksModule,
  ],
  controllers: [
    PublishController,
    EventsController,
    RedeliverController,
    OperationsController,
    ClientTokensController,
    ClientOperationsController,
    ErasureController,
    EventTypesController,
  ],
  providers: [
    ErasureRepository,
    ErasureService,
    InboxErasure,
    EventAcceptance,
    EventCatalogue,
    EventTypeRegistry,
    EventTypesRepository,
    EventsQueryService,
    EventsService,
    Inbox,
    InboxDrain,
    InboxRefusals,
    InboxWakeUps,
    InboxRepository,
    IngestRepository,
    OperationsRepository,
    OperationsService,
    EventPublisher,
    PublishNotices,
    EventWriter,
    RedeliveryService,
    TimelineRepository,
    TimelineService,
  ],
  exports: [EventCatalogue, EventsService, EventTypeRegistry],
})
export class EventsModule {}
