import { readFileSync } from 'node:fs';

/** The version of this build, as package.json names it; it stands above the sources and above the build alike. */
export const VERSION = readVersion();

function readVersion(): string {
  for (const path of ['../../package.json', '../../../package.json']) {
    try {
      const { version } = JSON.parse(readFileSync(new URL(path, import.meta.url), 'utf8')) as { version?: string };
      if (version !== undefined) return version;
    } catch {
      // Built files lie one folder deeper than sources.
    }
  }
  return 'unknown';
}
