import pg from 'pg';
import type { DataSource } from 'typeorm';
import { createDataSource } from '../src/database/data-source.js';
import { pendingMigrations, revertMigration, runMigrations } from '../src/database/migrate.js';
import { neededPartitions } from '../src/database/partitions.js';
import { refuseForeignSecrets } from '../src/database/secrets-fingerprint.js';
import { makeDatabase, testConfig } from './setup/database.js';

const NOW = new Date('2026-11-22T12:00:00Z');

describe('migrations', () => {
  const open: DataSource[] = [];
  const connect = async (url: string): Promise<DataSource> => {
    const dataSource = createDataSource(testConfig(url), url);
    open.push(dataSource);
    return dataSource.initialize();
  };
  afterEach(async () => {
    await Promise.all(open.splice(0).map((dataSource) => dataSource.destroy()));
  });

  it('run once when ten processes start at the same time on an empty database', async () => {
    const url = await makeDatabase('ten_starters', { migrated: false });
    const starters = await Promise.all(Array.from({ length: 10 }, () => connect(url)));
    const config = testConfig(url);
    expect((await pendingMigrations(starters[0]!)).length).toBeGreaterThan(0);
    const ran = await Promise.all(starters.map((starter) => runMigrations(starter, config, NOW)));
    expect(ran.filter((names) => names.length > 0)).toHaveLength(1);
    expect(await pendingMigrations(starters[0]!)).toEqual([]);
    const partitions: { name: string }[] = await starters[0]!.query(
      `SELECT relname AS name FROM pg_class
       WHERE relnamespace = 'signalpost'::regnamespace AND relkind = 'r' AND relispartition ORDER BY relname`,
    );
    expect(partitions.map(({ name }) => name)).toEqual(
      neededPartitions(NOW)
        .map(({ name }) => name)
        .sort(),
    );
  });

  it('leave the database as it was when one of them fails half way, and say why in one line', async () => {
    const url = await makeDatabase('half_way', { migrated: false });
    const dataSource = await connect(url);
    class Broken1900000000000 {
      async up(runner: { query(sql: string): Promise<unknown> }): Promise<void> {
        await runner.query('CREATE TABLE signalpost.half (id int)');
        await runner.query('SELECT 1 / 0');
      }
      async down(): Promise<void> {}
    }
    dataSource.migrations.push(new Broken1900000000000());
    const failure = await runMigrations(dataSource, testConfig(url), NOW).catch((error: Error) => error.message);
    expect(failure).toBe(
      'Migrating failed and was undone: division by zero; SQLSTATE 22012. The database is as it was before.',
    );
    const tables = await dataSource.query(
      `SELECT FROM pg_tables WHERE schemaname = 'signalpost' AND tablename <> 'migrations'`,
    );
    expect(tables).toHaveLength(0);
  });

  it('can be taken back and run again', async () => {
    const url = await makeDatabase('revert', { migrated: true });
    const dataSource = await connect(url);
    await revertMigration(dataSource);
    const [pending] = await pendingMigrations(dataSource);
    expect(await runMigrations(dataSource, testConfig(url), NOW)).toEqual([pending]);
  });

  it('let a second data folder on the same database neither start nor write', async () => {
    const url = await makeDatabase('secrets', { migrated: true });
    const dataSource = await connect(url);
    const first = testConfig(url);
    await refuseForeignSecrets(dataSource, first);
    await refuseForeignSecrets(dataSource, first);
    await expect(refuseForeignSecrets(dataSource, testConfig(url))).rejects.toThrow(
      `This database was made with the secrets in ${first.dataDir}`,
    );
  });

  it('outlive the loss of a connection that a repository holds: its next query fails, the process does not', async () => {
    const url = await makeDatabase('lost', { migrated: true });
    const dataSource = await connect(url);
    const runner = dataSource.createQueryRunner();
    const backends: { pid: number }[] = await runner.query('SELECT pg_backend_pid() AS pid');
    const connection = (await runner.connect()) as pg.PoolClient;
    const ended = new Promise<void>((resolve) => connection.once('end', resolve));
    const killer = new pg.Client({ connectionString: url });
    await killer.connect();
    await killer.query('SELECT pg_terminate_backend($1)', [backends[0]!.pid]);
    await killer.end();
    await expect(runner.query('SELECT 1')).rejects.toThrow();
    await ended; // What ended it may be read a moment later than what it says.
    await runner.release().catch(() => undefined);
    expect(await dataSource.query('SELECT 1 AS one')).toEqual([{ one: 1 }]);
  });
});
