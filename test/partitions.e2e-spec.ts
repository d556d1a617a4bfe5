import type { DataSource } from 'typeorm';
import { createDataSource } from '../src/database/data-source.js';
import { Database } from '../src/database/database.js';
import { PartitionMaintenance } from '../src/database/partition-maintenance.js';
import { PartitionsRepository } from '../src/database/partitions.repository.js';
import { Singleton } from '../src/database/singleton.js';
import { makeDatabase, testConfig } from './setup/database.js';
import { until } from './support/service.js';

const LATER = new Date(Date.now() + 600 * 86_400_000);

describe('partition maintenance', () => {
  let dataSource: DataSource;
  let maintenance: PartitionMaintenance;
  beforeAll(async () => {
    const url = await makeDatabase('partitions', { migrated: true });
    const config = testConfig(url);
    dataSource = await createDataSource(config, url).initialize();
    maintenance = new PartitionMaintenance(new PartitionsRepository(new Database(dataSource)), config);
  });
  afterAll(() => dataSource.destroy());

  it('finds nothing to do right after migrating', async () => {
    expect(await maintenance.runOnce(new Date())).toEqual({ created: 0, dropped: 0, failed: 0 });
  });

  it('makes the months of a later time and drops those past retention, once', async () => {
    const counts = await maintenance.runOnce(LATER);
    expect(counts).toEqual({ created: 20, dropped: 20, failed: 0 });
    expect(await maintenance.runOnce(LATER)).toEqual({ created: 0, dropped: 0, failed: 0 });
  });
});

describe('singleton', () => {
  let first: DataSource;
  let second: DataSource;
  beforeAll(async () => {
    const url = await makeDatabase('singleton', { migrated: true });
    first = await createDataSource(testConfig(url), url).initialize();
    second = await createDataSource(testConfig(url), url).initialize();
  });
  afterAll(() => Promise.all([first.destroy(), second.destroy()]));

  it('runs a job in one process at a time, and in the other once the holder is gone', async () => {
    const one = new Singleton(new Database(first));
    const other = new Singleton(new Database(second));
    let lost = false;
    const held = await one.run('job', async (signal) => {
      expect(await other.run('job', async () => 'ran')).toBeNull();
      expect(await other.run('another job', async () => 'ran')).toEqual({ value: 'ran' });
      const ended = new Promise((resolve) => signal.addEventListener('abort', resolve));
      await second.query(`
        SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory' AND granted AND pid <> pg_backend_pid()
          AND database = (SELECT oid FROM pg_database WHERE datname = current_database())`);
      await ended;
      lost = signal.aborted;
      // The server frees the lock a moment after its client hears of the end.
      let taken: { value: string } | null = null;
      await until(async () => (taken = await other.run('job', async () => 'taken over')) !== null);
      return taken;
    });
    expect(lost).toBe(true);
    expect(held).toEqual({ value: { value: 'taken over' } });
    expect(await one.run('job', async () => 'again')).toEqual({ value: 'again' });
  });
});
