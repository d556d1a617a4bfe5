import { Logger } from '@nestjs/common';
import {
  chmodSync,
  cpSync,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readlinkSync,
  realpathSync,
  statSync,
  symlinkSync,
} from 'node:fs';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import pg from 'pg';
import { StartError } from '../start-error.js';
import { findBinaries, type Binaries } from './binaries.js';
import { Cluster, SERVER_ROLE, type RunningServer } from './cluster.js';
import { FolderUsers } from './folder-users.js';
import { closedFolder, serverUser, type ServerUser } from './server-user.js';

/** A use of a data folder's server. */
export interface EmbeddedDatabase {
  readonly url: string;
  /** Ends this use; the server stops when it was the last one. */
  release(): Promise<void>;
}

const EMBEDDED_DATABASE = 'signalpost';
const ANSWER_TIMEOUT_MS = 30_000;
/** Where data and programs go when root's server user cannot reach the clone, for instance below /root. */
const REACHABLE_FOLDER = '/var/lib/signalpost';

const logger = new Logger('Database');

/**
 * The PostgreSQL of a data folder: made at the first start, shared by all processes that use the folder, taken over
 * when a process left it running, stopped by the last one to leave.
 * @throws StartError with one line that says what to do.
 */
export async function embeddedDatabase(
  dataDir: string,
  settings: Readonly<Record<string, string>> = {},
): Promise<EmbeddedDatabase> {
  const found = findBinaries();
  mkdirSync(dataDir, { recursive: true });
  const users = new FolderUsers(dataDir);
  return users.exclusively(async () => {
    const link = join(dataDir, 'postgres');
    const user = serverUser(link);
    // What lies in this folder is protected by its own modes; the server's user has to get through it.
    if (user !== null) chmodSync(dataDir, statSync(dataDir).mode | 0o011);
    const cluster = new Cluster(reachableData(dataDir, link, user), reachableBinaries(found, user), user, settings);
    if (!cluster.exists) await initialise(cluster, found.version);
    cluster.assertUsable();
    const running = cluster.findRunning();
    const port = running === null ? await cluster.start() : await takeOver(cluster, running);
    await makeDatabase(cluster, port);
    users.join();
    const release = (): Promise<void> =>
      users.exclusively(async () => {
        if (users.leave()) await cluster.stop();
      });
    return { url: urlOf(cluster, port, EMBEDDED_DATABASE), release };
  });
}

async function initialise(cluster: Cluster, version: string): Promise<void> {
  const startedMs = performance.now();
  await cluster.initialise();
  const seconds = ((performance.now() - startedMs) / 1_000).toFixed(1);
  logger.log(`Made a PostgreSQL ${version} in ${cluster.folder} in ${seconds} s.`);
}

/** Waits until a server that is already there answers: it may be starting, or going. */
async function takeOver(cluster: Cluster, running: RunningServer): Promise<number> {
  let server: RunningServer | null = running;
  for (const endMs = performance.now() + ANSWER_TIMEOUT_MS; performance.now() < endMs; await wait(200)) {
    server = cluster.findRunning();
    if (server === null) return cluster.start();
    if (server.port > 0 && (await answers(cluster, server.port))) return server.port;
  }
  throw new StartError(
    `Process ${server?.pid} holds ${cluster.folder} and does not answer: stop it (kill ${server?.pid}), then start again.`,
  );
}

async function answers(cluster: Cluster, port: number): Promise<boolean> {
  return withClient(cluster, port, async (client) => {
    const { rows } = await client.query<{ folder: string }>(`SELECT current_setting('data_directory') AS folder`);
    return realpathSync(rows[0]!.folder) === realpathSync(cluster.folder);
  }).catch(() => false);
}

async function makeDatabase(cluster: Cluster, port: number): Promise<void> {
  await withClient(cluster, port, async (client) => {
    const known = await client.query('SELECT FROM pg_database WHERE datname = $1', [EMBEDDED_DATABASE]);
    if (known.rowCount === 0) await client.query(`CREATE DATABASE ${EMBEDDED_DATABASE}`);
  });
}

async function withClient<T>(cluster: Cluster, port: number, work: (client: pg.Client) => Promise<T>): Promise<T> {
  const client = new pg.Client({ connectionString: urlOf(cluster, port, 'postgres'), connectionTimeoutMillis: 2_000 });
  client.on('error', () => undefined);
  try {
    await client.connect();
    return await work(client);
  } finally {
    await client.end().catch(() => undefined);
  }
}

function urlOf(cluster: Cluster, port: number, database: string): string {
  return `postgres://${SERVER_ROLE}:${cluster.password}@127.0.0.1:${port}/${database}`;
}

/** The data's true folder: below the data folder, or where the server's user can reach it, behind a link. */
function reachableData(dataDir: string, link: string, user: ServerUser): string {
  const known = lstatSync(link, { throwIfNoEntry: false });
  if (known !== undefined) return known.isSymbolicLink() ? readlinkSync(link) : link;
  const closed = closedFolder(dataDir, user);
  if (closed === null) return link;
  mkdirSync(REACHABLE_FOLDER, { recursive: true, mode: 0o755 });
  const home = mkdtempSync(join(REACHABLE_FOLDER, 'data-'));
  chmodSync(home, 0o711);
  const data = join(home, 'postgres');
  symlinkSync(data, link);
  logger.log(`PostgreSQL's data is in ${data}: its user ${user!.name} may not enter ${closed}.`);
  return data;
}

function reachableBinaries(binaries: Binaries, user: ServerUser): Binaries {
  if (closedFolder(binaries.folder, user) === null) return binaries;
  const folder = join(REACHABLE_FOLDER, `postgresql-${binaries.version}`);
  if (!existsSync(join(folder, 'bin', 'postgres'))) {
    cpSync(binaries.folder, folder, { recursive: true, verbatimSymlinks: true });
  }
  return { ...binaries, folder };
}
