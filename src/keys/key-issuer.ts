import { Injectable } from '@nestjs/common';
import { type ApiKeyKind, makeApiKey, parseApiKey, previewOf } from '../auth/api-key.js';
import type { Mode } from '../auth/caller.js';
import type { Scope } from '../auth/scopes.js';
import { KeyFingerprints } from '../auth/verification/key-fingerprints.js';
import { SecretHasher } from '../auth/verification/secret-hasher.js';
import { Clock } from '../common/clock.js';
import { newUuid } from '../common/ids.js';
import type { NewKey } from './keys.repository.js';

/** A key that exists nowhere yet: the only moment at which it is whole. */
export interface IssuedKey {
  readonly wholeKey: string;
  readonly stored: NewKey;
}

export interface IssuedPair {
  readonly publicKey: IssuedKey;
  readonly secretKey: IssuedKey;
}

export interface KeyRules {
  readonly name: string;
  readonly scopes?: readonly Scope[];
  readonly allowedIps?: readonly string[];
  readonly expiresAt?: string | null;
}

/** Makes keys and their hashes. It takes some 30 ms of CPU for each secret, so never inside a transaction. */
@Injectable()
export class KeyIssuer {
  constructor(
    private readonly fingerprints: KeyFingerprints,
    private readonly hasher: SecretHasher,
    private readonly clock: Clock,
  ) {}

  /** @throws AppError `unavailable` when too much hashing waits. */
  async issuePair(mode: Mode): Promise<IssuedPair> {
    const [publicKey, secretKey] = await Promise.all([
      this.issue('public', mode, { name: 'Public key' }),
      this.issue('secret', mode, { name: 'Secret key' }),
    ]);
    return { publicKey, secretKey };
  }

  /** @throws AppError `unavailable` when too much hashing waits. */
  async issue(kind: ApiKeyKind, mode: Mode, rules: KeyRules): Promise<IssuedKey> {
    const wholeKey = makeApiKey(kind, mode);
    const isPublic = kind === 'public';
    const stored: NewKey = {
      id: newUuid(this.clock.now().getTime()),
      kind,
      name: rules.name,
      publicPart: parseApiKey(wholeKey)!.publicPart,
      publicKey: isPublic ? wholeKey : null,
      preview: previewOf(wholeKey),
      ...this.fingerprints.make(wholeKey),
      argon2Hash: isPublic ? null : await this.hasher.hash(wholeKey),
      scopes: kind === 'restricted' ? (rules.scopes ?? []) : null,
      allowedIps: rules.allowedIps ?? [],
      allowedOrigins: [],
      expiresAt: rules.expiresAt ?? null,
    };
    return { wholeKey, stored };
  }
}
