// Fails when TypeORM's entities say something else than the migrations made.
import { Logger } from '@nestjs/common';
import { prepare } from './prepare.mjs';
import { temporaryDatabase } from './temporary-database.mjs';

prepare();
Logger.overrideLogger(['error', 'fatal']);
const { ENTITIES } = await import('../dist/src/entities.js');
const { database, stop } = await temporaryDatabase(ENTITIES);
try {
  const { upQueries } = await database.dataSource.driver.createSchemaBuilder().log();
  if (upQueries.length > 0) {
    console.error('The entities and the migrations differ. To make the database as the entities say, one would run:');
    for (const { query } of upQueries) console.error(`  ${query}`);
    process.exitCode = 1;
  }
  await database.close();
} finally {
  await stop();
}
