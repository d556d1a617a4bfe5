// What a bench leaves behind when it is killed before it can tidy up: its runner removes it, and if that is killed too,
// the next one does.
import { existsSync, readdirSync, readFileSync, realpathSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, relative } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

export const FOLDER_PREFIX = 'signalpost-bench-';
const START_MS = 2_000;

/** Ends the processes and removes the folders that a bench told of. */
export async function removeLeftovers({ pids, folders }) {
  for (const folder of folders) {
    // A server that was being started when its bench was killed is there in a moment.
    const endMs = performance.now() + START_MS;
    while (existsSync(join(folder, 'postgres')) && serverOf(folder) === null && performance.now() < endMs)
      await sleep(100);
    const server = serverOf(folder);
    if (server !== null) pids = [...new Set([...pids, server])];
  }
  for (const pid of pids) kill(pid, 'SIGTERM');
  for (let waitedMs = 0; pids.some(isRunning) && waitedMs < 20_000; waitedMs += 100) await sleep(100);
  for (const pid of pids.filter(isRunning)) kill(pid, 'SIGQUIT');
  for (let waitedMs = 0; pids.some(isRunning) && waitedMs < 5_000; waitedMs += 100) await sleep(100);
  for (const pid of pids.filter(isRunning)) kill(pid, 'SIGKILL');
  folders.forEach(removeFolder);
}

/** A rig's folder, and its PostgreSQL's where the server's user could not get through to it and it lies elsewhere. */
export function removeFolder(folder) {
  const data = join(folder, 'postgres');
  const home = existsSync(data) ? dirname(realpathSync(data)) : folder;
  if (relative(realpathSync(tmpdir()), home).startsWith('..')) rmSync(home, { recursive: true, force: true });
  rmSync(folder, { recursive: true, force: true });
}

/** Folders of benches whose process is gone, and the servers in them. */
export function removeAbandonedRigs() {
  for (const name of readdirSync(tmpdir()).filter((entry) => entry.startsWith(FOLDER_PREFIX))) {
    const folder = join(tmpdir(), name);
    try {
      if (isRunning(Number(readFileSync(join(folder, 'owner'), 'utf8')))) continue;
      const server = serverOf(folder);
      if (server !== null) kill(server, 'SIGQUIT');
      removeFolder(folder);
    } catch {
      // Of another user, or of a bench that is just beginning.
    }
  }
}

function serverOf(folder) {
  try {
    return Number(readFileSync(join(folder, 'postgres', 'postmaster.pid'), 'utf8').split('\n')[0]);
  } catch {
    return null;
  }
}

function kill(pid, signal) {
  try {
    process.kill(pid, signal);
  } catch {
    // Gone already.
  }
}

function isRunning(pid) {
  try {
    process.kill(pid, 0);
    // One that has ended and that nobody has asked about, as happens in a container without an init, is none.
    return !(existsSync(`/proc/${pid}/stat`) && /\) Z /.test(readFileSync(`/proc/${pid}/stat`, 'utf8')));
  } catch (error) {
    return error.code === 'EPERM';
  }
}
