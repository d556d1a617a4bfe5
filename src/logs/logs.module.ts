import { Module } from '@nestjs/common';
import { AuthModule } from '../auth/auth.module.js';
import { LogWriter } from './log-writer.js';
import { LogSearch } from './log-search.js';
import { LogsController } from './logs.controller.js';
import { LogsRepository } from './logs.repository.js';
import { LogsService } from './logs.service.js';
import { RequestLogHook } from './request-log.hook.js';
import { RequestLogger } from './request-logger.js';
import { SparingLogs } from './sparing-logs.js';

@Module({
  imports: [AuthModule],
  controllers: [LogsController],
  providers: [LogSearch, LogsRepository, LogsService, LogWriter, RequestLogger, RequestLogHook, SparingLogs],
  exports: [LogsService, LogWriter, RequestLogger, SparingLogs],
})
export class LogsModule {}
