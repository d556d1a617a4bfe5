import { Module, type DynamicModule } from '@nestjs/common';
import { ScheduleModule } from '@nestjs/schedule';
import type { DataSource } from 'typeorm';
import { AccountsModule } from './accounts/accounts.module.js';
import { AdminModule } from './admin/admin.module.js';
import { AdminEventTypesModule } from './admin/event-types.module.js';
import { AuthModule } from './auth/auth.module.js';
import { ClockModule } from './common/clock.module.js';
import { HealthModule } from './common/health/health.module.js';
import { MetricsModule } from './common/metrics/metrics.module.js';
import type { AppConfig } from './config/app-config.js';
import { ConfigModule } from './config/config.module.js';
import { DatabaseModule } from './database/database.module.js';
import { IdempotencyModule } from './database/idempotency.module.js';
import { DeliveriesModule } from './deliveries/deliveries.module.js';
import { DispatcherModule } from './dispatcher/dispatcher.module.js';
import { TestSendsModule } from './dispatcher/test-sends/test-sends.module.js';
import { EventsModule } from './events/events.module.js';
import { KeysModule } from './keys/keys.module.js';
import { LogsModule } from './logs/logs.module.js';
import { LogStreamModule } from './logs/stream/log-stream.module.js';
import { WebhooksModule } from './webhooks/webhooks.module.js';

const FEATURES = [
  AccountsModule,
  AuthModule,
  LogsModule,
  LogStreamModule,
  DeliveriesModule,
  WebhooksModule,
  EventsModule,
  TestSendsModule,
  KeysModule,
  AdminModule,
  AdminEventTypesModule,
];

/** The whole service on an open database. Every role has the same modules, but only some dispatch. */
@Module({})
export class AppModule {
  static forRoot(config: AppConfig, dataSource: DataSource): DynamicModule {
    return {
      module: AppModule,
      imports: [
        ConfigModule.forRoot(config),
        ClockModule,
        HealthModule,
        MetricsModule,
        ScheduleModule.forRoot(),
        DatabaseModule.forRoot(dataSource),
        IdempotencyModule,
        ...FEATURES,
        ...(config.role === 'api' ? [] : [DispatcherModule]),
      ],
    };
  }
}
