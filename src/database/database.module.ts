import { Global, Module, type DynamicModule } from '@nestjs/common';
import { TypeOrmModule } from '@nestjs/typeorm';
import type { DataSource } from 'typeorm';
import { ClockSync } from './clock-sync.js';
import { Database } from './database.js';
import { DatabaseReadiness } from './database-readiness.js';
import { Listener } from './listener.js';
import { PartitionMaintenance } from './partition-maintenance.js';
import { PartitionSchedule } from './partition-schedule.js';
import { PartitionsRepository } from './partitions.repository.js';
import { Singleton } from './singleton.js';
import { WordIndexUpkeep } from './word-index-upkeep.js';

/**
 * The connected database for every module. The data source is opened before the application, which may need migrating
 * first, and TypeORM's module closes it as the last thing of a shutdown.
 */
@Global()
@Module({})
export class DatabaseModule {
  static forRoot(dataSource: DataSource): DynamicModule {
    return {
      module: DatabaseModule,
      imports: [
        TypeOrmModule.forRootAsync({
          useFactory: () => ({ ...dataSource.options, manualInitialization: true, retryAttempts: 0 }),
          dataSourceFactory: async () => dataSource,
        }),
      ],
      providers: [
        { provide: Database, useFactory: () => new Database(dataSource) },
        ClockSync,
        DatabaseReadiness,
        Listener,
        Singleton,
        PartitionsRepository,
        PartitionMaintenance,
        PartitionSchedule,
        WordIndexUpkeep,
      ],
      exports: [TypeOrmModule, Database, Listener, Singleton],
    };
  }
}
