// What a bench leaves behind when it is killed before it can tidy up: its runner removes it, and if that is killed too,
// the next one does.
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { allEnded, isRunning, removeFolder, serverOf } from '../scripts/abandoned-folders.mjs';

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
  await allEnded(pids, 20_000);
  for (const pid of pids.filter(isRunning)) kill(pid, 'SIGQUIT');
  await allEnded(pids, 5_000);
  for (const pid of pids.filter(isRunning)) kill(pid, 'SIGKILL');
  folders.forEach(removeFolder);
}

function kill(pid, signal) {
  try {
    process.kill(pid, signal);
  } catch {
    // Gone already.
  }
}
