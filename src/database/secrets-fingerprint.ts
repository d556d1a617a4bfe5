import { createHmac } from 'node:crypto';
import type { DataSource } from 'typeorm';
import type { AppConfig, KeyMaterial } from '../config/app-config.js';
import { StartError } from './start-error.js';

interface Fingerprint {
  readonly encryption: string;
  readonly pepper: string;
  /** The data folder of the process that first used the database. */
  readonly folder: string;
}

/**
 * In development secrets are made per data folder. A second folder on the same database could neither verify the keys
 * nor open the endpoint secrets that the first one wrote, so it must not start.
 * @throws StartError that names the folder which holds the right secrets.
 */
export async function refuseForeignSecrets(dataSource: DataSource, config: AppConfig): Promise<void> {
  const own: Fingerprint = {
    encryption: fingerprintOf(config.encryptionKeys[0]!),
    pepper: fingerprintOf(config.keyPeppers[0]!),
    folder: config.dataDir,
  };
  await dataSource.query(
    `INSERT INTO signalpost.settings (key, value) VALUES ('development_secrets', $1) ON CONFLICT (key) DO NOTHING`,
    [JSON.stringify(own)],
  );
  const rows: { value: string }[] = await dataSource.query(
    `SELECT value FROM signalpost.settings WHERE key = 'development_secrets'`,
  );
  const stored = JSON.parse(rows[0]!.value) as Fingerprint;
  const isKnown = (materials: readonly KeyMaterial[], print: string): boolean =>
    materials.some((material) => fingerprintOf(material) === print);
  if (isKnown(config.encryptionKeys, stored.encryption) && isKnown(config.keyPeppers, stored.pepper)) return;
  throw new StartError(
    `This database was made with the secrets in ${stored.folder}, and ${config.dataDir} holds others: ` +
      `set DATA_DIR=${stored.folder}, or give both the same ENCRYPTION_KEYS and KEY_PEPPERS.`,
  );
}

function fingerprintOf({ key }: KeyMaterial): string {
  return createHmac('sha256', key).update('signalpost development secrets').digest('hex').slice(0, 32);
}
