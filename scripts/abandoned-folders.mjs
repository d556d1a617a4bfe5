// What a run with a PostgreSQL of its own (a bench, the fault tests) leaves in the temporary folder when it is killed. The
// folder holds the number of its process in `owner`, and PostgreSQL's data in `postgres`.
import { execFileSync } from 'node:child_process';
import { existsSync, lstatSync, readdirSync, readFileSync, readlinkSync, realpathSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

const LOOK_MS = 100;
const END_MS = 10_000;
/** Where src/database/embedded puts the data when the server's user cannot reach the folder itself. */
const DATA_ELSEWHERE = /^\/var\/lib\/signalpost\/data-[A-Za-z0-9]{6}\/postgres$/;

/** Ends the servers and removes the folders, named `<prefix>…`, of runs whose process is gone. */
export async function removeAbandoned(prefix) {
  for (const name of readdirSync(tmpdir()).filter((entry) => entry.startsWith(prefix))) {
    const folder = join(tmpdir(), name);
    try {
      if (!isOurs(folder) || isRunning(Number(readFileSync(join(folder, 'owner'), 'utf8')))) continue;
      const server = serverOf(folder);
      if (server !== null) {
        process.kill(server, 'SIGQUIT');
        await allEnded([server], END_MS);
      }
      removeFolder(folder);
    } catch {
      // Of a run that is just beginning, or that another one removes at the same time; else the next one comes by.
    }
  }
}

/** A run's folder, and its PostgreSQL's data where that lies elsewhere. */
export function removeFolder(folder) {
  const data = join(folder, 'postgres');
  const target = lstatSync(data, { throwIfNoEntry: false })?.isSymbolicLink() ? readlinkSync(data) : '';
  if (DATA_ELSEWHERE.test(target) && isOurs(dirname(target))) rmSync(dirname(target), { recursive: true, force: true });
  rmSync(folder, { recursive: true, force: true });
}

/** The number of the server that runs on a folder's data; null when there is none: the number may be another's by now. */
export function serverOf(folder) {
  try {
    const data = join(folder, 'postgres');
    const pid = Number(readFileSync(join(data, 'postmaster.pid'), 'utf8').split('\n')[0]);
    return isRunning(pid) && worksIn(pid, data) ? pid : null;
  } catch {
    return null;
  }
}

export function isRunning(pid) {
  if (!Number.isInteger(pid) || pid <= 0) return false;
  try {
    process.kill(pid, 0);
    // One that has ended and that nobody has asked about, as happens in a container without an init, is none.
    return !(existsSync(`/proc/${pid}/stat`) && /\) Z /.test(readFileSync(`/proc/${pid}/stat`, 'utf8')));
  } catch (error) {
    return error.code === 'EPERM';
  }
}

/** Resolves when all have ended, or after `milliseconds`. */
export async function allEnded(pids, milliseconds) {
  for (let waitedMs = 0; pids.some(isRunning) && waitedMs < milliseconds; waitedMs += LOOK_MS) await sleep(LOOK_MS);
}

/** By its working folder; where the system does not tell that, by the folder that its command line names. */
function worksIn(pid, data) {
  if (existsSync('/proc/self/cwd')) return readlinkSync(`/proc/${pid}/cwd`) === realpathSync(data);
  const command = execFileSync('ps', ['-ww', '-o', 'command=', '-p', String(pid)], { encoding: 'utf8' });
  return command.includes(data) || command.includes(realpathSync(data));
}

function isOurs(folder) {
  const status = lstatSync(folder, { throwIfNoEntry: false });
  return status !== undefined && status.isDirectory() && status.uid === (process.getuid?.() ?? 0);
}
