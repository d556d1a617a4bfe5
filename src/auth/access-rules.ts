import { AppError } from '../common/app-error.js';
import type { KeyKind } from './caller.js';
import { allows, type Scope } from './scopes.js';

/** Who may call a route. `admin` acts for an account by its two headers; `platform` is an admin key without them. */
export type AccessKind = KeyKind | 'platform';

/** The route's side of the rule. */
export interface RouteRule {
  readonly kinds: readonly AccessKind[];
  readonly scope?: Scope;
}

/** The caller's side. */
export interface KeyClaims {
  readonly kind: KeyKind;
  readonly scopes?: readonly Scope[] | null;
}

/**
 * Lets a key through to a route or says which kind it needs.
 * @throws AppError `public_key_required`, `admin_key_required`, `secret_key_required`, `insufficient_scope`.
 */
export function assertMayCall(route: RouteRule, key: KeyClaims): void {
  if (!admits(route.kinds, key.kind)) throw refusalOf(route.kinds);
  if (key.kind === 'restricted' && route.scope && !allows(key.scopes ?? [], route.scope)) {
    throw new AppError('insufficient_scope', `The restricted key lacks the scope ${route.scope}.`);
  }
}

function admits(kinds: readonly AccessKind[], kind: KeyKind): boolean {
  return kinds.includes(kind) || (kind === 'admin' && kinds.includes('platform'));
}

function refusalOf(kinds: readonly AccessKind[]): AppError {
  if (kinds.includes('secret')) return new AppError('secret_key_required');
  return new AppError(kinds.includes('public') ? 'public_key_required' : 'admin_key_required');
}
