import type { DataSource } from 'typeorm';
import { createDataSource } from '../src/database/data-source.js';
import { Database } from '../src/database/database.js';
import { makeDatabase, testConfig } from './setup/database.js';
import { startSilentProxy } from './support/silent-proxy.js';

const STATEMENT_TIMEOUT_MS = 100;

describe('a database that falls silent without a word', () => {
  let proxy: Awaited<ReturnType<typeof startSilentProxy>>;
  let dataSource: DataSource;
  let database: Database;
  beforeAll(async () => {
    const url = await makeDatabase('silent', { migrated: false });
    proxy = await startSilentProxy(url);
    const config = testConfig(proxy.url, { DATABASE_STATEMENT_TIMEOUT_MS: String(STATEMENT_TIMEOUT_MS) });
    dataSource = await createDataSource(config, proxy.url).initialize();
    database = new Database(dataSource);
  });
  afterAll(async () => {
    await dataSource.destroy();
    await proxy.stop();
  });

  const one = () => database.rows<{ one: number }>({ name: 'one', text: 'SELECT 1 AS one' }, []);

  it('fails whoever waits for it soon after the statement timeout, in and out of transactions, and leaves no dead connection behind', async () => {
    let outcomes: PromiseSettledResult<unknown>[] = [];
    const transaction = database.transaction(async (manager) => {
      await Promise.all([manager.query('SELECT 1'), one()]);
      proxy.fallSilent();
      outcomes = await Promise.allSettled([manager.query('SELECT 1'), one()]);
    });
    await expect(transaction).rejects.toThrow();
    expect(outcomes.map(({ status }) => status)).toEqual(['rejected', 'rejected']);
    expect(await one()).toEqual([{ one: 1 }]);
  });
});
