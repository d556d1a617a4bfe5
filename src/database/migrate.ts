import { MigrationExecutor, type DataSource } from 'typeorm';
import type { AppConfig } from '../config/app-config.js';
import { readClock } from './clock-sync.js';
import { Database } from './database.js';
import { PartitionMaintenance } from './partition-maintenance.js';
import { PartitionsRepository } from './partitions.repository.js';
import { StartError } from './start-error.js';
import type { WatchedClient } from './watched-client.js';

/** Held by whoever migrates; any number of processes may start at once. */
const MIGRATION_LOCK = 7_400_001;

/**
 * Brings the schema up to date and makes the partitions of these months. One process migrates, the others wait for it
 * and find nothing to do. `now` is the database's time unless given. All pending migrations are one transaction: a
 * failing one leaves what was there before.
 * @returns the names of the migrations that ran.
 * @throws StartError with one line when a migration fails.
 */
export async function runMigrations(dataSource: DataSource, config: AppConfig, now?: Date): Promise<string[]> {
  const runner = dataSource.createQueryRunner();
  try {
    await allowLongStatements(runner);
    await runner.query('SELECT pg_advisory_lock($1)', [MIGRATION_LOCK]);
    await runner.query('CREATE SCHEMA IF NOT EXISTS signalpost');
    const executor = new MigrationExecutor(dataSource, runner);
    executor.transaction = 'all';
    const ran = await executor.executePendingMigrations();
    const time = now ?? new Date(Date.now() + (await readClock(dataSource)).correctionMs);
    const { failed } = await partitionMaintenance(dataSource, config).runOnce(time);
    if (failed > 0)
      throw new StartError(`${failed} partitions could not be made or dropped (named above): start again.`);
    return ran.map(({ name }) => name);
  } catch (error) {
    if (error instanceof StartError) throw error;
    throw new StartError(`Migrating failed and was undone: ${describe(error)}. The database is as it was before.`);
  } finally {
    await releaseLock(runner);
  }
}

/** The names of the migrations that the database lacks. */
export async function pendingMigrations(dataSource: DataSource): Promise<string[]> {
  const [{ known } = { known: null }]: { known: string | null }[] = await dataSource.query(
    `SELECT to_regclass('signalpost.migrations')::text AS known`,
  );
  const all = dataSource.migrations.map((migration) => migration.name ?? migration.constructor.name);
  if (known === null) return all;
  const done: { name: string }[] = await dataSource.query('SELECT name FROM signalpost.migrations');
  return all.filter((name) => !done.some((row) => row.name === name));
}

/** Takes the newest migration back, under the same lock. */
export async function revertMigration(dataSource: DataSource): Promise<void> {
  const runner = dataSource.createQueryRunner();
  try {
    await allowLongStatements(runner);
    await runner.query('SELECT pg_advisory_lock($1)', [MIGRATION_LOCK]);
    const executor = new MigrationExecutor(dataSource, runner);
    executor.transaction = 'all';
    await executor.undoLastMigration();
  } finally {
    await releaseLock(runner);
  }
}

type QueryRunner = ReturnType<DataSource['createQueryRunner']>;

/** The wait for another migration, and the migration, may be long. */
async function allowLongStatements(runner: QueryRunner): Promise<void> {
  const client = (await runner.connect()) as WatchedClient;
  client.mayBeSilent = true;
  await runner.query('SET statement_timeout = 0');
}

async function releaseLock(runner: QueryRunner): Promise<void> {
  await runner.query('SELECT pg_advisory_unlock($1)', [MIGRATION_LOCK]).catch(() => undefined);
  await runner.query('RESET statement_timeout').catch(() => undefined);
  const client = (await runner.connect()) as WatchedClient;
  client.mayBeSilent = false;
  await runner.release();
}

function partitionMaintenance(dataSource: DataSource, config: AppConfig): PartitionMaintenance {
  return new PartitionMaintenance(new PartitionsRepository(new Database(dataSource)), config);
}

/** PostgreSQL's own words, and where in the statement. */
function describe(error: unknown): string {
  const { message, code, where } = error as { message?: string; code?: string; where?: string };
  return [message ?? String(error), code && `SQLSTATE ${code}`, where].filter(Boolean).join('; ');
}
