import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

const TEST_LIMIT_MS = 60_000;
/** More than any system numbers its processes. */
const NOBODY = 99_999_999;
const REMOVE = `import('./scripts/abandoned-folders.mjs').then((module) => module.removeAbandoned('run-'))`;

describe('what a killed bench or fault test left in the temporary folder', () => {
  let temporary: string;
  const started: ChildProcess[] = [];
  beforeEach(() => (temporary = mkdtempSync(join(tmpdir(), 'signalpost-abandoned-'))));
  afterEach(async () => {
    for (const child of started.splice(0)) {
      if (child.exitCode === null && child.signalCode === null && child.kill('SIGKILL')) await once(child, 'exit');
    }
    rmSync(temporary, { recursive: true, force: true });
  });

  const makeFolder = (name: string, owner: number): string => {
    const folder = join(temporary, name);
    mkdirSync(folder);
    writeFileSync(join(folder, 'owner'), String(owner));
    return folder;
  };
  const makeData = (folder: string): string => {
    const data = join(folder, 'postgres');
    mkdirSync(data);
    return data;
  };
  /** A process that works in `folder`, as a server does in its data. */
  const startIn = async (folder: string): Promise<ChildProcess> => {
    const child = spawn(process.execPath, ['-e', 'console.log(); setInterval(() => 0, 1_000)', folder], {
      cwd: folder,
      stdio: ['ignore', 'pipe', 'ignore'],
      env: {},
    });
    started.push(child);
    await once(child.stdout, 'data');
    return child;
  };
  const remove = () =>
    promisify(execFile)(process.execPath, ['-e', REMOVE], {
      env: { PATH: process.env.PATH, TMPDIR: temporary },
    });

  it(
    'is removed with its server, and no process and no folder of anybody else',
    async () => {
      makeFolder('run-without-server', NOBODY);
      const data = makeData(makeFolder('run-with-server', NOBODY));
      const server = await startIn(data);
      writeFileSync(join(data, 'postmaster.pid'), `${server.pid}\n`);
      const ended = once(server, 'exit');
      const stranger = await startIn(temporary);
      writeFileSync(join(makeData(makeFolder('run-number-reused', NOBODY)), 'postmaster.pid'), `${stranger.pid}\n`);
      const foreign = join(temporary, 'foreign');
      mkdirSync(join(foreign, 'postgres'), { recursive: true });
      symlinkSync(join(foreign, 'postgres'), join(makeFolder('run-linked', NOBODY), 'postgres'));
      makeFolder('run-alive', process.pid);

      await remove();
      expect(readdirSync(temporary).sort()).toEqual(['foreign', 'run-alive']);
      expect(readdirSync(foreign)).toEqual(['postgres']);
      expect(await ended).toEqual([null, 'SIGQUIT']);
      expect([stranger.exitCode, stranger.signalCode]).toEqual([null, null]);
    },
    TEST_LIMIT_MS,
  );
});
