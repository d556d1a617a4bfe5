// `npm run migrate`, `npm run migration:show`, `npm run migration:revert`: the schema of DATABASE_URL, else of the
// embedded PostgreSQL.
import { Logger } from '@nestjs/common';
import { prepare } from './prepare.mjs';

prepare();
const { loadConfig } = await import('../dist/src/config/load-config.js');
const { readEnvironment } = await import('../dist/src/config/environment.js');
const { openDatabase } = await import('../dist/src/database/open-database.js');
const { pendingMigrations, revertMigration, runMigrations } = await import('../dist/src/database/migrate.js');

const COMMANDS = {
  async run(dataSource, config) {
    const ran = await runMigrations(dataSource, config);
    return ran.length > 0 ? `Ran ${ran.join(', ')}.` : 'Nothing to do: the schema is current.';
  },
  async show(dataSource) {
    const pending = await pendingMigrations(dataSource);
    return pending.length > 0 ? `Pending: ${pending.join(', ')}.` : 'The schema is current.';
  },
  async revert(dataSource) {
    await revertMigration(dataSource);
    return COMMANDS.show(dataSource);
  },
};

try {
  const command = COMMANDS[process.argv[2] ?? 'run'];
  if (command === undefined) throw new Error(`Use one of: ${Object.keys(COMMANDS).join(', ')}.`);
  Logger.overrideLogger(['warn', 'error', 'fatal', 'log']);
  const config = loadConfig(readEnvironment());
  const database = await openDatabase(config, []);
  try {
    console.log(await command(database.dataSource, config));
  } finally {
    await database.close();
  }
} catch (error) {
  console.error(error.message);
  process.exitCode = 1;
}
