/** The built-in types that anyone who may publish may publish; each names its operation's kind and status. */
export const OPERATION_EVENT_TYPES = [
  'payment.pending',
  'payment.succeeded',
  'payment.failed',
  'payment.refunded',
  'payment.cancelled',
  'collect.pending',
  'collect.succeeded',
  'collect.failed',
  'collect.expired',
  'collect.cancelled',
] as const;

/** The built-in types that only this service publishes: 403 `event_type_reserved` for everyone else. */
export const SYSTEM_EVENT_TYPES = [
  'webhook_endpoint.disabled',
  'delivery.exhausted',
  'api_key.regenerated',
  'api_key.revoked',
  'api_key.secret_key_exposed',
] as const;

export const BUILT_IN_EVENT_TYPES = [...OPERATION_EVENT_TYPES, ...SYSTEM_EVENT_TYPES] as const;
export type BuiltInEventType = (typeof BUILT_IN_EVENT_TYPES)[number];

export const MAX_EVENT_TYPE_LENGTH = 64;
/** `noun.verb`; together with `MAX_EVENT_TYPE_LENGTH`. */
export const EVENT_TYPE_PATTERN = /^[a-z][a-z0-9_]*\.[a-z][a-z0-9_]*$/;
/** What a filter or an endpoint may name: a type, or every type of a noun. Endpoints also take `*`. */
export const EVENT_TYPE_OR_NOUN_PATTERN = /^[a-z][a-z0-9_]*\.([a-z][a-z0-9_]*|\*)$/;
