import { Global, Module, type DynamicModule } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { Database } from './database.js';
import { DatabaseReadiness } from './database-readiness.js';
import { Listener } from './listener.js';
import { PartitionMaintenance } from './partition-maintenance.js';
import { PartitionSchedule } from './partition-schedule.js';
import { PartitionsRepository } from './partitions.repository.js';
import { Singleton } from './singleton.js';

/** The connected database for every module. Who opened the data source closes it, after the application. */
@Global()
@Module({})
export class DatabaseModule {
  static forRoot(dataSource: DataSource): DynamicModule {
    return {
      module: DatabaseModule,
      providers: [
        { provide: DataSource, useValue: dataSource },
        { provide: Database, useFactory: () => new Database(dataSource) },
        DatabaseReadiness,
        Listener,
        Singleton,
        PartitionsRepository,
        PartitionMaintenance,
        PartitionSchedule,
      ],
      exports: [DataSource, Database, Listener, Singleton],
    };
  }
}
