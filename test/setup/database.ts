import { mkdtempSync } from 'node:fs';
import { join } from 'node:path';
import pg from 'pg';
import type { AppConfig } from '../../src/config/app-config.js';
import { loadConfig } from '../../src/config/load-config.js';

let workerUrl: Promise<string> | null = null;

/**
 * The database of this Jest worker, cloned anew from the migrated template for every test file, so that no file meets
 * what another one left behind.
 */
export function workerDatabaseUrl(): Promise<string> {
  workerUrl ??= makeDatabase(`w${process.env.JEST_WORKER_ID}`, { migrated: true });
  return workerUrl;
}

/** A database of a test's own: a clone of the template, or an empty one to migrate. Dropped with the run. */
export async function makeDatabase(name: string, { migrated }: { migrated: boolean }): Promise<string> {
  const run = process.env.SIGNALPOST_TEST_RUN!;
  const database = `${run}_${name}`;
  const template = migrated ? `${run}_template` : 'template0';
  const client = new pg.Client({ connectionString: process.env.SIGNALPOST_TEST_SERVER });
  await client.connect();
  try {
    await client.query(`DROP DATABASE IF EXISTS ${database} WITH (FORCE)`);
    // Cloning needs the template to itself: workers that clone at the same time take turns.
    await client.query('SELECT pg_advisory_lock(7402001)');
    await client.query(`CREATE DATABASE ${database} TEMPLATE ${template}`);
  } finally {
    await client.end();
  }
  const url = new URL(process.env.SIGNALPOST_TEST_SERVER!);
  url.pathname = `/${database}`;
  return url.href;
}

/** A configuration on `databaseUrl`, with secrets in a folder of its own that goes with the run. */
export function testConfig(databaseUrl: string, overrides: NodeJS.ProcessEnv = {}): AppConfig {
  return loadConfig({
    NODE_ENV: 'test',
    DATA_DIR: mkdtempSync(join(process.env.SIGNALPOST_TEST_FOLDER!, 'data-')),
    DATABASE_URL: databaseUrl,
    LOG_LEVEL: 'silent',
    PORT: '0',
    METRICS_PORT: '0',
    ...overrides,
  });
}
