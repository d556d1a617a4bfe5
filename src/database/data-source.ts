import { Logger } from '@nestjs/common';
import type pg from 'pg';
import { DataSource } from 'typeorm';
import { MIGRATIONS } from '../../migrations/index.js';
import type { AppConfig } from '../config/app-config.js';
import { connectionOptions } from './connection.js';
import { QuietOrmLogger } from './orm-logger.js';
import { WatchedClient } from './watched-client.js';

/** A class that TypeORM maps to a table. */
export type EntityClass = new () => object;

const logger = new Logger('Database');

/** TypeORM on a pool of PostgreSQL connections; not connected yet. */
export function createDataSource(
  config: AppConfig,
  databaseUrl: string,
  entities: readonly EntityClass[] = [],
): DataSource {
  return new DataSource({
    type: 'postgres',
    schema: 'signalpost',
    entities: [...entities],
    migrations: MIGRATIONS,
    migrationsTableName: 'migrations',
    synchronize: false,
    logger: new QuietOrmLogger(),
    poolSize: config.databasePoolSize,
    // A filter that was forgotten must never select somebody else's row.
    invalidWhereValuesBehavior: { null: 'throw', undefined: 'throw' },
    poolErrorHandler: (error: Error) => logger.warn(`An idle connection was lost: ${error.message}`),
    extra: { ...connectionOptions(config, databaseUrl, config.role), Client: WatchedClient },
  });
}

/** How `dataSource` connects, for the one connection that must not come from its pool. */
export function connectionOptionsOf(dataSource: DataSource): pg.ClientConfig {
  const { Client: _client, ...options } = dataSource.options.extra as pg.ClientConfig & { Client: unknown };
  return options;
}
