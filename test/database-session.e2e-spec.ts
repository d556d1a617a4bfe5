import { Database } from '../src/database/database.js';
import { Service } from './support/service.js';

describe('a connection of the service', () => {
  let service: Service;
  beforeAll(async () => {
    service = await Service.start();
  });
  afterAll(() => service.stop());

  it('divides no statement among workers, however large PostgreSQL holds a table for', async () => {
    const { pool } = service.app.get(Database);
    const client = await pool.connect();
    try {
      await client.query('BEGIN');
      // As if there were millions of rows, and workers cost nothing.
      for (const setting of ['parallel_setup_cost', 'parallel_tuple_cost', 'min_parallel_table_scan_size']) {
        await client.query(`SET LOCAL ${setting} = 0`);
      }
      const planOf = async (): Promise<string> =>
        JSON.stringify((await client.query('EXPLAIN SELECT count(*) FROM signalpost.operations')).rows);
      expect(await planOf()).not.toContain('Gather');
      await client.query('SET LOCAL max_parallel_workers_per_gather = 2');
      expect(await planOf()).toContain('Gather');
    } finally {
      await client.query('ROLLBACK');
      client.release();
    }
  });
});
