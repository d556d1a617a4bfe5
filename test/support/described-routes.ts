import type { Scope } from '../../src/auth/scopes.js';

/** Who may call a route, by the words of the contract. */
export type Who =
  | 'anyone'
  | 'any key'
  | 'any key or platform'
  | 'public'
  | 'secret'
  | 'secret key only'
  | 'secret or platform'
  | 'platform'
  | 'acting';

/** What the contract says of a route, in so far as every route can be tried by it. */
export interface DescribedRoute {
  readonly who: Who;
  /** What a restricted key needs. */
  readonly scope?: Scope;
  /** The kind of object that `:id` names, or `type` for the name of an event type. */
  readonly names?: 'acct' | 'key' | 'evt' | 'del' | 'log' | 'we' | 'rec' | 'operation' | 'type';
  /** A body that passes validation. */
  readonly body?: object;
  readonly bodyLimitBytes?: number;
}

const KIB = 1_024;
const endpoint = { url: 'https://shop.example/hook', event_types: ['payment.*'] };
const event = { type: 'payment.pending', operation: { id: 'pay_1', amount: 1, currency: 'XOF' } };

/** Every route of the service. A route that is missing here fails the tests that walk them all. */
export const DESCRIBED_ROUTES: Readonly<Record<string, DescribedRoute>> = {
  'GET /healthz': { who: 'anyone' },
  'GET /readyz': { who: 'anyone' },
  'GET /docs': { who: 'anyone' },
  'GET /docs/errors': { who: 'anyone' },
  'GET /docs/start.js': { who: 'anyone' },
  'GET /docs/swagger-ui.css': { who: 'anyone' },
  'GET /docs/swagger-ui-bundle.js': { who: 'anyone' },
  'GET /docs/favicon-32x32.png': { who: 'anyone' },
  'GET /openapi.json': { who: 'anyone' },

  'POST /v1/admin/accounts': { who: 'platform', body: { name: 'Boutique' } },
  'GET /v1/admin/accounts': { who: 'platform' },
  'GET /v1/admin/accounts/:id': { who: 'platform', names: 'acct' },
  'PATCH /v1/admin/accounts/:id': { who: 'platform', names: 'acct', body: { name: 'Boutique' } },
  'GET /v1/admin/logs': { who: 'platform' },
  'GET /v1/admin/stats': { who: 'platform' },

  'POST /v1/admin/event-types': { who: 'platform', body: { type: 'payout.sent', description: 'A payout left.' } },
  'GET /v1/admin/event-types': { who: 'platform' },
  'PATCH /v1/admin/event-types/:type': { who: 'platform', names: 'type', body: { description: 'A payout left.' } },
  'DELETE /v1/admin/event-types/:type': { who: 'platform', names: 'type' },

  'GET /v1/account': { who: 'any key' },
  'GET /v1/api-keys': { who: 'secret key only' },
  'GET /v1/api-keys/:id': { who: 'secret key only', names: 'key' },
  'POST /v1/api-keys': { who: 'secret key only', body: { name: 'Export', scopes: ['read'] } },
  'POST /v1/api-keys/regenerate': { who: 'secret key only', body: {} },
  'PATCH /v1/api-keys/:id': { who: 'secret key only', names: 'key', body: { name: 'Export' } },
  'DELETE /v1/api-keys/:id': { who: 'secret key only', names: 'key' },

  'POST /v1/events': { who: 'secret', scope: 'events:write', body: event },
  'POST /v1/events/batch': {
    who: 'secret or platform',
    scope: 'events:write',
    body: { events: [event] },
    bodyLimitBytes: 5 * KIB * KIB,
  },
  'GET /v1/events': { who: 'secret', scope: 'events:read' },
  'GET /v1/events/stream': { who: 'secret', scope: 'events:read' },
  'GET /v1/events/:id': { who: 'secret', scope: 'events:read', names: 'evt' },
  'GET /v1/events/:id/deliveries': { who: 'secret', scope: 'deliveries:read', names: 'evt' },
  'POST /v1/events/:id/redeliver': { who: 'secret', scope: 'deliveries:write', names: 'evt', body: {} },
  'GET /v1/event-types': { who: 'any key or platform' },
  'GET /v1/event-types/:type': { who: 'any key or platform', names: 'type' },
  'GET /v1/operations': { who: 'secret', scope: 'operations:read' },
  'GET /v1/operations/:id': { who: 'secret', scope: 'operations:read', names: 'operation' },
  'GET /v1/operations/:id/timeline': { who: 'secret', scope: 'operations:read', names: 'operation' },
  'POST /v1/operations/:id/client-token': {
    who: 'secret',
    scope: 'operations:write',
    names: 'operation',
    body: {},
  },
  'POST /v1/operations/:id/erase': { who: 'acting', names: 'operation', body: {} },
  'GET /v1/client/operations/:id': { who: 'public', names: 'operation' },
  'GET /v1/stats/operations': { who: 'secret', scope: 'stats:read' },

  'GET /v1/logs': { who: 'secret', scope: 'logs:read' },
  'GET /v1/logs/export': { who: 'secret', scope: 'logs:read' },
  'GET /v1/logs/stream': { who: 'secret', scope: 'logs:read' },
  'GET /v1/logs/:id': { who: 'secret', scope: 'logs:read', names: 'log' },
  'POST /v1/logs': {
    who: 'secret',
    scope: 'logs:write',
    body: { action: 'refund.requested', status: 'info', description: 'Asked for a refund' },
  },

  'POST /v1/webhook-endpoints': { who: 'secret', scope: 'webhooks:write', body: endpoint },
  'GET /v1/webhook-endpoints': { who: 'secret', scope: 'webhooks:read' },
  'GET /v1/webhook-endpoints/:id': { who: 'secret', scope: 'webhooks:read', names: 'we' },
  'PATCH /v1/webhook-endpoints/:id': { who: 'secret', scope: 'webhooks:write', names: 'we', body: { rate_limit: 1 } },
  'DELETE /v1/webhook-endpoints/:id': { who: 'secret', scope: 'webhooks:write', names: 'we' },
  'GET /v1/webhook-endpoints/:id/secret': { who: 'secret', scope: 'webhook_secrets:read', names: 'we' },
  'POST /v1/webhook-endpoints/:id/rotate-secret': { who: 'secret', scope: 'webhooks:write', names: 'we', body: {} },
  'POST /v1/webhook-endpoints/:id/verify-signature': {
    who: 'secret',
    scope: 'webhooks:read',
    names: 'we',
    body: { headers: {}, body: '' },
    bodyLimitBytes: KIB * KIB,
  },
  'POST /v1/webhook-endpoints/:id/test': { who: 'secret', scope: 'webhooks:write', names: 'we', body: {} },
  'GET /v1/webhook-endpoints/:id/stats': { who: 'secret', scope: 'stats:read', names: 'we' },
  'GET /.well-known/jwks/:endpoint_id.json': { who: 'anyone', names: 'we' },
  'POST /v1/webhook-endpoints/:id/recover': {
    who: 'secret',
    scope: 'deliveries:write',
    names: 'we',
    body: { since: new Date(Date.now() - 3_600_000).toISOString() },
  },
  'GET /v1/recoveries': { who: 'secret', scope: 'webhooks:read' },
  'GET /v1/recoveries/:id': { who: 'secret', scope: 'webhooks:read', names: 'rec' },
  'POST /v1/recoveries/:id/cancel': { who: 'secret', scope: 'deliveries:write', names: 'rec' },
  'GET /v1/deliveries': { who: 'secret', scope: 'deliveries:read' },
  'GET /v1/deliveries/:id': { who: 'secret', scope: 'deliveries:read', names: 'del' },
  'POST /v1/deliveries/:id/retry': { who: 'secret', scope: 'deliveries:write', names: 'del' },
  'POST /v1/deliveries/:id/cancel': { who: 'secret', scope: 'deliveries:write', names: 'del' },
};
