import { Module } from '@nestjs/common';
import { AuthModule } from '../../auth/auth.module.js';
import { SseModule } from '../../common/sse/sse.module.js';
import { LogPages } from './log-pages.js';
import { LogStreamController } from './log-stream.controller.js';
import { LogStreamRepository } from './log-stream.repository.js';
import { LogStreamsService } from './log-streams.service.js';
import { LogTail } from './log-tail.js';

/** `GET /v1/logs/stream`: one tail a process, which all its streams live on. */
@Module({
  imports: [AuthModule, SseModule],
  controllers: [LogStreamController],
  providers: [LogPages, LogStreamRepository, LogStreamsService, LogTail],
})
export class LogStreamModule {}
