import type { Locale } from '../src/accounts/account.js';
import { showDuration } from '../src/logs/shown-duration.js';
import { RecoveryRunner } from '../src/webhooks/recoveries/recovery-runner.js';
import { operationEvent, publishNew, readAll } from './support/publishing.js';
import { type MadeAccount, type Method, Service } from './support/service.js';

interface ShownLog {
  readonly id: string;
  readonly category: string;
  readonly action: string;
  readonly status: string;
  readonly description: string;
  readonly request_id: string | null;
  readonly [name: string]: unknown;
}

type Told = readonly [action: string, status: string, description: string];

/** Nobody listens on the discard port. */
const HOST = '127.0.0.1:9/hook';
const URL = `http://${HOST}`;

/** What is told of each action of a story, by their order; `<time>` is how long the test send took. */
const ENDPOINT_STORY: Record<Locale, readonly Told[]> = {
  en: [
    ['webhook_endpoint.created', 'succeeded', `Webhook endpoint ${HOST} created`],
    ['webhook_endpoint.updated', 'succeeded', `Webhook endpoint ${HOST} changed: description, rate_limit`],
    ['webhook_endpoint.secret_read', 'succeeded', `Signing secret of webhook endpoint ${HOST} read`],
    [
      'webhook_endpoint.secret_rotated',
      'succeeded',
      `Signing secret of webhook endpoint ${HOST} rotated; the earlier one ends in 1 day`,
    ],
    [
      'webhook_endpoint.secret_rotated',
      'succeeded',
      `Signing secret of webhook endpoint ${HOST} rotated; the earlier one ended`,
    ],
    ['webhook_endpoint.test_sent', 'failed', `Test webhook to ${HOST} failed: no connection after <time>`],
    ['delivery.retried', 'info', `New try asked for: webhook to ${HOST}`],
    ['delivery.cancelled', 'info', `Webhook to ${HOST} cancelled`],
    ['recovery.started', 'info', `Recovery of 1 webhook to ${HOST} started`],
    ['recovery.cancelled', 'info', `Recovery to ${HOST} cancelled after 0 webhooks`],
    ['recovery.started', 'info', `Recovery of 1 webhook to ${HOST} started`],
    ['recovery.done', 'succeeded', `Recovery to ${HOST} done: 1 webhook sent again`],
    ['delivery.redelivered', 'info', `Event sent again: webhook to ${HOST}`],
    ['webhook_endpoint.disabled', 'succeeded', `Webhook endpoint ${HOST} disabled`],
    ['webhook_endpoint.enabled', 'succeeded', `Webhook endpoint ${HOST} enabled`],
    ['webhook_endpoint.deleted', 'succeeded', `Webhook endpoint ${HOST} deleted`],
  ],
  fr: [
    ['webhook_endpoint.created', 'succeeded', `Webhook ${HOST} créé`],
    ['webhook_endpoint.updated', 'succeeded', `Webhook ${HOST} modifié : description, rate_limit`],
    ['webhook_endpoint.secret_read', 'succeeded', `Secret de signature du webhook ${HOST} lu`],
    [
      'webhook_endpoint.secret_rotated',
      'succeeded',
      `Secret de signature du webhook ${HOST} renouvelé ; le précédent prend fin dans 1 jour`,
    ],
    [
      'webhook_endpoint.secret_rotated',
      'succeeded',
      `Secret de signature du webhook ${HOST} renouvelé ; le précédent a pris fin`,
    ],
    ['webhook_endpoint.test_sent', 'failed', `Webhook de test vers ${HOST} échoué : aucune connexion après <time>`],
    ['delivery.retried', 'info', `Nouvel essai demandé : webhook vers ${HOST}`],
    ['delivery.cancelled', 'info', `Webhook vers ${HOST} annulé`],
    ['recovery.started', 'info', `Reprise de 1 envoi vers ${HOST} commencée`],
    ['recovery.cancelled', 'info', `Reprise vers ${HOST} annulée après 0 envoi`],
    ['recovery.started', 'info', `Reprise de 1 envoi vers ${HOST} commencée`],
    ['recovery.done', 'succeeded', `Reprise vers ${HOST} terminée : 1 envoi refait`],
    ['delivery.redelivered', 'info', `Événement renvoyé : webhook vers ${HOST}`],
    ['webhook_endpoint.disabled', 'succeeded', `Webhook ${HOST} désactivé`],
    ['webhook_endpoint.enabled', 'succeeded', `Webhook ${HOST} activé`],
    ['webhook_endpoint.deleted', 'succeeded', `Webhook ${HOST} supprimé`],
  ],
};

const ERASED: Record<Locale, string> = {
  en: 'Personal data of operation col_erased erased',
  fr: "Données personnelles de l'opération col_erased effacées",
};

