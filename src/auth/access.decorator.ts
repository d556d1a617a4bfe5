import { applyDecorators, SetMetadata } from '@nestjs/common';
import { ApiBearerAuth, ApiExtension, ApiHeader, ApiResponse } from '@nestjs/swagger';
import { ERROR_CODES, type ErrorCode } from '../common/app-error.js';
import type { AccessKind } from './access-rules.js';
import type { LimitedAction } from './limits/rate-limits.js';
import type { Scope } from './scopes.js';

/** A secret key, a restricted one with the route's scope, or admin acting for the account. */
export const SECRET_ROUTE = ['secret', 'restricted', 'admin'] as const satisfies readonly AccessKind[];
/** As `SECRET_ROUTE`, without restricted keys: API keys themselves. */
export const SECRET_KEY_ONLY = ['secret', 'admin'] as const satisfies readonly AccessKind[];
/** As `SECRET_ROUTE`, and an admin key without acting headers: batches, which name accounts themselves. */
export const SECRET_OR_PLATFORM = [...SECRET_ROUTE, 'platform'] as const satisfies readonly AccessKind[];
/** Every key, admin only while acting for an account. */
export const ANY_KEY = ['public', 'secret', 'restricted', 'admin'] as const satisfies readonly AccessKind[];
/** Every key, admin with or without acting headers: event types. */
export const ANY_KEY_OR_PLATFORM = [...ANY_KEY, 'platform'] as const satisfies readonly AccessKind[];
/** `/v1/admin/*`: an admin key; acting headers change nothing. */
export const ADMIN_ONLY = ['platform'] as const satisfies readonly AccessKind[];
/** An admin key acting for an account. */
export const ADMIN_ACTING = ['admin'] as const satisfies readonly AccessKind[];
/** `/v1/client/*`: public keys alone. */
export const PUBLIC_ONLY = ['public'] as const satisfies readonly AccessKind[];

export interface AccessOptions {
  readonly kinds: readonly AccessKind[];
  /** What a restricted key needs; required wherever restricted keys are let in and public ones are not. */
  readonly scope?: Scope;
  /** Whether a client token must come with the key; the handler's caller is a `ClientCaller` then. */
  readonly clientToken?: boolean;
  /** Codes of this route beyond those of its kinds and of its body, for the document. */
  readonly errors?: readonly ErrorCode[];
  /** A limit of its own, counted before the body is read. */
  readonly limit?: LimitedAction;
}

/** A token as it looks; no key made it. */
export const CLIENT_TOKEN_EXAMPLE = 'ct_AABqfLxAY29sXzE.Kq3vN0t6mZ2bX8cR1yW5hJ7uLp4sD9fGaQeToViBkMw';

const ACCESS = Symbol('access');
const OPEN = 'open';

/** States who may call a route: the guard enforces it, and the OpenAPI document shows it with its errors. */
export function Access(options: AccessOptions): MethodDecorator {
  const { kinds, scope } = options;
  if (kinds.includes('restricted') && !kinds.includes('public') && !scope) {
    throw new Error('A route that restricted keys may call needs a scope.');
  }
  return applyDecorators(
    SetMetadata(ACCESS, options),
    ...securityOf(kinds),
    ...(kinds.includes('admin') ? actingHeaders(!kinds.includes('platform') && kinds.length === 1) : []),
    ...(options.clientToken ? [clientTokenHeader()] : []),
    ...(scope ? [ApiExtension('x-required-scope', scope)] : []),
    ...problemResponses([...codesOf(options), ...(options.errors ?? [])]),
  );
}

/** A route that needs no key: health, documents, public keys of endpoints. */
export function Open(): MethodDecorator & ClassDecorator {
  return SetMetadata(ACCESS, OPEN);
}

/** What `@Access` or `@Open` said of a handler; null when neither stands there. */
export function accessOf(handler: object, controller: object): AccessOptions | typeof OPEN | null {
  return (Reflect.getMetadata(ACCESS, handler) ?? Reflect.getMetadata(ACCESS, controller) ?? null) as
    AccessOptions | typeof OPEN | null;
}

const SECURITY_NAMES: Record<AccessKind, string> = {
  public: 'public_key',
  secret: 'secret_key',
  restricted: 'restricted_key',
  admin: 'admin_key',
  platform: 'admin_key',
};

function securityOf(kinds: readonly AccessKind[]): MethodDecorator[] {
  return [...new Set(kinds.map((kind) => SECURITY_NAMES[kind]))].map((name) => ApiBearerAuth(name));
}

function actingHeaders(required: boolean): MethodDecorator[] {
  const only = 'With an admin key only';
  return [
    ApiHeader({
      name: 'Signalpost-Account',
      required,
      // Without an example: `/docs` would send it with every try, and it is refused from other keys.
      description: `${only}: the account to act for, such as acct_01k96sd3k8e2r9wq6m4h0v5xtz.`,
      schema: { type: 'string', pattern: '^acct_[0-9a-z]{26}$' },
    }),
    ApiHeader({
      name: 'Signalpost-Mode',
      required,
      description: `${only}: the mode to act in.`,
      schema: { type: 'string', enum: ['test', 'live'] },
    }),
    ApiHeader({
      name: 'Signalpost-Actor',
      required: false,
      description: `${only}: the person who acts, for the logs.`,
      schema: { type: 'string', maxLength: 200 },
    }),
  ];
}

function clientTokenHeader(): MethodDecorator {
  return ApiHeader({
    name: 'Signalpost-Client-Token',
    required: true,
    description: 'The token that your server got by `POST /v1/operations/{id}/client-token`.',
    schema: { type: 'string', maxLength: 226, example: CLIENT_TOKEN_EXAMPLE },
  });
}

function codesOf({ kinds, scope, clientToken }: AccessOptions): ErrorCode[] {
  const codes: ErrorCode[] = [
    'key_in_query',
    'missing_api_key',
    'invalid_api_key',
    'rate_limited',
    'internal',
    'unavailable',
  ];
  codes.push('admin_header', 'secret_key_in_browser');
  if (kinds.some((kind) => kind !== 'admin' && kind !== 'platform')) {
    codes.push('api_key_revoked', 'api_key_expired', 'account_suspended', 'ip_not_allowed');
  }
  if (kinds.includes('public')) codes.push('origin_not_allowed');
  else codes.push(kinds.includes('secret') ? 'secret_key_required' : 'admin_key_required');
  if (!kinds.includes('secret') && kinds.includes('public')) codes.push('public_key_required');
  if (clientToken) codes.push('invalid_client_token', 'client_token_expired');
  if (scope) codes.push('insufficient_scope');
  if (kinds.includes('admin')) codes.push('not_found');
  if (kinds.includes('admin') && !kinds.includes('platform')) codes.push('acting_headers_required');
  return codes;
}

/** One documented response per status, which lists its codes. */
export function problemResponses(codes: readonly ErrorCode[]): MethodDecorator[] {
  const byStatus = new Map<number, Set<ErrorCode>>();
  for (const code of codes) {
    const [status] = ERROR_CODES[code];
    byStatus.set(status, (byStatus.get(status) ?? new Set()).add(code));
  }
  return [...byStatus].map(([status, ofStatus]) =>
    ApiResponse({
      status,
      description: [...ofStatus].map((code) => `\`${code}\`: ${ERROR_CODES[code][2]}`).join('\n\n'),
      content: { 'application/problem+json': { schema: { $ref: '#/components/schemas/Problem' } } },
    }),
  );
}
