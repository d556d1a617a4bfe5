import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import {
  appendFileSync,
  chownSync,
  existsSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  realpathSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { StartError } from '../start-error.js';
import type { Binaries } from './binaries.js';
import { isRunning, workingFolderOf } from './live-process.js';
import type { ServerUser } from './server-user.js';

const run = promisify(execFile);

export const SERVER_ROLE = 'signalpost';
const PASSWORD_FILE = 'signalpost-password';
const SETTINGS_FILE = 'signalpost.conf';
const LOG_FILE = 'server.log';
const START_TIMEOUT_SECONDS = 60;
const STOP_TIMEOUT_SECONDS = 15;

/** A server as its `postmaster.pid` describes it. */
export interface RunningServer {
  readonly pid: number;
  readonly port: number;
}

/** One data folder of PostgreSQL, and the server on it. Every step runs PostgreSQL's own programs. */
export class Cluster {
  constructor(
    readonly folder: string,
    private readonly binaries: Binaries,
    private readonly user: ServerUser,
    /** Server settings that differ from `DEFAULT_SETTINGS`. */
    private readonly settings: Readonly<Record<string, string>> = {},
  ) {}

  get exists(): boolean {
    try {
      return readdirSync(this.folder).length > 0;
    } catch (error) {
      return (error as NodeJS.ErrnoException).code !== 'ENOENT';
    }
  }

  get password(): string {
    return readFileSync(join(this.folder, PASSWORD_FILE), 'utf8').trim();
  }

  /** @throws StartError when the data is not ours to open, or of another major version. */
  assertUsable(): void {
    try {
      const major = Number(readFileSync(join(this.folder, 'PG_VERSION'), 'utf8'));
      if (major !== this.binaries.majorVersion) {
        throw new StartError(
          `${this.folder} holds the data of PostgreSQL ${major}, and this is ${this.binaries.version}: dump it with the old ` +
            'version and delete the folder, set another DATA_DIR, or set DATABASE_URL to a server that can read it.',
        );
      }
      if (this.password === '')
        throw new StartError(`${join(this.folder, PASSWORD_FILE)} is empty: delete ${this.folder}.`);
    } catch (error) {
      if (error instanceof StartError) throw error;
      throw new StartError(
        `${this.folder} cannot be read (${(error as Error).message}): start as the user who made it, or set another DATA_DIR.`,
      );
    }
  }

  /** Makes the data under another name first, so that a start that was cut short leaves nothing half made. */
  async initialise(): Promise<void> {
    const draft = `${this.folder}.new`;
    const passwordFile = `${this.folder}.password`;
    const password = randomBytes(24).toString('base64url');
    rmSync(draft, { recursive: true, force: true });
    mkdirSync(draft, { recursive: true, mode: 0o700 });
    this.giveToServer(draft);
    writeFileSync(passwordFile, password, { mode: 0o600 });
    this.giveToServer(passwordFile);
    try {
      await this.program('initdb', [
        `--pgdata=${draft}`,
        `--pwfile=${passwordFile}`,
        `--username=${SERVER_ROLE}`,
        '--auth=scram-sha-256',
        '--encoding=UTF8',
        '--locale=C',
        ...(this.binaries.majorVersion >= 17 ? ['--locale-provider=builtin', '--builtin-locale=C.UTF-8'] : []),
        ...(this.settings.fsync === 'off' ? ['--no-sync'] : []),
      ]);
    } finally {
      rmSync(passwordFile, { force: true });
    }
    appendFileSync(join(draft, 'postgresql.conf'), `\ninclude_if_exists = '${SETTINGS_FILE}'\n`);
    const kept = join(draft, PASSWORD_FILE);
    writeFileSync(kept, `${password}\n`, { mode: 0o600 });
    this.giveToServer(kept);
    renameSync(draft, this.folder);
  }

  /** The server that `postmaster.pid` names, when that process lives and can be this folder's server. */
  findRunning(): RunningServer | null {
    const path = join(this.folder, 'postmaster.pid');
    if (!existsSync(path)) return null;
    const [pid, , , port] = readFileSync(path, 'utf8').split('\n').map(Number);
    const workingFolder = isRunning(pid!) ? workingFolderOf(pid!) : null;
    const isOther = workingFolder !== null && workingFolder !== realpathSync(this.folder);
    if (isRunning(pid!) && !isOther) return { pid: pid!, port: port ?? 0 };
    // The server died with its machine or container, and its number may belong to another process by now.
    rmSync(path, { force: true });
    return null;
  }

  /** Starts the server on a free port of the loopback interface; resolves with the port when it takes connections. */
  async start(): Promise<number> {
    const port = await freePort();
    const settings = { ...DEFAULT_SETTINGS, ...this.settings, port: String(port) };
    const lines = Object.entries(settings).map(([name, value]) => `${name} = '${value}'\n`);
    const settingsFile = join(this.folder, SETTINGS_FILE);
    writeFileSync(settingsFile, lines.join(''));
    this.giveToServer(settingsFile);
    const log = join(this.folder, LOG_FILE);
    rmSync(log, { force: true });
    try {
      await this.program('pg_ctl', ['start', '-w', '-t', String(START_TIMEOUT_SECONDS), '-D', this.folder, '-l', log]);
    } catch (error) {
      throw new StartError(`The embedded PostgreSQL did not start: ${lastLines(log) || (error as Error).message}`);
    }
    return port;
  }

  /** Ends sessions and stops the server; what was committed is on disk. */
  async stop(): Promise<void> {
    if (this.findRunning() === null) return;
    await this.program('pg_ctl', ['stop', '-w', '-m', 'fast', '-t', String(STOP_TIMEOUT_SECONDS), '-D', this.folder]);
  }

  private async program(name: string, parameters: string[]): Promise<void> {
    const identity = this.user === null ? {} : { uid: this.user.uid, gid: this.user.gid };
    // An environment of its own: the service's secrets are not the server's business.
    await run(join(this.binaries.folder, 'bin', name), parameters, { ...identity, cwd: '/', env: { LC_ALL: 'C' } });
  }

  private giveToServer(path: string): void {
    if (this.user !== null) chownSync(path, this.user.uid, this.user.gid);
  }
}

const DEFAULT_SETTINGS: Readonly<Record<string, string>> = {
  listen_addresses: '127.0.0.1',
  unix_socket_directories: '',
  max_connections: '200',
  shared_buffers: '256MB',
  max_wal_size: '2GB',
  random_page_cost: '1.1',
  jit: 'off',
  timezone: 'UTC',
  log_timezone: 'UTC',
};

/** A port that was free a moment ago. */
async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve, reject) => server.once('error', reject).listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as { port: number };
  await new Promise((resolve) => server.close(resolve));
  return port;
}

function lastLines(log: string): string {
  return existsSync(log) ? readFileSync(log, 'utf8').trim().split('\n').slice(-2).join(' ') : '';
}
