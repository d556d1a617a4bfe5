import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { isRunning } from '../src/database/embedded/live-process.js';

const TIMEOUT_MS = 180_000;
/** What the bench starts, in this order; by the last one everything is there. */
const LAST_PROCESS = 'bare-sender';

interface RunningBench {
  readonly runner: ChildProcess;
  /** By name: the bench itself, PostgreSQL, the service, receiver and driver. */
  readonly pids: ReadonlyMap<string, number>;
}

/**
 * A process that has ended and that nobody has asked about, as happens in a container without an init, is no process.
 */
function isAlive(pid: number): boolean {
  if (!isRunning(pid)) return false;
  try {
    return !/\) Z /.test(readFileSync(`/proc/${pid}/stat`, 'utf8'));
  } catch {
    return isRunning(pid);
  }
}

describe('an interrupted bench', () => {
  let folder: string;
  let runner: ChildProcess | null = null;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'signalpost-interrupted-'));
    // As the system's own folder is: PostgreSQL runs under another user where the tests run as root.
    chmodSync(folder, 0o755);
  });
  afterEach(async () => {
    if (runner?.exitCode === null && runner.signalCode === null && runner.kill()) await once(runner, 'exit');
    rmSync(folder, { recursive: true, force: true });
  });

  /** A bench that keeps everything of its own below `folder`, once all its processes are there. */
  async function startBench(): Promise<RunningBench> {
    const started = spawn(process.execPath, ['scripts/bench.mjs', 'dispatch', '--smoke'], {
      env: { ...process.env, TMPDIR: folder, NODE_OPTIONS: '' },
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    runner = started;
    const pids = new Map<string, number>();
    for await (const line of createInterface({ input: started.stdout })) {
      const [, name, pid] = /^ {2}(\S+): process (\d+)$/.exec(line) ?? [];
      if (name !== undefined) pids.set(name, Number(pid));
      if (name === LAST_PROCESS) break;
    }
    started.stdout.resume();
    return { runner: started, pids };
  }

  it.each([
    ['by Ctrl-C', 'SIGINT', 'runner'],
    ['by a request to end', 'SIGTERM', 'runner'],
    ['by the death of its process', 'SIGKILL', 'bench'],
  ] as const)(
    'leaves no process and no folder behind: %s',
    async (_how, signal, whose) => {
      const { runner, pids } = await startBench();
      expect([...pids.keys()]).toEqual(['bench', 'PostgreSQL', 'service', 'sink', LAST_PROCESS]);
      expect(readdirSync(folder)).toHaveLength(1);
      const ended = once(runner, 'exit');
      process.kill(whose === 'runner' ? runner.pid! : pids.get('bench')!, signal);
      const [code] = (await ended) as [number | null];
      expect(code).toBe(whose === 'runner' ? 130 : 1);
      expect([...pids].filter(([, pid]) => isAlive(pid))).toEqual([]);
      expect(readdirSync(folder)).toEqual([]);
    },
    TIMEOUT_MS,
  );
});
