import { Module } from '@nestjs/common';
import { AccountsModule } from '../accounts/accounts.module.js';
import { DeliveriesModule } from '../deliveries/deliveries.module.js';
import { LogsModule } from '../logs/logs.module.js';
import { RecoveriesModule } from '../webhooks/recoveries/recoveries.module.js';
import { WebhooksModule } from '../webhooks/webhooks.module.js';
import { AttemptObserver } from './attempt-observer.js';
import { CrashSweeper } from './crash-sweeper.js';
import { DeadEndpointsJob } from './dead-endpoints-job.js';
import { DeliverySender } from './delivery-sender.js';
import { DispatchPorts } from './dispatch-ports.js';
import { Dispatcher } from './dispatcher.js';
import { DispatcherGauges } from './dispatcher-gauges.js';
import { DispatcherWakeUps } from './dispatcher-wake-ups.js';
import { EndpointCache } from './endpoint-cache.js';
import { ExpiryJob } from './expiry-job.js';
import { LeftoversJob } from './leftovers-job.js';
import { RecoveryJob } from './recovery-job.js';
import { UnsendableDeliveries } from './unsendable-deliveries.js';

/** The running part: only processes of the roles `all` and `dispatcher` have it. */
@Module({
  imports: [AccountsModule, DeliveriesModule, LogsModule, RecoveriesModule, WebhooksModule],
  providers: [
    AttemptObserver,
    CrashSweeper,
    DeadEndpointsJob,
    DeliverySender,
    DispatchPorts,
    Dispatcher,
    DispatcherGauges,
    DispatcherWakeUps,
    EndpointCache,
    ExpiryJob,
    LeftoversJob,
    RecoveryJob,
    UnsendableDeliveries,
  ],
  exports: [Dispatcher, CrashSweeper, DeadEndpointsJob, ExpiryJob, LeftoversJob],
})
export class DispatcherModule {}
