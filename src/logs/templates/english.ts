import type { Templates } from './templates.js';

const webhooks = (count: number): string => `${count} ${count === 1 ? 'webhook' : 'webhooks'}`;

export const english: Templates = {
  colon: ': ',
  separator: '; ',
  kinds: { payment: 'Payment', collect: 'Collect' },
  statuses: {
    pending: 'is pending',
    succeeded: 'succeeded',
    failed: 'failed',
    refunded: 'was refunded',
    expired: 'expired',
    cancelled: 'was cancelled',
  },
  ofAmount: (subject, amount) => `${subject} of ${amount}`,
  late: '(reported late)',
  customEvent: (type) => `Event ${type} was published`,
  customEventOf: (type, operation) => `Event ${type}: ${operation}`,
  eventRefused: (type, reason) => `Event${type === null ? '' : ` ${type}`} was refused: ${reason}`,
  systemEvents: {
    'webhook_endpoint.disabled': 'Notice published: a webhook endpoint was disabled',
    'delivery.exhausted': 'Notice published: a webhook was given up after its last try',
    'api_key.regenerated': 'Notice published: API keys were regenerated',
    'api_key.revoked': 'Notice published: an API key was revoked',
    'api_key.secret_key_exposed': 'Notice published: a secret key was used in a web page',
  },

  webhookTo: (address) => `Webhook to ${address}`,
  delivered: (webhook, attempts) =>
    attempts > 1 ? `${webhook} delivered after ${attempts} attempts` : `${webhook} delivered`,
  failedRetrying: (webhook, outcome, wait) => `${webhook} failed: ${outcome}; next try in ${wait}`,
  failedGone: (webhook, outcome) => `${webhook} failed: ${outcome}; the receiver is gone, so the endpoint was disabled`,
  failedExhausted: (webhook, outcome, attempts) =>
    `${webhook} failed for good: ${outcome}; no try is left after ${attempts}`,
  deliveryEnds: {
    poison: (webhook) => `${webhook} stopped: sending it interrupted the service several times`,
    expired: (webhook) => `${webhook} stopped: its event is older than the retention`,
    cancelled_by_user: (webhook) => `${webhook} cancelled`,
    endpoint_disabled: (webhook) => `${webhook} skipped: the endpoint is disabled`,
    endpoint_deleted: (webhook) => `${webhook} cancelled: the endpoint was deleted`,
  },
  after: (outcome, duration) => `${outcome} after ${duration}`,
  notFollowed: '(redirects are not followed)',
  attemptErrors: {
    policy: 'the address is not allowed',
    dns: 'the name was not found',
    connect: 'no connection',
    tls: 'no secure connection',
    timeout: 'no whole answer in time',
    reset: 'the connection broke off',
    protocol: 'the answer was not valid HTTP',
    too_large_headers: "the answer's headers were too large",
  },
  resends: {
    retry: (address) => `New try asked for: webhook to ${address}`,
    redeliver: (address) => `Event sent again: webhook to ${address}`,
  },
  testSent: (address, delivered, outcome) =>
    `Test webhook to ${address} ${delivered ? 'delivered' : 'failed'}: ${outcome}`,
  recoveries: {
    started: (address, count) => `Recovery of ${webhooks(count)} to ${address} started`,
    done: (address, count) => `Recovery to ${address} done: ${webhooks(count)} sent again`,
    cancelled: (address, count) => `Recovery to ${address} cancelled after ${webhooks(count)}`,
    cancelled_disabled: (address, count) =>
      `Recovery to ${address} stopped after ${webhooks(count)}: the endpoint was disabled`,
    cancelled_deleted: (address, count) =>
      `Recovery to ${address} stopped after ${webhooks(count)}: the endpoint was deleted`,
  },

  endpoints: {
    created: (address) => `Webhook endpoint ${address} created`,
    updated: (address) => `Webhook endpoint ${address} changed`,
    deleted: (address) => `Webhook endpoint ${address} deleted`,
    enabled: (address) => `Webhook endpoint ${address} enabled`,
    disabled: (address) => `Webhook endpoint ${address} disabled`,
    disabled_gone: (address) => `Webhook endpoint ${address} disabled: it answered 410 Gone`,
    disabled_failing: (address) => `Webhook endpoint ${address} disabled: it failed for a day without a success`,
    secret_read: (address) => `Signing secret of webhook endpoint ${address} read`,
    secret_rotated: (address) => `Signing secret of webhook endpoint ${address} rotated`,
  },
  keys: {
    created: (key) => `Restricted API key ${key} created`,
    regenerated: () => 'API keys regenerated',
    revoked: (key) => `API key ${key} revoked`,
    updated: (key) => `API key ${key} changed`,
    refused_in_browser: (key) => `API key ${key} refused: it was used in a web page`,
  },
  secretOverlap: (wait) => (wait === null ? 'the earlier one ended' : `the earlier one ends in ${wait}`),
  keysOverlap: (wait) => (wait === null ? 'the earlier ones ended' : `the earlier ones end in ${wait}`),
  fromPage: (sentence, origin) => (origin === null ? sentence : `${sentence} of ${origin}`),
  accounts: {
    created: (name) => `Account ${name} created`,
    updated: (name) => `Account ${name} changed`,
    suspended: (name) => `Account ${name} suspended`,
    reactivated: (name) => `Account ${name} active again`,
  },
  eventTypes: {
    created: (type) => `Event type ${type} created`,
    updated: (type) => `Event type ${type} changed`,
    retired: (type) => `Event type ${type} retired`,
    deleted: (type) => `Event type ${type} deleted`,
  },
  erased: (operationId) => `Personal data of operation ${operationId} erased`,
  started: (role, version) => `Signalpost ${version} started (role ${role})`,
  requests: { succeeded: 'succeeded', refused: 'refused', failed: 'failed' },
};
