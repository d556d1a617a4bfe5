import { AppError } from '../../common/app-error.js';
import type { Locale } from '../../accounts/account.js';
import type { ApiKeyKind } from '../api-key.js';
import { isOriginAllowed } from '../browser/browser-rule.js';
import type { Mode } from '../caller.js';
import type { Scope } from '../scopes.js';
import { type AddressTest, compileAddressList } from './address-list.js';
import type { StoredKey } from './stored-key.repository.js';

/** A key whose secret was proved; whether it may still be used is asked at every use (`assertUsable`). */
export interface VerifiedKey {
  readonly kind: ApiKeyKind;
  readonly id: string;
  readonly accountId: string;
  readonly mode: Mode;
  readonly name: string;
  /** `sk_live_…4f2a`. */
  readonly preview: string;
  readonly scopes: readonly Scope[] | null;
  readonly locale: Locale;
  readonly livePublishing: boolean;
  readonly allowedOrigins: readonly string[];
  /** Null: every address. */
  readonly allowsAddress: AddressTest | null;
  readonly replaced: boolean;
  readonly revoked: boolean;
  readonly accountSuspended: boolean;
  /** On this process's monotonic clock, set from the database's; Infinity: no end. */
  readonly expiresAtMs: number;
}

export function toVerifiedKey(row: StoredKey, readAtMs: number): VerifiedKey {
  return {
    kind: row.kind,
    id: row.id,
    accountId: row.account_id,
    mode: row.mode,
    name: row.name,
    preview: row.preview,
    scopes: row.scopes,
    locale: row.locale,
    livePublishing: row.live_publishing,
    allowedOrigins: row.allowed_origins,
    allowsAddress: compileAddressList(row.allowed_ips),
    replaced: row.replaced,
    revoked: row.revoked,
    accountSuspended: row.account_status === 'suspended',
    expiresAtMs: row.expires_in_ms === null ? Infinity : readAtMs + row.expires_in_ms,
  };
}

/**
 * @throws AppError `api_key_revoked`, `api_key_expired`, `account_suspended`, `ip_not_allowed`, `origin_not_allowed`.
 */
export function assertUsable(key: VerifiedKey, nowMs: number, ip: string, origin: string | undefined): void {
  if (key.revoked) throw new AppError('api_key_revoked');
  if (nowMs >= key.expiresAtMs) throw new AppError('api_key_expired');
  if (key.accountSuspended) throw new AppError('account_suspended');
  if (key.allowsAddress && !key.allowsAddress(ip)) throw new AppError('ip_not_allowed');
  if (key.kind === 'public' && !isOriginAllowed(origin, key.allowedOrigins)) throw new AppError('origin_not_allowed');
}
