import { createHmac, createSecretKey, type KeyObject, timingSafeEqual } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import { AppConfig } from '../../config/app-config.js';

/** What is stored of a key beside its argon2id hash: HMAC-SHA256 of the whole key under the pepper named. */
export interface PepperedHmac {
  readonly pepperId: string;
  readonly hmac: Buffer;
}

/** The peppers of `KEY_PEPPERS`: the first one writes and names cache entries, all of them verify. */
@Injectable()
export class KeyFingerprints {
  private readonly peppers = new Map<string, KeyObject>();
  private readonly writingPepperId: string;
  private readonly writingPepper: KeyObject;

  constructor(config: AppConfig) {
    for (const { id, key } of config.keyPeppers) this.peppers.set(id, createSecretKey(key));
    const [first] = this.peppers;
    if (!first) throw new Error('KEY_PEPPERS is empty.');
    [this.writingPepperId, this.writingPepper] = first;
  }

  /** The name under which this process remembers a key; the key itself is never kept. */
  cacheKey(key: string): string {
    return createHmac('sha256', this.writingPepper).update(key).digest('base64');
  }

  make(key: string): PepperedHmac {
    return { pepperId: this.writingPepperId, hmac: createHmac('sha256', this.writingPepper).update(key).digest() };
  }

  /** Compares in constant time; false too when the pepper is no longer configured. */
  matches(key: string, stored: PepperedHmac): boolean {
    const pepper = this.peppers.get(stored.pepperId);
    if (!pepper || stored.hmac.length !== 32) return false;
    return timingSafeEqual(createHmac('sha256', pepper).update(key).digest(), stored.hmac);
  }
}
