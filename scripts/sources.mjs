import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

const SOURCE_FOLDERS = ['src', 'migrations'];
const BUILD_FILES = ['package-lock.json', '.swcrc', 'scripts/build.mjs'];
/** Units, and what several of them share. */
const OF_TESTS = /\.spec(?:-support)?\.ts$/;
export const STAMP_FILE = join('dist', '.sources');

/** Every file that the build compiles or copies, in one order everywhere. */
export function sourceFiles() {
  return SOURCE_FOLDERS.flatMap((folder) =>
    readdirSync(folder, { recursive: true })
      .map((name) => join(folder, name))
      .filter((path) => (path.endsWith('.ts') && !OF_TESTS.test(path)) || path.endsWith('.sql')),
  ).sort();
}

/** One hash of what the build depends on: contents, not times, so that a checkout alone rebuilds nothing. */
export function sourcesHash() {
  const hash = createHash('sha256');
  for (const path of [...sourceFiles(), ...BUILD_FILES])
    hash.update(`${path}\0`).update(readFileSync(path)).update('\0');
  return hash.digest('hex');
}

/** Whether dist was built from the sources as they are. */
export function isBuilt() {
  return existsSync(STAMP_FILE) && readFileSync(STAMP_FILE, 'utf8') === sourcesHash();
}
