import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import type { ApiKeyKind } from '../auth/api-key.js';
import type { Mode, Tenant } from '../auth/caller.js';
import type { Scope } from '../auth/scopes.js';
import { Database, type Statement } from '../database/database.js';

export type ApiKeyStatus = 'active' | 'expiring' | 'expired' | 'revoked';

/** A key as it is shown; its hashes are never read here. */
export interface ApiKeyRow {
  readonly id: string;
  readonly account_id: string;
  readonly mode: Mode;
  readonly kind: ApiKeyKind;
  readonly name: string;
  readonly status: ApiKeyStatus;
  /** The whole key; public ones only. */
  readonly public_key: string | null;
  readonly preview: string;
  readonly scopes: Scope[] | null;
  readonly allowed_ips: string[];
  readonly allowed_origins: string[];
  readonly replaced_by: string | null;
  /** A bigint, as text. */
  readonly requests_since_replaced: string;
  readonly last_used_at: Date | null;
  readonly last_used_ip: string | null;
  readonly last_used_user_agent: string | null;
  readonly created_at: Date;
  readonly expires_at: Date | null;
  readonly revoked_at: Date | null;
}

/** Everything of a new key that is stored. */
export interface NewKey {
  readonly id: string;
  readonly kind: ApiKeyKind;
  readonly name: string;
  readonly publicPart: string;
  readonly publicKey: string | null;
  readonly preview: string;
  readonly pepperId: string;
  readonly hmac: Buffer;
  readonly argon2Hash: string | null;
  readonly scopes: readonly Scope[] | null;
  readonly allowedIps: readonly string[];
  readonly allowedOrigins: readonly string[];
  readonly expiresAt: string | null;
}

export interface KeyChange {
  readonly name?: string;
  readonly allowedIps?: readonly string[];
  readonly allowedOrigins?: readonly string[];
}

/** The ids of the pair that takes over. */
export interface NewPairIds {
  readonly publicKeyId: string;
  readonly secretKeyId: string;
}

// `status` is judged by the database's clock, as verification is.
const COLUMNS = `
  k.id, k.account_id, k.mode, k.kind, k.name, k.public_key, k.preview, k.scopes, k.allowed_ips, k.allowed_origins,
  k.replaced_by, k.requests_since_replaced, k.last_used_at, k.last_used_ip, k.last_used_user_agent,
  k.created_at, k.expires_at, k.revoked_at,
  CASE WHEN k.revoked_at IS NOT NULL THEN 'revoked'
       WHEN k.expires_at <= now() THEN 'expired'
       WHEN k.replaced_by IS NOT NULL THEN 'expiring'
       ELSE 'active' END AS status`;
const IS_CURRENT = `k.replaced_by IS NULL AND k.revoked_at IS NULL`;
const REPLACEMENT = `CASE k.kind WHEN 'public' THEN $3::uuid ELSE $4::uuid END`;

const STATEMENTS = {
  find: `SELECT ${COLUMNS} FROM signalpost.api_keys k WHERE k.account_id = $1 AND k.mode = $2 AND k.id = $3`,
  listBefore: `
    SELECT ${COLUMNS} FROM signalpost.api_keys k
     WHERE k.account_id = $1 AND k.mode = $2 AND ($3::uuid IS NULL OR k.id < $3) ORDER BY k.id DESC LIMIT $4`,
  listAfter: `
    SELECT ${COLUMNS} FROM signalpost.api_keys k
     WHERE k.account_id = $1 AND k.mode = $2 AND k.id > $3 ORDER BY k.id LIMIT $4`,
  // Held to commit: of two regenerations the second sees the pair of the first, so one current pair remains. Row locks
  // would not do, for they show the second a snapshot without the first one's new rows.
  lock: `SELECT pg_advisory_xact_lock(hashtextextended('signalpost.api_keys ' || $1 || ' ' || $2, 0))`,
  currentPair: `
    SELECT ${COLUMNS} FROM signalpost.api_keys k
     WHERE k.account_id = $1 AND k.mode = $2 AND k.kind IN ('public', 'secret') AND ${IS_CURRENT}`,
  endAllPairs: `
    UPDATE signalpost.api_keys k SET revoked_at = now(), replaced_by = coalesce(k.replaced_by, ${REPLACEMENT})
     WHERE k.account_id = $1 AND k.mode = $2 AND k.kind IN ('public', 'secret')
       AND k.revoked_at IS NULL AND (k.expires_at IS NULL OR k.expires_at > now())`,
  expireCurrentPair: `
    UPDATE signalpost.api_keys k SET expires_at = now() + make_interval(secs => $5), replaced_by = ${REPLACEMENT}
     WHERE k.account_id = $1 AND k.mode = $2 AND k.kind IN ('public', 'secret') AND ${IS_CURRENT}`,
  countRestricted: `
    SELECT count(*)::int AS count FROM signalpost.api_keys k
     WHERE k.account_id = $1 AND k.mode = $2 AND k.kind = 'restricted' AND ${IS_CURRENT}
       AND (k.expires_at IS NULL OR k.expires_at > now())`,
  insertKey: `
    INSERT INTO signalpost.api_keys (
      account_id, mode, id, kind, name, public_part, public_key, preview, pepper_id, hmac, argon2_hash,
      scopes, allowed_ips, allowed_origins, expires_at
    ) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)`,
  insertLookup: `INSERT INTO signalpost.key_lookup (public_part, account_id, mode, key_id) VALUES ($1, $2, $3, $4)`,
  change: `
    UPDATE signalpost.api_keys k
       SET name = coalesce($4, k.name), allowed_ips = coalesce($5, k.allowed_ips),
           allowed_origins = coalesce($6, k.allowed_origins)
     WHERE k.account_id = $1 AND k.mode = $2 AND k.id = $3 RETURNING ${COLUMNS}`,
  revoke: `
    UPDATE signalpost.api_keys k SET revoked_at = now()
     WHERE k.account_id = $1 AND k.mode = $2 AND k.id = $3 AND k.revoked_at IS NULL
       AND (k.expires_at IS NULL OR k.expires_at > now()) RETURNING ${COLUMNS}`,
} as const;

