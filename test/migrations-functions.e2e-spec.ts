import { readdirSync } from 'node:fs';
import type { DataSource, EntityManager } from 'typeorm';
import { FUNCTION_FILES, readSql } from '../migrations/sql-files.js';
import { createDataSource } from '../src/database/data-source.js';
import { testConfig, workerDatabaseUrl } from './setup/database.js';

interface FunctionRow {
  readonly name: string;
  readonly source: string;
  readonly definition: string;
}

/** Every function of the schema: its text as written, and all of it with arguments and settings. */
async function readFunctions(manager: EntityManager): Promise<FunctionRow[]> {
  return manager.query(
    `SELECT proname AS name, prosrc AS source, pg_get_functiondef(oid) AS definition
     FROM pg_proc WHERE pronamespace = 'signalpost'::regnamespace AND prokind = 'f' ORDER BY oid::regprocedure::text`,
  );
}

describe('the functions of a migrated database', () => {
  let dataSource: DataSource;
  beforeAll(async () => {
    const url = await workerDatabaseUrl();
    dataSource = await createDataSource(testConfig(url), url).initialize();
  });
  afterAll(() => dataSource.destroy());

  it('are those of the folder migrations/functions, one each, and no others', async () => {
    const files = readdirSync(new URL('../migrations/functions/', import.meta.url));
    expect([...FUNCTION_FILES].sort()).toEqual(files.map((file) => `functions/${file}`).sort());
    const functions = await readFunctions(dataSource.manager);
    expect(functions.map(({ name }) => `${name}.sql`).sort()).toEqual([...files].sort());
  });

  it('have the very text of their files', async () => {
    for (const { name, source } of await readFunctions(dataSource.manager)) {
      expect(readSql(`functions/${name}.sql`)).toContain(`AS $function$${source}$function$;`);
    }
  });

  it('have the arguments, settings and kind of their files: to install these again changes nothing', async () => {
    const runner = dataSource.createQueryRunner();
    await runner.startTransaction();
    try {
      const before = await readFunctions(runner.manager);
      for (const file of FUNCTION_FILES) await runner.query(readSql(file));
      expect(await readFunctions(runner.manager)).toEqual(before);
    } finally {
      await runner.rollbackTransaction();
      await runner.release();
    }
  });
});
