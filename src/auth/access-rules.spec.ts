import type { AppError } from '../common/app-error.js';
import {
  ADMIN_ACTING,
  ADMIN_ONLY,
  ANY_KEY,
  ANY_KEY_OR_PLATFORM,
  PUBLIC_ONLY,
  SECRET_KEY_ONLY,
  SECRET_OR_PLATFORM,
  SECRET_ROUTE,
} from './access.decorator.js';
import { assertMayCall, type KeyClaims, type RouteRule } from './access-rules.js';

function codeOf(route: RouteRule, key: KeyClaims): string {
  try {
    assertMayCall(route, key);
    return 'passes';
  } catch (error) {
    return (error as AppError).code;
  }
}

const KEYS: Record<string, KeyClaims> = {
  public: { kind: 'public' },
  secret: { kind: 'secret', scopes: null },
  reader: { kind: 'restricted', scopes: ['read'] },
  unscoped: { kind: 'restricted', scopes: ['logs:write'] },
  admin: { kind: 'admin' },
};

describe('assertMayCall, as the table of kinds says', () => {
  it.each<[string, RouteRule, Record<string, string>]>([
    [
      'a secret route',
      { kinds: SECRET_ROUTE, scope: 'events:read' },
      { public: 'secret_key_required', unscoped: 'insufficient_scope' },
    ],
    [
      'writing',
      { kinds: SECRET_ROUTE, scope: 'events:write' },
      { public: 'secret_key_required', reader: 'insufficient_scope', unscoped: 'insufficient_scope' },
    ],
    [
      'webhook secrets',
      { kinds: SECRET_ROUTE, scope: 'webhook_secrets:read' },
      { public: 'secret_key_required', reader: 'insufficient_scope', unscoped: 'insufficient_scope' },
    ],
    [
      'api-keys',
      { kinds: SECRET_KEY_ONLY },
      { public: 'secret_key_required', reader: 'secret_key_required', unscoped: 'secret_key_required' },
    ],
    [
      'a batch',
      { kinds: SECRET_OR_PLATFORM, scope: 'events:write' },
      { public: 'secret_key_required', reader: 'insufficient_scope', unscoped: 'insufficient_scope' },
    ],
    ['the account', { kinds: ANY_KEY }, {}],
    ['event types', { kinds: ANY_KEY_OR_PLATFORM }, {}],
    [
      'admin routes',
      { kinds: ADMIN_ONLY },
      {
        public: 'admin_key_required',
        secret: 'admin_key_required',
        reader: 'admin_key_required',
        unscoped: 'admin_key_required',
      },
    ],
    [
      'erase',
      { kinds: ADMIN_ACTING },
      {
        public: 'admin_key_required',
        secret: 'admin_key_required',
        reader: 'admin_key_required',
        unscoped: 'admin_key_required',
      },
    ],
    [
      'client routes',
      { kinds: PUBLIC_ONLY },
      {
        secret: 'public_key_required',
        reader: 'public_key_required',
        unscoped: 'public_key_required',
        admin: 'public_key_required',
      },
    ],
  ])('%s', (_name, route, refusals) => {
    const expected = Object.fromEntries(Object.keys(KEYS).map((name) => [name, refusals[name] ?? 'passes']));
    expect(Object.fromEntries(Object.entries(KEYS).map(([name, key]) => [name, codeOf(route, key)]))).toEqual(expected);
  });

  it('names the missing scope', () => {
    expect(() => assertMayCall({ kinds: SECRET_ROUTE, scope: 'stats:read' }, KEYS.unscoped!)).toThrow(/stats:read/);
  });
});
