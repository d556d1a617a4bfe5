import type { AdminKeyConfig, KeyMaterial } from './app-config.js';
import { ADMIN_KEY_PATTERN, hasValidChecksum } from './key-format.js';
import { maskSecret, type SettingsReader } from './settings-reader.js';

const NAME_PATTERN = /^[A-Za-z0-9._-]{1,64}$/;

/** `ADMIN_KEYS`: `name:ak_…[,…]`. What is shown of a wrong one never holds the key. */
export function readAdminKeys(reader: SettingsReader): AdminKeyConfig[] {
  const keys: AdminKeyConfig[] = [];
  for (const { name, secret, shown } of readPairs(reader, 'ADMIN_KEYS')) {
    if (!NAME_PATTERN.test(name) || !ADMIN_KEY_PATTERN.test(secret)) {
      reader.report('ADMIN_KEYS', shown, 'name:ak_… with 48 letters and digits (npm run admin-key makes one)');
    } else if (!hasValidChecksum(secret)) {
      reader.report('ADMIN_KEYS', shown, 'a key whose last six characters are its checksum: was it copied whole?');
    } else if (keys.some((other) => other.name === name || other.key === secret)) {
      reader.report('ADMIN_KEYS', shown, 'every name and every key once');
    } else {
      keys.push({ name, key: secret });
    }
  }
  return keys;
}

/** `ENCRYPTION_KEYS` and `KEY_PEPPERS`: `id:base64(32 bytes)[,…]`. */
export function readKeyMaterial(reader: SettingsReader, variable: string): KeyMaterial[] {
  const materials: KeyMaterial[] = [];
  for (const { name, secret, shown } of readPairs(reader, variable)) {
    const key = Buffer.from(secret, 'base64');
    const isBase64 = /^[A-Za-z0-9+/_-]+={0,2}$/.test(secret);
    if (!NAME_PATTERN.test(name) || !isBase64 || key.length !== 32) {
      reader.report(variable, shown, 'id:base64 of exactly 32 bytes (openssl rand -base64 32 makes them)');
    } else if (materials.some((other) => other.id === name)) {
      reader.report(variable, shown, 'every id once');
    } else {
      materials.push({ id: name, key });
    }
  }
  return materials;
}

function readPairs(reader: SettingsReader, variable: string): { name: string; secret: string; shown: string }[] {
  return reader.list(variable).map((part) => {
    const colon = part.indexOf(':');
    // Without a colon the whole part may be the secret.
    if (colon < 0) return { name: '', secret: part, shown: maskSecret(part) };
    const name = part.slice(0, colon);
    const secret = part.slice(colon + 1);
    return { name, secret, shown: `${NAME_PATTERN.test(name) ? name : maskSecret(name)}:${maskSecret(secret)}` };
  });
}
