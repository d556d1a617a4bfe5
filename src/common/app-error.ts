/** One wrong field of a request; `field` is a path such as `operation.amount` or a parameter's name. */
export interface FieldError {
  readonly field: string;
  readonly code: string;
  readonly message: string;
}

/** An answer must not outgrow its request: a short unknown name costs the caller less than it costs to name it. */
const MAX_NAMED_FIELDS = 20;
const MAX_FIELD_LENGTH = 256;

/** Every code that an answer can carry, with its status, its title and the sentence shown at `/docs/errors`. */
export const ERROR_CODES = {
  malformed_json: [400, 'Malformed JSON', 'The body is not valid JSON in UTF-8, or an object names a key twice.'],
  malformed_request: [400, 'Malformed request', 'The request is not valid HTTP, or broke off before its end.'],
  body_required: [400, 'Body required', 'This operation needs a JSON object as its body.'],
  key_in_query: [400, 'Key in query string', 'An API key was sent in the query string; send it as a bearer token.'],
  admin_header: [
    400,
    'Misplaced admin header',
    'Signalpost-* headers need an admin key, and account and mode together.',
  ],
  acting_headers_required: [
    400,
    'Account and mode required',
    'An admin key on this route needs Signalpost-Account and Signalpost-Mode.',
  ],
  missing_api_key: [401, 'Missing API key', 'Send Authorization: Bearer <key>.'],
  invalid_api_key: [401, 'Invalid API key', 'The key is malformed, unknown or wrong.'],
  api_key_revoked: [401, 'API key revoked', 'The key was revoked.'],
  api_key_expired: [401, 'API key expired', 'The key is past its end.'],
  invalid_client_token: [401, 'Invalid client token', 'The client token is missing or forged.'],
  client_token_expired: [401, 'Client token expired', 'The client token is past its end; ask your server for another.'],
  secret_key_required: [403, 'Secret key required', 'This route is for secret keys.'],
  public_key_required: [403, 'Public key required', 'This route is for public keys.'],
  admin_key_required: [403, 'Admin key required', 'This route is for admin keys.'],
  insufficient_scope: [403, 'Insufficient scope', 'The restricted key lacks the scope that this route needs.'],
  account_suspended: [403, 'Account suspended', 'The account is suspended; ask the platform.'],
  ip_not_allowed: [403, 'Address not allowed', 'The key does not allow requests from this address.'],
  origin_not_allowed: [403, 'Origin not allowed', 'The public key does not allow this origin.'],
  secret_key_in_browser: [
    403,
    'Secret key in a browser',
    'A key that must stay on servers was used from a web page: regenerate it.',
  ],
  event_type_reserved: [403, 'Event type reserved', 'Only the system publishes events of this type.'],
  live_publishing_disabled: [
    403,
    'Live publishing disabled',
    'In live mode only the platform publishes for this account.',
  ],
  not_found: [404, 'Not found', 'There is no such route or object in this account and mode.'],
  method_not_allowed: [405, 'Method not allowed', 'The route exists for other methods; see the Allow header.'],
  limit_reached: [409, 'Limit reached', 'The account has as many of these as it may have.'],
  delivery_ended: [409, 'Delivery ended', 'The delivery has ended and never changes.'],
  endpoint_disabled: [409, 'Endpoint disabled', 'The webhook endpoint is disabled; enable it first.'],
  request_timeout: [408, 'Request timeout', 'The request did not arrive in time.'],
  external_id_conflict: [409, 'Conflict', 'The external_id was used before with other content.'],
  operation_conflict: [409, 'Operation conflict', 'The kind and the currency of an operation never change.'],
  idempotency_in_progress: [409, 'Request in progress', 'A request with this Idempotency-Key is still running.'],
  use_regenerate: [409, 'Use regenerate', 'A current key pair is replaced, not revoked: POST /v1/api-keys/regenerate.'],
  no_shared_secret: [409, 'No shared secret', 'An ed25519 endpoint has a public key instead of a shared secret.'],
  event_type_built_in: [409, 'Built-in event type', 'Built-in event types cannot be changed.'],
  event_type_exists: [409, 'Event type exists', 'An event type of this name exists.'],
  event_type_in_use: [409, 'Event type in use', 'Webhook endpoints name this event type.'],
  expired: [410, 'Expired', 'The object is older than the retention.'],
  body_too_large: [413, 'Body too large', 'The body is over the limit of this route.'],
  unsupported_media_type: [415, 'Unsupported media type', 'Send application/json.'],
  invalid_input: [422, 'Invalid input', 'Fields or parameters are wrong; errors names the first 20.'],
  idempotency_key_reused: [422, 'Idempotency key reused', 'The Idempotency-Key was used before with another body.'],
  headers_too_large: [431, 'Headers too large', 'The URL and the headers together are over 16 KiB.'],
  rate_limited: [429, 'Too many requests', 'Wait as Retry-After says.'],
  internal: [500, 'Internal error', 'Something went wrong here; the request id helps us find it.'],
  unavailable: [503, 'Unavailable', 'The service cannot answer right now; try again.'],
} as const satisfies Record<string, readonly [status: number, title: string, description: string]>;
export type ErrorCode = keyof typeof ERROR_CODES;

export interface AppErrorOptions {
  readonly errors?: readonly FieldError[];
  /** Headers of the answer, for instance `Retry-After`. */
  readonly headers?: Readonly<Record<string, string>>;
  readonly cause?: unknown;
}

/** An outcome that the caller is told: `code` is stable, `detail` is one sentence for a person. */
export class AppError extends Error {
  readonly status: number;
  readonly title: string;
  readonly errors: readonly FieldError[];
  readonly headers: Readonly<Record<string, string>>;

  constructor(
    readonly code: ErrorCode,
    readonly detail: string = ERROR_CODES[code][2],
    options: AppErrorOptions = {},
  ) {
    super(detail, { cause: options.cause });
    this.name = 'AppError';
    this.status = ERROR_CODES[code][0];
    this.title = ERROR_CODES[code][1];
    this.errors = options.errors ?? [];
    this.headers = options.headers ?? {};
  }

  /** 422 `invalid_input` that counts the wrong fields and names the first 20. */
  static invalid(errors: readonly FieldError[]): AppError {
    const count = errors.length === 1 ? '1 field is wrong' : `${errors.length} fields are wrong`;
    const more = errors.length > MAX_NAMED_FIELDS ? `; the first ${MAX_NAMED_FIELDS} are named` : '';
    return new AppError('invalid_input', `${count}${more}.`, {
      errors: errors
        .slice(0, MAX_NAMED_FIELDS)
        .map((error) => ({ ...error, field: error.field.slice(0, MAX_FIELD_LENGTH) })),
    });
  }
}
