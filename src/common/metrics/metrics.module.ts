import { Global, Module } from '@nestjs/common';
import { Activity } from './activity.js';
import { Metrics } from './metrics.js';
import { MetricsServer } from './metrics-server.js';

/** Needs `AppConfig` from a global module. */
@Global()
@Module({ providers: [Activity, Metrics, MetricsServer], exports: [Activity, Metrics] })
export class MetricsModule {}
