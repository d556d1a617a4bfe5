import { Module } from '@nestjs/common';
import { AccountsModule } from '../accounts/accounts.module.js';
import { KeysModule } from '../keys/keys.module.js';
import { LogsModule } from '../logs/logs.module.js';
import { AccountAdmin } from './account-admin.service.js';
import { AdminAccountsController } from './accounts.controller.js';
import { AdminLogsController } from './admin-logs.controller.js';
import { AdminJournal } from './admin-journal.js';
import { DevelopmentAccount } from './development-account.js';
import { PlatformStatsModule } from './stats/platform-stats.module.js';

@Module({
  imports: [AccountsModule, KeysModule, LogsModule, PlatformStatsModule],
  controllers: [AdminAccountsController, AdminLogsController],
  providers: [AccountAdmin, AdminJournal, DevelopmentAccount],
  exports: [DevelopmentAccount],
})
export class AdminModule {}
