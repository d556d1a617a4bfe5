// A migrated database that lasts as long as a run of tests or a check: on TEST_DATABASE_URL, else on an embedded server.
import pg from 'pg';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const FOLDER_PREFIX = 'signalpost-test-';
/** What a test loses when its machine stops is worth nothing: commits need not reach the disk. */
const FAST_SETTINGS = {
  fsync: 'off',
  full_page_writes: 'off',
  synchronous_commit: 'off',
  max_connections: '300',
  shared_buffers: '128MB',
};

/**
 * The server's URL, the prefix of this run's databases, its folder, the open migrated template, and how to remove all of it, which
 * also happens when a signal ends the process.
 */
export async function temporaryDatabase(entities = []) {
  const { embeddedDatabase } = await import('../dist/src/database/embedded/embedded-postgres.js');
  const { openDatabase } = await import('../dist/src/database/open-database.js');
  const { runMigrations } = await import('../dist/src/database/migrate.js');
  const { loadConfig } = await import('../dist/src/config/load-config.js');

  removeAbandonedFolders();
  const folder = mkdtempSync(join(tmpdir(), FOLDER_PREFIX));
  writeFileSync(join(folder, 'owner'), String(process.pid));
  const embedded = process.env.TEST_DATABASE_URL ? null : await embeddedDatabase(folder, FAST_SETTINGS);
  const serverUrl = process.env.TEST_DATABASE_URL ?? embedded.url;
  const run = `signalpost_test_${process.pid}`;

  let stopping;
  const stop = () =>
    (stopping ??= (async () => {
      if (embedded === null) await dropDatabases(serverUrl, run);
      await embedded?.release();
      rmSync(folder, { recursive: true, force: true });
    })());
  const interrupt = () => void stop().finally(() => process.exit(130));
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.once(signal, interrupt);

  const template = `${run}_template`;
  await administer(serverUrl, (client) => client.query(`CREATE DATABASE ${template} TEMPLATE template0`));
  const templateUrl = withDatabase(serverUrl, template);
  const config = loadConfig({ NODE_ENV: 'test', DATA_DIR: folder, DATABASE_URL: templateUrl });
  const database = await openDatabase(config, entities);
  await runMigrations(database.dataSource, config);
  return { serverUrl, run, folder, database, stop };
}

async function dropDatabases(serverUrl, run) {
  await administer(serverUrl, async (client) => {
    const { rows } = await client.query('SELECT datname FROM pg_database WHERE starts_with(datname, $1)', [`${run}_`]);
    for (const { datname } of rows) await client.query(`DROP DATABASE IF EXISTS ${datname} WITH (FORCE)`);
  }).catch((error) => console.error(`Test databases were left on the server: ${error.message}`));
}

async function administer(serverUrl, work) {
  const client = new pg.Client({ connectionString: serverUrl });
  client.on('error', () => undefined);
  await client.connect();
  try {
    return await work(client);
  } finally {
    await client.end();
  }
}

function withDatabase(serverUrl, name) {
  const url = new URL(serverUrl);
  url.pathname = `/${name}`;
  return url.href;
}

/** Folders of runs that were killed before they could tidy up; a server left in one of them is stopped. */
function removeAbandonedFolders() {
  for (const name of readdirSync(tmpdir()).filter((entry) => entry.startsWith(FOLDER_PREFIX))) {
    const folder = join(tmpdir(), name);
    try {
      if (isRunning(Number(readFileSync(join(folder, 'owner'), 'utf8')))) continue;
      stopServer(join(folder, 'postgres', 'postmaster.pid'));
      rmSync(folder, { recursive: true, force: true });
    } catch {
      // Of another user, or of a run that is just beginning.
    }
  }
}

function stopServer(pidFile) {
  try {
    process.kill(Number(readFileSync(pidFile, 'utf8').split('\n')[0]), 'SIGQUIT');
  } catch {
    // No server, or it stopped long ago.
  }
}

function isRunning(pid) {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error.code === 'EPERM';
  }
}
