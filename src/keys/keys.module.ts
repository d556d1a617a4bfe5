import { Module } from '@nestjs/common';
import { AccountsModule } from '../accounts/accounts.module.js';
import { AuthModule } from '../auth/auth.module.js';
import { LogsModule } from '../logs/logs.module.js';
import { ExposureReporter } from './exposure-reporter.js';
import { KeyIssuer } from './key-issuer.js';
import { KeyJournal } from './key-journal.js';
import { KeysController } from './keys.controller.js';
import { KeysRepository } from './keys.repository.js';
import { KeysService } from './keys.service.js';
import { OwnAccountController } from './own-account.controller.js';
import { SystemEventsRepository } from './system-events.repository.js';

@Module({
  imports: [AccountsModule, AuthModule, LogsModule],
  controllers: [KeysController, OwnAccountController],
  providers: [ExposureReporter, KeyIssuer, KeyJournal, KeysRepository, KeysService, SystemEventsRepository],
  exports: [KeyIssuer, KeysService],
})
export class KeysModule {}
