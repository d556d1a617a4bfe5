import { Injectable } from '@nestjs/common';
import type { AccountStatus, Locale } from '../../accounts/account.js';
import { Database, type Statement } from '../../database/database.js';
import type { ApiKeyKind } from '../api-key.js';
import type { Mode } from '../caller.js';
import type { Scope } from '../scopes.js';
import type { PepperedHmac } from './key-fingerprints.js';

/** A key as the database holds it, with what its account allows; nothing in it proves the caller's secret. */
export interface StoredKey {
  readonly id: string;
  readonly account_id: string;
  readonly mode: Mode;
  readonly kind: ApiKeyKind;
  readonly name: string;
  readonly preview: string;
  /** The whole key; public ones only. */
  readonly public_key: string | null;
  readonly pepper_id: string;
  readonly hmac: Buffer;
  /** Null for public keys, which are no secret. */
  readonly argon2_hash: string | null;
  readonly scopes: readonly Scope[] | null;
  readonly allowed_ips: readonly string[];
  readonly allowed_origins: readonly string[];
  readonly replaced: boolean;
  readonly revoked: boolean;
  /** Milliseconds until its end by the database's clock, negative after it; null: no end. */
  readonly expires_in_ms: number | null;
  readonly account_status: AccountStatus;
  readonly locale: Locale;
  readonly live_publishing: boolean;
}

// One round trip, three look-ups by primary key; the row is taken as committed, without a lock: what changes after it
// is announced, and drops what was remembered.
const FIND_BY_PUBLIC_PART: Statement = {
  name: 'auth.find_key_by_public_part',
  text: `
    SELECT k.id, k.account_id, k.mode, k.kind, k.name, k.preview, k.public_key, k.pepper_id, k.hmac, k.argon2_hash,
           k.scopes, k.allowed_ips, k.allowed_origins, k.replaced_by IS NOT NULL AS replaced,
           k.revoked_at IS NOT NULL AS revoked,
           (extract(epoch FROM k.expires_at - clock_timestamp()) * 1000)::float8 AS expires_in_ms,
           a.status AS account_status, a.locale, a.live_publishing
      FROM signalpost.key_lookup l
      JOIN signalpost.api_keys k ON k.account_id = l.account_id AND k.mode = l.mode AND k.id = l.key_id
      JOIN signalpost.accounts a ON a.id = l.account_id
     WHERE l.public_part = $1`,
};

// By primary key; a row that another process has moved meanwhile stays as that one left it.
const MOVE_TO_PEPPER: Statement = {
  name: 'auth.move_key_to_pepper',
  text: `
    UPDATE signalpost.api_keys k SET pepper_id = $5, hmac = $6
     WHERE k.account_id = $1 AND k.mode = $2 AND k.id = $3 AND k.pepper_id = $4`,
};

@Injectable()
export class StoredKeyRepository {
  constructor(private readonly database: Database) {}

  async findByPublicPart(publicPart: string): Promise<StoredKey | null> {
    const [row] = await this.database.rows<StoredKey>(FIND_BY_PUBLIC_PART, [publicPart]);
    return row ?? null;
  }

  async moveToPepper(row: StoredKey, { pepperId, hmac }: PepperedHmac): Promise<void> {
    const { account_id, mode, id, pepper_id } = row;
    await this.database.rows(MOVE_TO_PEPPER, [account_id, mode, id, pepper_id, pepperId, hmac]);
  }
}
