import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import { AppConfig, type KeyMaterial } from '../config/app-config.js';

/** The row that a ciphertext belongs to. It is authenticated with it, so a ciphertext moved elsewhere does not open. */
export interface SecretPlace {
  readonly table: string;
  readonly rowId: string;
  readonly accountId: string;
  readonly mode: string;
}

const FORMAT = 1;
const IV_BYTES = 12;
const TAG_BYTES = 16;

/**
 * AES-256-GCM under the keys of `ENCRYPTION_KEYS`: the first one seals, all open. A sealed value is
 * `format (1 byte) · length of key id (1) · key id · iv (12) · tag (16) · ciphertext`.
 */
@Injectable()
export class SecretBox {
  private readonly writing: KeyMaterial;
  private readonly keys: ReadonlyMap<string, KeyMaterial>;

  constructor(config: AppConfig) {
    const [first] = config.encryptionKeys;
    if (!first) throw new Error('ENCRYPTION_KEYS holds no key');
    this.writing = first;
    this.keys = new Map(config.encryptionKeys.map((key) => [key.id, key]));
  }

  /** The id of the key that `seal` uses now. */
  get writingKeyId(): string {
    return this.writing.id;
  }

  seal(plaintext: string, place: SecretPlace): Buffer {
    const id = Buffer.from(this.writing.id, 'utf8');
    if (id.length > 255) throw new Error('The id of an encryption key is longer than 255 bytes');
    const header = Buffer.concat([Buffer.from([FORMAT, id.length]), id]);
    // 96 random bits are safe for 2^32 values under one key (NIST SP 800-38D); endpoints have a few each.
    const iv = randomBytes(IV_BYTES);
    const cipher = createCipheriv('aes-256-gcm', this.writing.key, iv).setAAD(additionalData(header, place));
    const ciphertext = Buffer.concat([cipher.update(plaintext, 'utf8'), cipher.final()]);
    return Buffer.concat([header, iv, cipher.getAuthTag(), ciphertext]);
  }

  /**
   * @throws Error when the value was changed, belongs to another row, or was sealed under a key that is not configured;
   * its message names the row and never holds a secret
   */
  open(sealed: Buffer, place: SecretPlace): string {
    const header = headerOf(sealed);
    const id = header.subarray(2).toString('utf8');
    const key = this.keys.get(id);
    if (!key) throw new Error(`${placeName(place)} is sealed under ${id}, which ENCRYPTION_KEYS does not hold`);
    const iv = sealed.subarray(header.length, header.length + IV_BYTES);
    const tag = sealed.subarray(header.length + IV_BYTES, header.length + IV_BYTES + TAG_BYTES);
    const ciphertext = sealed.subarray(header.length + IV_BYTES + TAG_BYTES);
    try {
      const decipher = createDecipheriv('aes-256-gcm', key.key, iv, { authTagLength: TAG_BYTES })
        .setAAD(additionalData(header, place))
        .setAuthTag(tag);
      return Buffer.concat([decipher.update(ciphertext), decipher.final()]).toString('utf8');
    } catch (cause) {
      throw new Error(`${placeName(place)} does not open: it was changed, or sealed for another row`, { cause });
    }
  }
}

function headerOf(sealed: Buffer): Buffer {
  const length = 2 + (sealed[1] ?? 0);
  if (sealed[0] !== FORMAT || sealed.length < length + IV_BYTES + TAG_BYTES) {
    throw new Error('A sealed secret has a form that this version does not know');
  }
  return sealed.subarray(0, length);
}

/** JSON keeps the parts apart, so that no two places have the same bytes. */
function additionalData(header: Buffer, place: SecretPlace): Buffer {
  const parts = JSON.stringify([place.table, place.rowId, place.accountId, place.mode]);
  return Buffer.concat([header, Buffer.from(parts, 'utf8')]);
}

function placeName(place: SecretPlace): string {
  return `The secret ${place.table}/${place.rowId}`;
}