const OPERATION_STORY: Record<Locale, readonly Told[]> = {
  en: [
    ['collect.pending', 'pending', 'Collect INV-7 of 2,500 XAF is pending'],
    ['collect.failed', 'failed', 'Collect INV-7 of 2,500 XAF failed: Balance too low (insufficient_funds)'],
    ['collect.succeeded', 'succeeded', 'Collect INV-7 of 2,500 XAF succeeded'],
    ['collect.expired', 'failed', 'Collect INV-7 of 2,500 XAF expired (reported late)'],
    ['collect.cancelled', 'info', 'Collect INV-7 of 2,500 XAF was cancelled'],
    ['payment.succeeded', 'succeeded', 'Payment INV-2026-1071 of 2,500 XAF succeeded'],
    ['payment.refunded', 'info', 'Payment INV-2026-1071 of 2,500 XAF was refunded'],
  ],
  fr: [
    ['collect.pending', 'pending', 'Encaissement INV-7 de 2 500 XAF en attente'],
    ['collect.failed', 'failed', 'Encaissement INV-7 de 2 500 XAF échoué : Balance too low (insufficient_funds)'],
    ['collect.succeeded', 'succeeded', 'Encaissement INV-7 de 2 500 XAF réussi'],
    ['collect.expired', 'failed', 'Encaissement INV-7 de 2 500 XAF expiré (signalé en retard)'],
    ['collect.cancelled', 'info', 'Encaissement INV-7 de 2 500 XAF annulé'],
    ['payment.succeeded', 'succeeded', 'Paiement INV-2026-1071 de 2 500 XAF réussi'],
    ['payment.refunded', 'info', 'Paiement INV-2026-1071 de 2 500 XAF remboursé'],
  ],
};

describe.each(['en', 'fr'] as const)('what the logs tell of actions, in the language of the account (%s)', (locale) => {
  let service: Service;
  let account: MadeAccount;
  let key: string;
  beforeAll(async () => {
    // Sends nothing, and runs no job by itself.
    service = await Service.start({ environment: { WEBHOOK_ALLOWED_PRIVATE_CIDRS: '127.0.0.0/8' } });
    account = await service.makeAccount({ locale });
    key = account.test.secretKey;
  });
  afterAll(() => service.stop());

  /** Oldest first; in French with ordinary spaces for those that do not break. */
  const logs = async (category: string): Promise<ShownLog[]> =>
    (await readAll<ShownLog>(service, `/v1/logs?category=${category}`, key)).map((log) => ({
      ...log,
      description: log.description.replace(/[\u00a0\u202f]/g, ' '),
    }));
  const told = ({ action, status, description }: ShownLog): Told => [action, status, description];

  it('everything that people do to endpoints, deliveries and recoveries, with who asked and in which request', async () => {
    const requestIds: string[] = [];
    const act = async (method: Method, path: string, body?: object) => {
      const requestId = `req-${locale}-action-${requestIds.length}`;
      requestIds.push(requestId);
      const answer = await service.call(method, path, { key, body, headers: { 'request-id': requestId } });
      expect([path, answer.status < 300]).toEqual([path, true]);
      return answer.body as { id: string; duration_ms: number };
    };
    const since = new Date().toISOString();
    const { id } = await act('post', '/v1/webhook-endpoints', { url: URL, event_types: ['collect.*'] });
    const path = `/v1/webhook-endpoints/${id}`;
    await act('patch', path, { description: 'Stock', rate_limit: 5 });
    await act('get', `${path}/secret`);
    await act('post', `${path}/rotate-secret`);
    await act('post', `${path}/rotate-secret`, { expire_previous_in: 0 });
    const { duration_ms: durationMs } = await act('post', `${path}/test`);
    const event = await publishNew(service, key, operationEvent('collect.pending', 'col_acted'));
    const { body } = await service.call('get', `/v1/events/${event.id}/deliveries`, { key }).expect(200);
    const deliveryId = body.data[0].id as string;
    await act('post', `/v1/deliveries/${deliveryId}/retry`);
    await act('post', `/v1/deliveries/${deliveryId}/cancel`);
    for (const next of [1, 0]) {
      const recovery = await act('post', `${path}/recover`, { since });
      if (next) await act('post', `/v1/recoveries/${recovery.id}/cancel`);
    }
    await service.app.get(RecoveryRunner).runOnce(new Date(Date.now() + 1_000));
    await act('post', `/v1/events/${event.id}/redeliver`);
    await act('patch', path, { status: 'disabled' });
    await act('patch', path, { status: 'enabled' });
    await act('delete', path);

    const all = await logs('webhook');
    const time = showDuration(locale, durationMs);
    expect(all.map(told)).toEqual(
      ENDPOINT_STORY[locale].map(([action, status, text]) => [action, status, text.replace('<time>', time)]),
    );
    const asked = all.filter(({ action }) => action !== 'recovery.done');
    const { secretKeyId } = account.test;
    for (const [index, log] of asked.entries()) {
      expect(log).toMatchObject({
        endpoint_id: id,
        api_key_id: secretKeyId,
        request_id: requestIds[index],
        actor: { type: 'key', id: secretKeyId, name: 'Secret key', ip: '127.0.0.1' },
      });
    }
    for (const log of asked.filter(({ action }) => action.startsWith('delivery.'))) {
      expect(log).toMatchObject({ operation_id: 'col_acted', event_id: event.id });
    }
    expect(all.find(({ action }) => action === 'recovery.done')).toMatchObject({
      endpoint_id: id,
      request_id: null,
      actor: { type: 'system' },
    });
  });

  it('each event of an operation, in its own words and with its own outcome', async () => {
    const cause = { code: 'insufficient_funds', description: 'Balance too low' };
    const collect = { id: 'col_told', amount: 2500, currency: 'XAF', reference: 'INV-7' };
    const payment = { id: 'pay_told', amount: 2500, currency: 'XAF', reference: 'INV-2026-1071' };
    for (const [type, operation, more] of [
      ['collect.pending', collect, {}],
      ['collect.failed', { ...collect, cause }, {}],
      ['collect.succeeded', collect, {}],
      ['collect.expired', collect, { occurred_at: new Date(Date.now() - 3_600_000).toISOString() }],
      ['collect.cancelled', collect, {}],
      ['payment.succeeded', payment, {}],
      ['payment.refunded', payment, {}],
    ] as const) {
      await publishNew(service, key, { type, operation, ...more });
    }
    const all = (await logs('operation')).filter((log) => String(log.operation_id).endsWith('_told'));
    expect(all.map(told)).toEqual(OPERATION_STORY[locale]);
  });

  it('what admin does for the account', async () => {
    await publishNew(service, key, operationEvent('collect.pending', 'col_erased', { data: { note: 'personal' } }));
    const headers = {
      'signalpost-account': account.id,
      'signalpost-mode': 'test',
      'signalpost-actor': 'Zoé at the desk',
      'request-id': `req-${locale}-erasure`,
    };
    await service.call('post', '/v1/operations/col_erased/erase', { headers }).expect(200);
    const [log, ...more] = await logs('admin');
    expect(more).toEqual([]);
    expect(log).toMatchObject({
      action: 'operation.erased',
      status: 'succeeded',
      description: ERASED[locale],
      operation_id: 'col_erased',
      request_id: headers['request-id'],
      actor: { type: 'admin', id: service.config.adminKeys[0]!.name, name: 'Zoé at the desk', ip: '127.0.0.1' },
    });
  });
});

