import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { embeddedDatabase } from '../src/database/embedded/embedded-postgres.js';

const SETTINGS = { fsync: 'off', shared_buffers: '32MB', max_connections: '20' };

/** Another process that uses the folder's server, as a second service would. */
const OTHER_PROCESS = `
  const { embeddedDatabase } = await import('./dist/src/database/embedded/embedded-postgres.js');
  const database = await embeddedDatabase(process.argv[1], ${JSON.stringify(SETTINGS)});
  process.stdout.write(database.url);
  process.stdin.once('data', () => database.release().then(() => process.exit(0)));
`;

describe('embedded PostgreSQL', () => {
  let folder: string;
  const postmasterFile = () => join(folder, 'postgres', 'postmaster.pid');
  const serverPid = () => Number(readFileSync(postmasterFile(), 'utf8').split('\n')[0]);

  // The tests build on each other's data: making it anew for each would take longer than all of them.
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'signalpost-embedded-'));
  });
  afterAll(async () => {
    await (await embeddedDatabase(folder, SETTINGS)).release();
    rmSync(folder, { recursive: true, force: true });
  });

  const query = async (url: string, sql: string): Promise<Record<string, unknown>[]> => {
    const client = new pg.Client({ connectionString: url });
    await client.connect();
    try {
      return (await client.query<Record<string, unknown>>(sql)).rows;
    } finally {
      await client.end();
    }
  };

  it('listens on loopback only, under a password made for it that only its user can read', async () => {
    const database = await embeddedDatabase(folder, SETTINGS);
    expect(await query(database.url, 'SHOW listen_addresses')).toEqual([{ listen_addresses: '127.0.0.1' }]);
    const password = join(folder, 'postgres', 'signalpost-password');
    expect(statSync(password).mode & 0o777).toBe(0o600);
    expect(statSync(join(folder, 'postgres')).mode & 0o777).toBe(0o700);
    const wrong = database.url.replace(/:[^:@]+@/, ':wrong@');
    await expect(query(wrong, 'SELECT 1')).rejects.toThrow('password authentication failed');
    await query(database.url, 'CREATE TABLE kept AS SELECT 7 AS value');
    await database.release();
    expect(existsSync(postmasterFile())).toBe(false);
  });

  it('keeps its data between starts, past a postmaster.pid that names some other process by now', async () => {
    writeFileSync(postmasterFile(), `${process.pid}\n${join(folder, 'postgres')}\n0\n5432\n\n127.0.0.1\n0 0\nready\n`);
    const database = await embeddedDatabase(folder, SETTINGS);
    expect(await query(database.url, 'SELECT value FROM kept')).toEqual([{ value: 7 }]);
    expect(serverPid()).not.toBe(process.pid);
    await database.release();
  });

  it('is shared by two processes and stops with the last', async () => {
    const other = spawn(process.execPath, ['--input-type=module', '-e', OTHER_PROCESS, folder]);
    const [url] = (await once(other.stdout, 'data')) as [Buffer];
    const database = await embeddedDatabase(folder, SETTINGS);
    expect(database.url).toBe(String(url));
    other.stdin.write('leave\n');
    await once(other, 'exit');
    expect(await query(database.url, 'SELECT value FROM kept')).toEqual([{ value: 7 }]);
    await database.release();
    expect(existsSync(postmasterFile())).toBe(false);
  });

  it('is taken over from a process that was killed, and stopped by the one that took over', async () => {
    const other = spawn(process.execPath, ['--input-type=module', '-e', OTHER_PROCESS, folder]);
    const [url] = (await once(other.stdout, 'data')) as [Buffer];
    const pid = serverPid();
    other.kill('SIGKILL');
    await once(other, 'exit');
    const database = await embeddedDatabase(folder, SETTINGS);
    expect(database.url).toBe(String(url));
    expect(serverPid()).toBe(pid);
    await database.release();
    expect(existsSync(postmasterFile())).toBe(false);
    expect(readdirSync(join(folder, 'postgres.users'))).toEqual([]);
  });

  it('refuses data of another major version, and says what to do', async () => {
    const versionFile = join(folder, 'postgres', 'PG_VERSION');
    const version = readFileSync(versionFile, 'utf8');
    writeFileSync(versionFile, '14\n');
    await expect(embeddedDatabase(folder, SETTINGS)).rejects.toThrow(
      /holds the data of PostgreSQL 14, and this is 18\.\d+: dump it with the old version/,
    );
    writeFileSync(versionFile, version);
  });

  it('passes a lock that a killed process left behind', async () => {
    writeFileSync(join(folder, 'postgres.lock'), '999999999 1');
    const database = await embeddedDatabase(folder, SETTINGS);
    await database.release();
    expect(existsSync(join(folder, 'postgres.lock'))).toBe(false);
  });
});
