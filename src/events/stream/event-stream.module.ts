import { Module } from '@nestjs/common';
import { AuthModule } from '../../auth/auth.module.js';
import { SseModule } from '../../common/sse/sse.module.js';
import { EventsQueryModule } from '../events-query.module.js';
import { EventPages } from './event-pages.js';
import { EventStreamController } from './event-stream.controller.js';
import { EventStreamRepository } from './event-stream.repository.js';
import { EventStreamsService } from './event-streams.service.js';
import { EventTail } from './event-tail.js';

/** `GET /v1/events/stream`: one tail a process, which all its streams live on. */
@Module({
  imports: [AuthModule, EventsQueryModule, SseModule],
  controllers: [EventStreamController],
  providers: [EventPages, EventStreamRepository, EventStreamsService, EventTail],
})
export class EventStreamModule {}
