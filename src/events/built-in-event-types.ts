import { BUILT_IN_EVENT_TYPES, OPERATION_EVENT_TYPES, type BuiltInEventType } from '../common/event-type-names.js';

/** One type of the catalogue, built in or registered by the platform. */
export interface EventType {
  readonly type: string;
  readonly description: string;
  readonly builtIn: boolean;
  /** Takes no new events; its old ones stay readable. */
  readonly retired: boolean;
  /** JSON Schema of `data`. */
  readonly schema: object | null;
  /** A whole event input. */
  readonly sample: object | null;
  readonly createdAt: Date;
}

/** When the built-in types were laid down; they are older than anything registered. */
const BUILT_IN_SINCE = new Date('2026-11-01T00:00:00.000Z');

const DESCRIPTIONS: Record<BuiltInEventType, string> = {
  'payment.pending': 'A payment was started and waits for its outcome.',
  'payment.succeeded': 'A payment was completed.',
  'payment.failed': 'A payment failed; `cause` says why.',
  'payment.refunded': 'A completed payment was given back to the payer.',
  'payment.cancelled': 'A payment was cancelled before it was completed.',
  'collect.pending': 'A collection was requested and waits for the payer.',
  'collect.succeeded': 'A collection was paid.',
  'collect.failed': 'A collection failed; `cause` says why.',
  'collect.expired': 'A collection was not paid in time.',
  'collect.cancelled': 'A collection was withdrawn before it was paid.',
  'webhook_endpoint.disabled': 'A webhook endpoint was disabled because it was gone or kept failing.',
  'delivery.exhausted': 'A delivery used up its schedule of attempts without a success.',
  'api_key.regenerated': 'A pair of API keys was replaced by a new one.',
  'api_key.revoked': 'An API key was revoked.',
  'api_key.secret_key_exposed': 'A key that must stay on servers was used from a web page.',
};

const text = (description: string): object => ({ type: 'string', description });

/** `data` of operations is the platform's own: these fields are customary, others may stand beside them. */
const OPERATION_DATA = {
  type: 'object',
  properties: {
    fee: { type: 'integer', minimum: 0, description: "What the platform keeps, in the currency's minor unit." },
    provider_reference: text("The operator's or the bank's own reference."),
    description: text('What it is paid for.'),
  },
  additionalProperties: true,
};

const closed = (properties: Record<string, object>): object => ({
  type: 'object',
  required: Object.keys(properties),
  properties,
  additionalProperties: false,
});

const ACTOR = closed({
  type: { type: 'string', enum: ['key', 'admin', 'system'], description: 'What kind of caller did it.' },
  id: { type: ['string', 'null'], description: 'Its id, or the name of the admin key.' },
  name: { type: ['string', 'null'], description: 'The person or the key, as known.' },
  ip: { type: ['string', 'null'], description: 'The address it came from.' },
});
const KEY_DATA = {
  key_id: text('Id of the key.'),
  key_preview: text('The beginning and the end of the key.'),
  actor: ACTOR,
};

const SYSTEM_SCHEMAS: Record<string, object> = {
  'webhook_endpoint.disabled': closed({
    endpoint_id: text('Id of the endpoint.'),
    url: text('Its URL.'),
    reason: { type: 'string', enum: ['gone', 'failing'], description: 'A 410, or a day of failures.' },
    failing_since: { type: ['string', 'null'], format: 'date-time', description: 'When its run of failures began.' },
    unfinished: { type: 'integer', minimum: 0, description: 'Deliveries that were skipped by it.' },
  }),
  'delivery.exhausted': closed({
    delivery_id: text('Id of the delivery.'),
    event_id: text('Id of the event that was not delivered.'),
    endpoint_id: text('Id of the endpoint.'),
    attempt_count: { type: 'integer', minimum: 1, description: 'How many attempts were made.' },
  }),
  'api_key.regenerated': closed(KEY_DATA),
  'api_key.revoked': closed(KEY_DATA),
  'api_key.secret_key_exposed': closed({ ...KEY_DATA, origin: { type: ['string', 'null'], description: 'The page.' } }),
};

const KEY_SAMPLE = {
  key_id: 'key_01k96sd3k8e2r9wq6m4h0v5xtz',
  key_preview: 'sk_live_…4f2a',
  actor: { type: 'key', id: 'key_01k96sd3k8e2r9wq6m4h0v5xtz', name: 'Secret key', ip: '203.0.113.9' },
};
const SYSTEM_SAMPLES: Record<string, object> = {
  'webhook_endpoint.disabled': {
    endpoint_id: 'we_01k96sd3k8e2r9wq6m4h0v5xtz',
    url: 'https://shop.example/hook',
    reason: 'failing',
    failing_since: '2026-11-01T20:10:00.000Z',
    unfinished: 12,
  },
  'delivery.exhausted': {
    delivery_id: 'del_01k96sd3k8e2r9wq6m4h0v5xtz',
    event_id: 'evt_01k96sd3k8e2r9wq6m4h0v5xtz',
    endpoint_id: 'we_01k96sd3k8e2r9wq6m4h0v5xtz',
    attempt_count: 17,
  },
  'api_key.regenerated': KEY_SAMPLE,
  'api_key.revoked': KEY_SAMPLE,
  'api_key.secret_key_exposed': { ...KEY_SAMPLE, origin: 'https://shop.example' },
};

const CAUSES: Record<string, object> = {
  pending: { code: 'awaiting_payer', description: 'The payer has not confirmed yet' },
  failed: { code: 'insufficient_funds', description: 'Balance too low' },
  expired: { code: 'payer_timeout', description: 'The payer did not confirm in time' },
  cancelled: { code: 'cancelled_by_merchant', description: 'Withdrawn by the merchant' },
};

function operationSample(type: string): object {
  const [kind, status] = type.split('.') as [string, string];
  const isPayment = kind === 'payment';
  return {
    type,
    occurred_at: '2026-11-02T21:25:52.000Z',
    external_id: 'led-99812',
    operation: {
      id: isPayment ? 'pay_5ef997d7efe8443' : 'col_93d884b76dfaf45',
      amount: isPayment ? 2500 : 1000,
      currency: 'XOF',
      reference: isPayment ? 'INV-2026-1071' : 'INV-2026-1021',
      channel: isPayment ? 'card' : 'mtn_bj',
      customer: { name: "Adjoua N'Guessan", email: 'adjoua@example.com', phone: '+22971510758' },
      ...(CAUSES[status] && { cause: CAUSES[status] }),
      metadata: { order: 'A-77' },
    },
    data: { fee: 20, provider_reference: 'AA3DD71B87' },
  };
}

const OPERATION_TYPES: ReadonlySet<string> = new Set(OPERATION_EVENT_TYPES);

export const BUILT_IN_TYPES: readonly EventType[] = BUILT_IN_EVENT_TYPES.map((type) => {
  const isOperation = OPERATION_TYPES.has(type);
  return {
    type,
    description: DESCRIPTIONS[type],
    builtIn: true,
    retired: false,
    schema: isOperation ? OPERATION_DATA : SYSTEM_SCHEMAS[type]!,
    sample: isOperation ? operationSample(type) : { type, data: SYSTEM_SAMPLES[type]! },
    createdAt: BUILT_IN_SINCE,
  };
});
