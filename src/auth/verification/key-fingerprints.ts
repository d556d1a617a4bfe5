import { createHmac, createSecretKey, type KeyObject, timingSafeEqual } from 'node:crypto';
import { Injectable, Logger } from '@nestjs/common';
import { AppConfig } from '../../config/app-config.js';

/** What is stored of a key beside its argon2id hash: HMAC-SHA256 of the whole key under the pepper named. */
export interface PepperedHmac {
  readonly pepperId: string;
  readonly hmac: Buffer;
}

/** The peppers of `KEY_PEPPERS`: the first one writes, all of them verify. */
@Injectable()
export class KeyFingerprints {
  private readonly logger = new Logger(KeyFingerprints.name);
  private readonly missingPeppers = new Set<string>();
  private readonly peppers = new Map<string, KeyObject>();
  private readonly writingPepperId: string;
  private readonly writingPepper: KeyObject;

  constructor(config: AppConfig) {
    for (const { id, key } of config.keyPeppers) this.peppers.set(id, createSecretKey(key));
    const [first] = this.peppers;
    if (!first) throw new Error('KEY_PEPPERS is empty.');
    [this.writingPepperId, this.writingPepper] = first;
  }

  make(key: string): PepperedHmac {
    return { pepperId: this.writingPepperId, hmac: createHmac('sha256', this.writingPepper).update(key).digest() };
  }

  /** Whether the first pepper made this, so that the others need not be kept for it. */
  isCurrent({ pepperId }: Pick<PepperedHmac, 'pepperId'>): boolean {
    return pepperId === this.writingPepperId;
  }

  /** Whether the pepper is configured here. */
  canMatch({ pepperId }: Pick<PepperedHmac, 'pepperId'>): boolean {
    return this.peppers.has(pepperId);
  }

  /** Compares in constant time; false too when the pepper is no longer configured. */
  matches(key: string, stored: PepperedHmac): boolean {
    const pepper = this.peppers.get(stored.pepperId);
    if (!pepper) this.warnOnce(stored.pepperId);
    if (!pepper || stored.hmac.length !== 32) return false;
    return timingSafeEqual(createHmac('sha256', pepper).update(key).digest(), stored.hmac);
  }

  /** Whoever knows a key's public part can come here as often as they like. */
  private warnOnce(pepperId: string): void {
    if (this.missingPeppers.has(pepperId)) return;
    this.missingPeppers.add(pepperId);
    this.logger.warn(`A key was refused because its pepper, ${pepperId}, is no longer in KEY_PEPPERS.`);
  }
}
