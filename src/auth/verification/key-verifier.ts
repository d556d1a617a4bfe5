import { timingSafeEqual } from 'node:crypto';
import { Injectable, Logger } from '@nestjs/common';
import { AccountBoundCache } from '../../accounts/account-bound-cache.js';
import { AccountChanges } from '../../accounts/account-changes.js';
import { Clock } from '../../common/clock.js';
import { KeyFingerprints } from './key-fingerprints.js';
import type { PresentedKey } from './presented-key.js';
import { RefusedKeys } from './refused-keys.js';
import { SecretHasher } from './secret-hasher.js';
import { type StoredKey, StoredKeyRepository } from './stored-key.repository.js';
import { toVerifiedKey, type VerifiedKey } from './verified-key.js';

const REMEMBERED_KEYS = 50_000;

/**
 * Proves well-formed keys and remembers the proofs. A wrong secret ends at the HMAC; argon2id runs only once it
 * matched, and once per key and process.
 */
@Injectable()
export class KeyVerifier {
  private readonly logger = new Logger(KeyVerifier.name);
  private readonly cache = new AccountBoundCache<VerifiedKey>(REMEMBERED_KEYS);
  /** Cache key → what the key was proved against; outlives the cache, so that a flush costs no hashing. */
  private readonly proven = new Map<string, string>();
  private readonly refused = new RefusedKeys();
  private readonly underWay = new Map<string, Promise<VerifiedKey | null>>();

  constructor(
    private readonly fingerprints: KeyFingerprints,
    private readonly repository: StoredKeyRepository,
    private readonly hasher: SecretHasher,
    private readonly changes: AccountChanges,
    private readonly clock: Clock,
  ) {
    changes.subscribe((accountId) => {
      if (accountId === null) this.cache.dropAll();
      else this.cache.dropAccount(accountId);
      // Look-ups that began before the change may have read the row before it: later requests start their own.
      this.underWay.clear();
    });
  }

  /** The proof remembered of the key, without any I/O. */
  recall({ cacheKey }: PresentedKey): VerifiedKey | undefined {
    return this.cache.get(cacheKey, this.clock.monotonicMs());
  }

  /** Whether the key was looked up within the last minute, and is none. */
  wasRefused({ cacheKey }: PresentedKey): boolean {
    return this.refused.has(cacheKey, this.clock.monotonicMs());
  }

  /** Whether this process ever proved the key, however long ago: no stranger holds it. */
  wasProven({ cacheKey }: PresentedKey): boolean {
    return this.proven.has(cacheKey);
  }

  /** Looks the key up and proves its secret; null when it is unknown or wrong. Simultaneous calls share one look-up. */
  prove(key: PresentedKey): Promise<VerifiedKey | null> {
    const { cacheKey } = key;
    const shared = this.underWay.get(cacheKey);
    if (shared) return shared;
    const started = this.lookUp(key).finally(() => {
      if (this.underWay.get(cacheKey) === started) this.underWay.delete(cacheKey);
    });
    this.underWay.set(cacheKey, started);
    return started;
  }

  private async lookUp({ text, publicPart, cacheKey }: PresentedKey): Promise<VerifiedKey | null> {
    const generation = this.cache.generation;
    const row = await this.repository.findByPublicPart(publicPart);
    const readAtMs = this.clock.monotonicMs();
    if (!row || !this.isSameKey(text, row)) {
      if (!row || this.canJudge(row)) this.refused.add(cacheKey, readAtMs);
      return null;
    }
    if (!(await this.passesArgon2(text, row, cacheKey))) return null;
    if (!this.fingerprints.isCurrent({ pepperId: row.pepper_id })) void this.moveToCurrentPepper(text, row);
    const verified = toVerifiedKey(row, readAtMs);
    this.cache.set(cacheKey, row.account_id, verified, readAtMs + this.changes.memoryMs, generation);
    return verified;
  }

  /** Without its pepper a good key is refused too, until another process moves it to a pepper that is here. */
  private canJudge({ public_key, pepper_id }: StoredKey): boolean {
    return public_key !== null || this.fingerprints.canMatch({ pepperId: pepper_id });
  }

  /** In constant time. A public key is no secret and stored whole, so that no pepper has to be kept for it. */
  private isSameKey(key: string, row: StoredKey): boolean {
    if (row.public_key !== null) return timingSafeEqual(Buffer.from(key), Buffer.from(row.public_key));
    return this.fingerprints.matches(key, { pepperId: row.pepper_id, hmac: row.hmac });
  }

  /** Only now is the whole key at hand. The request does not wait, and what fails is tried at the next look-up. */
  private async moveToCurrentPepper(key: string, row: StoredKey): Promise<void> {
    try {
      await this.repository.moveToPepper(row, this.fingerprints.make(key));
    } catch (error) {
      this.logger.warn({ msg: 'A key was not moved to the first pepper.', error });
    }
  }

  /** A public key has no hash. */
  private async passesArgon2(key: string, row: StoredKey, cacheKey: string): Promise<boolean> {
    const proof = row.argon2_hash ?? 'public';
    if (row.argon2_hash === null && row.kind !== 'public') return false;
    if (this.proven.get(cacheKey) === proof) return true;
    if (row.argon2_hash !== null && !(await this.hasher.verify(row.argon2_hash, key))) return false;
    if (this.proven.size >= REMEMBERED_KEYS) this.proven.delete(this.proven.keys().next().value!);
    this.proven.set(cacheKey, proof);
    return true;
  }
}
