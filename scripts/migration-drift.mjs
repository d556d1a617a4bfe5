// Fails when TypeORM's entities say something else than the migrations made.
import { Logger } from '@nestjs/common';
import { prepare } from './prepare.mjs';
import { temporaryDatabase } from './temporary-database.mjs';

prepare();
Logger.overrideLogger(['error', 'fatal']);
/** Entities name columns and keys; checks and indexes are told once, in the migrations. */
const ONLY_IN_MIGRATIONS = /^DROP INDEX |DROP CONSTRAINT "[a-z_]+_check\d*"$/;

const { ENTITIES } = await import('../dist/src/entities.js');
const { database, stop } = await temporaryDatabase(ENTITIES);
try {
  const { upQueries } = await database.dataSource.driver.createSchemaBuilder().log();
  const differences = upQueries.map(({ query }) => query).filter((query) => !ONLY_IN_MIGRATIONS.test(query));
  if (differences.length > 0) {
    console.error('The entities and the migrations differ. To make the database as the entities say, one would run:');
    for (const query of differences) console.error(`  ${query}`);
    process.exitCode = 1;
  }
  await database.close();
} finally {
  await stop();
}
