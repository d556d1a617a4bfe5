import { Module } from '@nestjs/common';
import { AccountsModule } from '../../accounts/accounts.module.js';
import { DeliveriesModule } from '../../deliveries/deliveries.module.js';
import { LogsModule } from '../../logs/logs.module.js';
import { RecoverController } from './recover.controller.js';
import { RecoveriesController } from './recoveries.controller.js';
import { RecoveriesRepository } from './recoveries.repository.js';
import { RecoveriesService } from './recoveries.service.js';
import { RecoveryCounter } from './recovery-count.js';
import { RecoveryJournal } from './recovery-journal.js';
import { RecoveryRunner } from './recovery-runner.js';
import { RecoverySteps } from './recovery-steps.js';

/** Sending a range of events to an endpoint again. The running part ticks in the dispatcher. */
@Module({
  imports: [AccountsModule, DeliveriesModule, LogsModule],
  controllers: [RecoverController, RecoveriesController],
  providers: [RecoveriesRepository, RecoveriesService, RecoveryCounter, RecoveryJournal, RecoveryRunner, RecoverySteps],
  exports: [RecoveryCounter, RecoveryRunner],
})
export class RecoveriesModule {}