function named(name: keyof typeof STATEMENTS): Statement {
  return { name: `keys.${name}`, text: STATEMENTS[name] };
}

@Injectable()
export class KeysRepository {
  constructor(private readonly database: Database) {}

  async find({ accountId, mode }: Tenant, id: string, manager?: EntityManager): Promise<ApiKeyRow | null> {
    const [row] = await this.database.rows<ApiKeyRow>(named('find'), [accountId, mode, id], manager);
    return row ?? null;
  }

  /** Up to `count` keys, newest first before `startingAfter`, or oldest first after `endingBefore`. */
  list(
    { accountId, mode }: Tenant,
    page: { readonly startingAfter: string | null; readonly endingBefore: string | null; readonly count: number },
  ): Promise<ApiKeyRow[]> {
    const statement = named(page.endingBefore ? 'listAfter' : 'listBefore');
    return this.database.rows(statement, [accountId, mode, page.endingBefore ?? page.startingAfter, page.count]);
  }

  async lock({ accountId, mode }: Tenant, manager: EntityManager): Promise<void> {
    await this.database.rows(named('lock'), [accountId, mode], manager);
  }

  /** The current public and secret key. */
  currentPair({ accountId, mode }: Tenant, manager: EntityManager): Promise<ApiKeyRow[]> {
    return this.database.rows(named('currentPair'), [accountId, mode], manager);
  }

  /** Revokes every public and secret key that could still be used, also those in an overlap. */
  async endAllPairs({ accountId, mode }: Tenant, next: NewPairIds, manager: EntityManager): Promise<void> {
    await this.database.rows(named('endAllPairs'), [accountId, mode, next.publicKeyId, next.secretKeyId], manager);
  }

  /** Lets the current pair end in `seconds`; earlier ones keep their own end. */
  async expireCurrentPair(
    { accountId, mode }: Tenant,
    next: NewPairIds,
    seconds: number,
    manager: EntityManager,
  ): Promise<void> {
    const values = [accountId, mode, next.publicKeyId, next.secretKeyId, seconds];
    await this.database.rows(named('expireCurrentPair'), values, manager);
  }

  async countRestricted({ accountId, mode }: Tenant, manager: EntityManager): Promise<number> {
    const [row] = await this.database.rows<{ count: number }>(named('countRestricted'), [accountId, mode], manager);
    return row!.count;
  }

  async insert(tenant: Tenant, key: NewKey, manager: EntityManager): Promise<ApiKeyRow> {
    const { accountId, mode } = tenant;
    const stored = [
      key.kind,
      key.name,
      key.publicPart,
      key.publicKey,
      key.preview,
      key.pepperId,
      key.hmac,
      key.argon2Hash,
    ];
    const rules = [key.scopes, key.allowedIps, key.allowedOrigins, key.expiresAt];
    await this.database.rows(named('insertKey'), [accountId, mode, key.id, ...stored, ...rules], manager);
    await this.database.rows(named('insertLookup'), [key.publicPart, accountId, mode, key.id], manager);
    return (await this.find(tenant, key.id, manager))!;
  }

  /** The key as changed; null when there is none. */
  async change(
    { accountId, mode }: Tenant,
    id: string,
    change: KeyChange,
    manager: EntityManager,
  ): Promise<ApiKeyRow | null> {
    const values = [change.name ?? null, change.allowedIps ?? null, change.allowedOrigins ?? null];
    const [row] = await this.database.rows<ApiKeyRow>(named('change'), [accountId, mode, id, ...values], manager);
    return row ?? null;
  }

  /** Ends a key that could still be used; null when it could not. */
  async revoke({ accountId, mode }: Tenant, id: string, manager: EntityManager): Promise<ApiKeyRow | null> {
    const [row] = await this.database.rows<ApiKeyRow>(named('revoke'), [accountId, mode, id], manager);
    return row ?? null;
  }
}
