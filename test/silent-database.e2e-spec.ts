import { jest } from '@jest/globals';
import type { DataSource } from 'typeorm';
import { createDataSource } from '../src/database/data-source.js';
import { Database } from '../src/database/database.js';
import { WatchedClient } from '../src/database/watched-client.js';
import { makeDatabase, testConfig } from './setup/database.js';
import { DatabaseProxy } from './support/database-proxy.js';

const STATEMENT_TIMEOUT_MS = 1_000;
const TEST_LIMIT_MS = 60_000;
const HOUR_MS = 3_600_000;

describe('a database that falls silent without a word', () => {
  let proxy: DatabaseProxy;
  let dataSource: DataSource;
  let database: Database;
  beforeAll(async () => {
    const url = await makeDatabase('silent', { migrated: false });
    proxy = await DatabaseProxy.start(url);
    const config = testConfig(proxy.url, { DATABASE_STATEMENT_TIMEOUT_MS: String(STATEMENT_TIMEOUT_MS) });
    dataSource = await createDataSource(config, proxy.url).initialize();
    database = new Database(dataSource);
  });
  afterAll(async () => {
    await dataSource.destroy();
    await proxy.stop();
  });

  const one = () => database.rows<{ one: number }>({ name: 'one', text: 'SELECT 1 AS one' }, []);

  it(
    'fails whoever waits for it soon after the statement timeout, in and out of transactions, and leaves no dead connection behind',
    async () => {
      let outcomes: PromiseSettledResult<unknown>[] = [];
      const transaction = database.transaction(async (manager) => {
        await Promise.all([manager.query('SELECT 1'), one()]);
        proxy.fallSilent();
        outcomes = await Promise.allSettled([manager.query('SELECT 1'), one()]);
      });
      await expect(transaction).rejects.toThrow();
      expect(outcomes.map(({ status }) => status)).toEqual(['rejected', 'rejected']);
      expect(await one()).toEqual([{ one: 1 }]);
    },
    TEST_LIMIT_MS,
  );

  it(
    'keeps a busy connection over a stall of this process itself, such as SIGSTOP',
    async () => {
      const client = new WatchedClient({ connectionString: proxy.url, statement_timeout: TEST_LIMIT_MS });
      await client.connect();
      const now = performance.now.bind(performance);
      try {
        // The time that PostgreSQL itself takes: longer than between two looks of the watch, the next of which sees the
        // hour gone and no answer yet.
        const busy = client.query('SELECT pg_sleep(1.5)');
        jest.spyOn(performance, 'now').mockImplementation(() => now() + HOUR_MS);
        await expect(busy).resolves.toMatchObject({ rowCount: 1 });
      } finally {
        jest.restoreAllMocks();
        await client.end();
      }
    },
    TEST_LIMIT_MS,
  );
});
