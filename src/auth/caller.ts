import type { Locale } from '../accounts/account.js';
import type { Scope } from './scopes.js';

export type Mode = 'test' | 'live';
export type KeyKind = 'public' | 'secret' | 'restricted' | 'admin';

/** Who makes a request, as the guard proved it. */
export interface Caller {
  readonly kind: KeyKind;
  /** Null only for an admin key on a route that acts for no account. */
  readonly accountId: string | null;
  readonly mode: Mode | null;
  /** The key's uuid; null for admin keys, which are configuration. */
  readonly apiKeyId: string | null;
  /** The key's name, or `Signalpost-Actor` when given. */
  readonly actorName: string;
  /** The configured name of an admin key, else null. */
  readonly adminKeyName: string | null;
  /** Null: every scope of its kind. */
  readonly scopes: readonly Scope[] | null;
  readonly locale: Locale;
  readonly livePublishing: boolean;
  readonly ip: string;
}

/** A caller on a route that acts inside one account and mode. */
export interface TenantCaller extends Caller {
  readonly accountId: string;
  readonly mode: Mode;
}

/** A caller on a route that asks for a client token. */
export interface ClientCaller extends TenantCaller {
  /** The one operation that the token is for. */
  readonly clientOperationId: string;
}

/** The pair that everything a key reads or writes stays inside; the first two parts of every tenant table's key. */
export interface Tenant {
  readonly accountId: string;
  readonly mode: Mode;
}

/** `<account> <mode>`: the tenant as a key of maps, and as notices of publishes name it. */
export function tenantKey({ accountId, mode }: Tenant): string {
  return `${accountId} ${mode}`;
}
