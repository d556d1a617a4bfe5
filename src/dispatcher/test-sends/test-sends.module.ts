import { Module } from '@nestjs/common';
import { EventsModule } from '../../events/events.module.js';
import { LogsModule } from '../../logs/logs.module.js';
import { WebhooksModule } from '../../webhooks/webhooks.module.js';
import { TestSendsController } from './test-sends.controller.js';
import { TestSendJournal, TestSends } from './test-sends.service.js';

/** Samples sent by hand: for every process that serves the API, whether it dispatches or not. */
@Module({
  imports: [EventsModule, LogsModule, WebhooksModule],
  controllers: [TestSendsController],
  providers: [TestSends, TestSendJournal],
})
export class TestSendsModule {}
