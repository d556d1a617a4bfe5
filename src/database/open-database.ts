import { Logger } from '@nestjs/common';
import { setTimeout as wait } from 'node:timers/promises';
import type { DataSource } from 'typeorm';
import type { AppConfig } from '../config/app-config.js';
import { shownDatabase } from './connection.js';
import { createDataSource, type EntityClass } from './data-source.js';
import { embeddedDatabase } from './embedded/embedded-postgres.js';
import { StartError } from './start-error.js';

/** A connected database, and how to let go of it. */
export interface OpenDatabase {
  readonly dataSource: DataSource;
  readonly url: string;
  /** Ends the pool; an embedded server stops too, when no other process uses it. */
  close(): Promise<void>;
}

const FIRST_WAIT_MS = 500;
const LONGEST_WAIT_MS = 10_000;
const OLDEST_VERSION = 15;
/** Waiting does not mend these: wrong password or user, no such database, no right to it. */
const LASTING_SQLSTATES = new Set(['28P01', '28000', '3D000', '42501']);

const logger = new Logger('Database');

/**
 * Connects to `DATABASE_URL`, or starts the embedded PostgreSQL of the data folder. A server that is down is tried
 * again, with a line each time, until `signal` aborts.
 * @throws StartError when trying again would not help; its message says what to do.
 */
export async function openDatabase(
  config: AppConfig,
  entities: readonly EntityClass[],
  signal?: AbortSignal,
): Promise<OpenDatabase> {
  const embedded = config.databaseUrl === null ? await embeddedDatabase(config.dataDir) : null;
  const url = config.databaseUrl ?? embedded!.url;
  const dataSource = createDataSource(config, url, entities);
  const close = async (): Promise<void> => {
    if (dataSource.isInitialized) await dataSource.destroy();
    await embedded?.release();
  };
  try {
    await connect(dataSource, url, signal);
    await refuseOldServer(dataSource);
  } catch (error) {
    await close();
    throw error;
  }
  return { dataSource, url, close };
}

async function connect(dataSource: DataSource, url: string, signal?: AbortSignal): Promise<void> {
  for (let waitMs = FIRST_WAIT_MS; ; waitMs = Math.min(waitMs * 2, LONGEST_WAIT_MS)) {
    try {
      await dataSource.initialize();
      return;
    } catch (error) {
      const where = `PostgreSQL at ${shownDatabase(url)}`;
      if (isLasting(error)) throw new StartError(`${where} refuses: ${reasonOf(error)}. Check DATABASE_URL.`);
      logger.warn(`${where} does not answer (${reasonOf(error)}); next try in ${waitMs / 1_000} s.`);
      await wait(waitMs, undefined, { signal });
    }
  }
}

/** Also refusals of TLS: a server without it, a certificate that does not match. */
function isLasting(error: unknown): boolean {
  const { code, message } = error as { code?: string; message?: string };
  return LASTING_SQLSTATES.has(code ?? '') || /certificate|does not support SSL|ALTNAME/i.test(`${code} ${message}`);
}

/** A connection refused on every address of a name is an error without a message of its own. */
function reasonOf(error: unknown): string {
  const { code, message } = error as { code?: string; message?: string };
  return message || code || 'unknown reason';
}

async function refuseOldServer(dataSource: DataSource): Promise<void> {
  const rows: { version: string }[] = await dataSource.query(`SELECT current_setting('server_version') AS version`);
  const version = rows[0]!.version;
  if (parseInt(version, 10) < OLDEST_VERSION) {
    throw new StartError(`PostgreSQL ${version} is too old: Signalpost needs ${OLDEST_VERSION} or later.`);
  }
}
