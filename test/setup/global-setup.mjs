import { Logger } from '@nestjs/common';
import { prepare } from '../../scripts/prepare.mjs';
import { temporaryDatabase } from '../../scripts/temporary-database.mjs';

/** One server a run, with a migrated template for the workers to clone. */
export default async function globalSetup() {
  prepare();
  Logger.overrideLogger(['error', 'fatal']);
  const { serverUrl, run, folder, database, stop } = await temporaryDatabase();
  await database.close();
  process.env.SIGNALPOST_TEST_SERVER = serverUrl;
  process.env.SIGNALPOST_TEST_FOLDER = folder;
  process.env.SIGNALPOST_TEST_RUN = run;
  globalThis.stopTestDatabase = stop;
}