describe('what the platform’s own logs tell', () => {
  let service: Service;
  beforeAll(async () => (service = await Service.start()));
  afterAll(() => service.stop());

  it('everything that is done to accounts and event types, in English, with who did it', async () => {
    const headers = { 'signalpost-actor': 'Zoé' };
    const call = (method: Method, path: string, body?: object) => service.call(method, path, { headers, body });
    const made = await call('post', '/v1/admin/accounts', { name: 'Boutique', locale: 'fr' }).expect(201);
    const path = `/v1/admin/accounts/${made.body.account.id}`;
    await call('patch', path, { name: 'Bazar', metadata: { zone: 'nord' } }).expect(200);
    await call('patch', path, { status: 'suspended' }).expect(200);
    await call('patch', path, { status: 'active' }).expect(200);
    await call('post', '/v1/admin/event-types', { type: 'payout.sent', description: 'Sent.' }).expect(201);
    await call('patch', '/v1/admin/event-types/payout.sent', { description: 'Sent off.' }).expect(200);
    await call('patch', '/v1/admin/event-types/payout.sent', { retired: true }).expect(200);
    await call('delete', '/v1/admin/event-types/payout.sent').expect(204);
    const { body } = await service.call('get', '/v1/admin/logs?category=admin&limit=8').expect(200);
    const logs = (body.data as ShownLog[]).reverse();
    expect(logs.map(({ action, status, description }) => [action, status, description])).toEqual([
      ['account.created', 'succeeded', 'Account Boutique created'],
      ['account.updated', 'succeeded', 'Account Bazar changed: name, metadata'],
      ['account.suspended', 'succeeded', 'Account Bazar suspended'],
      ['account.reactivated', 'succeeded', 'Account Bazar active again'],
      ['event_type.created', 'succeeded', 'Event type payout.sent created'],
      ['event_type.updated', 'succeeded', 'Event type payout.sent changed'],
      ['event_type.retired', 'succeeded', 'Event type payout.sent retired'],
      ['event_type.deleted', 'succeeded', 'Event type payout.sent deleted'],
    ]);
    for (const log of logs) {
      expect(log).toMatchObject({
        mode: null,
        request_id: expect.stringMatching(/^req_/),
        actor: { type: 'admin', id: service.config.adminKeys[0]!.name, name: 'Zoé', ip: '127.0.0.1' },
      });
    }
  });
});
