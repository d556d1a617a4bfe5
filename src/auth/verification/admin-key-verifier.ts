import { createHash, timingSafeEqual } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import { AppConfig } from '../../config/app-config.js';
import { ADMIN_KEY_PATTERN, hasValidChecksum } from '../../config/key-format.js';

const PUBLIC_PART = { start: 'ak_'.length, end: 'ak_'.length + 12 } as const;

interface ConfiguredKey {
  readonly name: string;
  readonly digest: Buffer;
}

/** Admin keys come from `ADMIN_KEYS`; the checks run in the order of API keys: form, checksum, public part, secret. */
@Injectable()
export class AdminKeyVerifier {
  private readonly byPublicPart = new Map<string, ConfiguredKey>();

  constructor(config: AppConfig) {
    for (const { name, key } of config.adminKeys) {
      this.byPublicPart.set(publicPartOf(key), { name, digest: digestOf(key) });
    }
  }

  /** The configured name of the key; null when it is malformed, unknown or wrong. */
  nameOf(key: string): string | null {
    if (!ADMIN_KEY_PATTERN.test(key) || !hasValidChecksum(key)) return null;
    const configured = this.byPublicPart.get(publicPartOf(key));
    // Digests, because comparing in constant time needs equal lengths and must not tell how far two keys agree.
    return configured && timingSafeEqual(digestOf(key), configured.digest) ? configured.name : null;
  }
}

function publicPartOf(key: string): string {
  return key.slice(PUBLIC_PART.start, PUBLIC_PART.end);
}

function digestOf(key: string): Buffer {
  return createHash('sha256').update(key).digest();
}
