import { Module } from '@nestjs/common';
import { EventsModule } from '../events/events.module.js';
import { LogsModule } from '../logs/logs.module.js';
import { AdminJournal } from './admin-journal.js';
import { EventTypeAdmin } from './event-type-admin.service.js';
import { AdminEventTypesController } from './event-types.controller.js';

/** Apart from the other admin routes, which need nothing of the events. */
@Module({
  imports: [EventsModule, LogsModule],
  controllers: [AdminEventTypesController],
  providers: [AdminJournal, EventTypeAdmin],
})
export class AdminEventTypesModule {}
