import { randomBytes } from 'node:crypto';
import { chmodSync, linkSync, mkdirSync, readFileSync, unlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { makeAdminKey } from './key-format.js';

/** Values for the three secret variables, in the form that the variables have. */
export interface DevelopmentSecrets {
  readonly ADMIN_KEYS: string;
  readonly ENCRYPTION_KEYS: string;
  readonly KEY_PEPPERS: string;
}

export const SECRETS_FILE = 'secrets.json';

/**
 * The secrets of a development folder: made at the first start, read at every later one.
 * Several processes may start at once in a new folder: `link` lets exactly one of them win, and all read the winner's.
 * @throws Error with one line that says what to do, when the file cannot be read or written.
 */
export function developmentSecrets(dataDir: string): DevelopmentSecrets {
  const path = join(dataDir, SECRETS_FILE);
  try {
    return readSecrets(path) ?? makeSecrets(dataDir, path);
  } catch (error) {
    throw new Error(
      `${path} cannot be used (${(error as Error).message}): repair it, or delete ${dataDir} to begin anew.`,
    );
  }
}

function readSecrets(path: string): DevelopmentSecrets | null {
  let content: string;
  try {
    content = readFileSync(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw error;
  }
  const secrets = JSON.parse(content) as Partial<DevelopmentSecrets>;
  const { ADMIN_KEYS, ENCRYPTION_KEYS, KEY_PEPPERS } = secrets;
  if (!ADMIN_KEYS || !ENCRYPTION_KEYS || !KEY_PEPPERS) throw new Error('it lacks a secret');
  return { ADMIN_KEYS, ENCRYPTION_KEYS, KEY_PEPPERS };
}

function makeSecrets(dataDir: string, path: string): DevelopmentSecrets {
  const secrets: DevelopmentSecrets = {
    ADMIN_KEYS: `development:${makeAdminKey()}`,
    ENCRYPTION_KEYS: `dev1:${randomBytes(32).toString('base64')}`,
    KEY_PEPPERS: `dev1:${randomBytes(32).toString('base64')}`,
  };
  mkdirSync(dataDir, { recursive: true });
  const draft = `${path}.${process.pid}.${randomBytes(4).toString('hex')}`;
  writeFileSync(draft, `${JSON.stringify(secrets, null, 2)}\n`, { mode: 0o600, flag: 'wx' });
  chmodSync(draft, 0o600);
  try {
    linkSync(draft, path);
    return secrets;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    return readSecrets(path)!;
  } finally {
    unlinkSync(draft);
  }
}
