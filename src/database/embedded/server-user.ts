import { readFileSync, realpathSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import { StartError } from '../start-error.js';

/** Who the server runs as; null: as this process. */
export type ServerUser = { readonly uid: number; readonly gid: number; readonly name: string } | null;

/**
 * PostgreSQL refuses to run as root. There it runs as the owner of its data, else as the system's `postgres`, else as
 * `nobody`; no user is made on the machine.
 */
export function serverUser(dataFolder: string): ServerUser {
  if (process.getuid?.() !== 0) return null;
  const users = systemUsers();
  const ownerUid = statOrNull(dataFolder)?.uid ?? 0;
  const user =
    users.find(({ uid }) => ownerUid !== 0 && uid === ownerUid) ??
    users.find(({ name }) => name === 'postgres') ??
    users.find(({ name }) => name === 'nobody');
  if (user !== undefined) return user;
  throw new StartError(
    'PostgreSQL does not run as root, and this system has neither a user postgres nor nobody: ' +
      'start as another user, or set DATABASE_URL.',
  );
}

/** The first folder on the way to `path` that `user` may not pass; null when it can reach it. */
export function closedFolder(path: string, user: ServerUser): string | null {
  if (user === null) return null;
  const folders: string[] = [];
  for (let folder = realpathSync(path); ; folder = dirname(folder)) {
    folders.unshift(folder);
    if (folder === dirname(folder)) break;
  }
  return folders.find((folder) => !mayPass(folder, user)) ?? null;
}

function mayPass(folder: string, user: NonNullable<ServerUser>): boolean {
  const { mode, uid, gid } = statSync(folder);
  if (uid === user.uid) return (mode & 0o100) !== 0;
  if (gid === user.gid) return (mode & 0o010) !== 0;
  return (mode & 0o001) !== 0;
}

function systemUsers(): NonNullable<ServerUser>[] {
  return readFileSync('/etc/passwd', 'utf8')
    .split('\n')
    .map((line) => line.split(':'))
    .filter((fields) => fields.length >= 4)
    .map(([name, , uid, gid]) => ({ name: name!, uid: Number(uid) >>> 0, gid: Number(gid) >>> 0 }))
    .filter(({ uid }) => uid !== 0);
}

function statOrNull(path: string): { uid: number } | null {
  return statSync(path, { throwIfNoEntry: false }) ?? null;
}
