export type KnownKind = 'payment' | 'collect';
export type KnownStatus = 'pending' | 'succeeded' | 'failed' | 'refunded' | 'expired' | 'cancelled';
/** Why a request of a webhook got no usable answer. */
export type AttemptErrorCode =
  'policy' | 'dns' | 'connect' | 'tls' | 'timeout' | 'reset' | 'protocol' | 'too_large_headers';
/** Ends of a delivery that no answer explains. */
export type DeliveryEnd = 'poison' | 'expired' | 'cancelled_by_user' | 'endpoint_disabled' | 'endpoint_deleted';
export type EndpointAction =
  | 'created'
  | 'updated'
  | 'deleted'
  | 'enabled'
  | 'disabled'
  | 'disabled_gone'
  | 'disabled_failing'
  | 'secret_read'
  | 'secret_rotated';
export type RecoveryAction = 'started' | 'done' | 'cancelled' | 'cancelled_disabled' | 'cancelled_deleted';
export type KeyAction = 'created' | 'regenerated' | 'revoked' | 'updated' | 'refused_in_browser';
export type AccountAction = 'created' | 'updated' | 'suspended' | 'reactivated';
export type EventTypeAction = 'created' | 'updated' | 'retired' | 'deleted';
export type SystemEvent =
  | 'webhook_endpoint.disabled'
  | 'delivery.exhausted'
  | 'api_key.regenerated'
  | 'api_key.revoked'
  | 'api_key.secret_key_exposed';

type Template<Name extends string> = Readonly<Record<Name, (subject: string) => string>>;

/** Every sentence of the logs in one language. Parts come in ready to be shown; a null wait means "now". */
export interface Templates {
  readonly colon: string;
  readonly separator: string;
  readonly kinds: Readonly<Record<KnownKind, string>>;
  readonly statuses: Readonly<Record<KnownStatus, string>>;
  readonly ofAmount: (subject: string, amount: string) => string;
  readonly late: string;
  readonly customEvent: (type: string) => string;
  readonly customEventOf: (type: string, operation: string) => string;
  readonly eventRefused: (type: string | null, reason: string) => string;
  readonly systemEvents: Readonly<Record<SystemEvent, string>>;

  readonly webhookTo: (address: string) => string;
  readonly delivered: (webhook: string, attempts: number) => string;
  readonly failedRetrying: (webhook: string, outcome: string, wait: string) => string;
  readonly failedGone: (webhook: string, outcome: string) => string;
  readonly failedExhausted: (webhook: string, outcome: string, attempts: number) => string;
  readonly deliveryEnds: Template<DeliveryEnd>;
  readonly after: (outcome: string, duration: string) => string;
  readonly notFollowed: string;
  readonly attemptErrors: Readonly<Record<AttemptErrorCode, string>>;
  readonly resends: Template<'retry' | 'redeliver'>;
  readonly testSent: (address: string, delivered: boolean, outcome: string) => string;
  readonly recoveries: Readonly<Record<RecoveryAction, (address: string, count: number) => string>>;

  readonly endpoints: Template<EndpointAction>;
  readonly keys: Template<KeyAction>;
  readonly secretOverlap: (wait: string | null) => string;
  readonly keysOverlap: (wait: string | null) => string;
  readonly fromPage: (sentence: string, origin: string | null) => string;
  readonly accounts: Template<AccountAction>;
  readonly eventTypes: Template<EventTypeAction>;
  readonly erased: (operationId: string) => string;
  readonly started: (role: string, version: string) => string;
  readonly requests: Readonly<Record<'succeeded' | 'refused' | 'failed', string>>;
}
