import { linkSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, unlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { StartError } from '../start-error.js';
import { isLive, ownMark } from './live-process.js';

const LOCK_TIMEOUT_MS = 60_000;
const LOCK_POLL_MS = 50;

/** How often this process itself uses a folder's server. */
const ownUses = new Map<string, number>();

/** Which live processes use the embedded server of a folder, and whose turn it is to start or stop it. */
export class FolderUsers {
  private readonly lockPath: string;
  private readonly usersFolder: string;

  constructor(folder: string) {
    this.lockPath = join(folder, 'postgres.lock');
    this.usersFolder = join(folder, 'postgres.users');
  }

  /** Runs `work` while no other process does so in this folder. A lock whose holder died is taken over. */
  async exclusively<T>(work: () => Promise<T>): Promise<T> {
    await this.lock();
    try {
      return await work();
    } finally {
      rmSync(this.lockPath, { force: true });
    }
  }

  join(): void {
    mkdirSync(this.usersFolder, { recursive: true });
    writeFileSync(join(this.usersFolder, String(process.pid)), ownMark());
    ownUses.set(this.usersFolder, (ownUses.get(this.usersFolder) ?? 0) + 1);
  }

  /** Takes this process off the list; returns whether nobody is left. */
  leave(): boolean {
    const uses = (ownUses.get(this.usersFolder) ?? 1) - 1;
    ownUses.set(this.usersFolder, uses);
    if (uses > 0) return false;
    rmSync(join(this.usersFolder, String(process.pid)), { force: true });
    return this.live().length === 0;
  }

  private live(): string[] {
    return readdirSync(this.usersFolder).filter((name) => {
      const path = join(this.usersFolder, name);
      const live = isLive(readOrEmpty(path));
      if (!live) rmSync(path, { force: true });
      return live;
    });
  }

  private async lock(): Promise<void> {
    // Written whole before it gets its name, so that nobody reads an empty mark and takes it for a dead one.
    const draft = `${this.lockPath}.${process.pid}.${performance.now()}`;
    writeFileSync(draft, ownMark());
    try {
      for (const endMs = performance.now() + LOCK_TIMEOUT_MS; !this.tryLock(draft); await wait(LOCK_POLL_MS)) {
        if (performance.now() > endMs) {
          throw new StartError(
            `Process ${readOrEmpty(this.lockPath).split(' ')[0]} has held ${this.lockPath} for a minute: stop it, or delete that file.`,
          );
        }
      }
    } finally {
      unlinkSync(draft);
    }
  }

  private tryLock(draft: string): boolean {
    try {
      linkSync(draft, this.lockPath);
      return true;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    }
    const mark = readOrEmpty(this.lockPath);
    if (mark !== '' && !isLive(mark)) this.removeStale(mark);
    return false;
  }

  /** Of several that find a dead holder's lock, one renames it away; who renamed a newer lock instead puts it back. */
  private removeStale(mark: string): void {
    const aside = `${this.lockPath}.stale.${process.pid}`;
    try {
      renameSync(this.lockPath, aside);
      if (readOrEmpty(aside) !== mark) linkSync(aside, this.lockPath);
    } catch (error) {
      if (!['ENOENT', 'EEXIST'].includes((error as NodeJS.ErrnoException).code ?? '')) throw error;
    } finally {
      rmSync(aside, { force: true });
    }
  }
}

function readOrEmpty(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}
