import { readFileSync, readlinkSync } from 'node:fs';

/** A process as a file can name it: `pid started`, where `started` tells it from a later one with its number. */
export function ownMark(): string {
  return `${process.pid} ${startOf(process.pid)}`;
}

/** Whether the process that wrote `mark` still runs. */
export function isLive(mark: string): boolean {
  const [pid, started = ''] = mark.trim().split(' ');
  return isRunning(Number(pid)) && (started === '' || startOf(Number(pid)) === started);
}

export function isRunning(pid: number): boolean {
  if (!Number.isInteger(pid) || pid <= 0) return false;
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    // Of another user, but there.
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

/** The working folder of a process, where the system tells it; null where it does not. */
export function workingFolderOf(pid: number): string | null {
  try {
    return readlinkSync(`/proc/${pid}/cwd`);
  } catch {
    return null;
  }
}

/** The process's start in ticks since boot, where /proc tells it; else empty. */
function startOf(pid: number): string {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    // The second field may hold spaces and brackets; the start is the 20th after its closing bracket.
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19] ?? '';
  } catch {
    return '';
  }
}
