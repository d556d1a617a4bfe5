import * as sentences from './descriptions.js';
import type { DescribedOperation } from './descriptions.js';
import { expectBoth } from './descriptions.spec-support.js';

const OPERATION: DescribedOperation = {
  id: 'pay_5ef997d7efe8443',
  kind: 'payment',
  status: 'succeeded',
  amount: 2500,
  currency: 'XAF',
  reference: 'INV-2026-1071',
  cause: null,
};
const URL = 'https://shop.example/hook?token=secret';

describe('descriptions of operations', () => {
  it.each<[Partial<DescribedOperation>, string, string]>([
    [{}, 'Payment INV-2026-1071 of 2,500 XAF succeeded', 'Paiement INV-2026-1071 de 2 500 XAF réussi'],
    [
      { status: 'pending', kind: 'collect', reference: null, id: 'col_93d8' },
      'Collect col_93d8 of 2,500 XAF is pending',
      'Encaissement col_93d8 de 2 500 XAF en attente',
    ],
    [
      { status: 'failed', cause: { code: 'insufficient_funds', description: 'Balance too low.' } },
      'Payment INV-2026-1071 of 2,500 XAF failed: Balance too low (insufficient_funds)',
      'Paiement INV-2026-1071 de 2 500 XAF échoué : Balance too low (insufficient_funds)',
    ],
    [
      { status: 'expired', kind: 'collect', cause: { code: 'expired', description: null } },
      'Collect INV-2026-1071 of 2,500 XAF expired: expired',
      'Encaissement INV-2026-1071 de 2 500 XAF expiré : expired',
    ],
    [
      { status: 'cancelled', cause: { code: null, description: 'By the shop' } },
      'Payment INV-2026-1071 of 2,500 XAF was cancelled: By the shop',
      'Paiement INV-2026-1071 de 2 500 XAF annulé : By the shop',
    ],
    [
      { status: 'refunded', stale: true },
      'Payment INV-2026-1071 of 2,500 XAF was refunded (reported late)',
      'Paiement INV-2026-1071 de 2 500 XAF remboursé (signalé en retard)',
    ],
    [{ amount: null }, 'Payment INV-2026-1071 succeeded', 'Paiement INV-2026-1071 réussi'],
  ])('%j', (overrides, english, french) => {
    const operation = { ...OPERATION, ...overrides };
    expectBoth((locale) => sentences.describeOperationEvent(locale, operation), english, french);
  });

  it('covers cards and keys in a cause and in a reference, and stays one line of at most 1,000 characters', () => {
    const sentence = sentences.describeOperationEvent('en', {
      ...OPERATION,
      status: 'failed',
      reference: '4111 1111 1111 1111',
      cause: { code: 'x'.repeat(9_000), description: `a\nb sk_live_${'a'.repeat(48)} ${'c'.repeat(16_000)}` },
    });
    expect(sentence).toMatch(/^Payment \*{4}1111 of 2,500 XAF failed: a b sk_live_\*{4} c/);
    expect(sentence.length).toBeLessThanOrEqual(1_000);
    expect(sentence).not.toContain('\n');
  });

  it('covers whom a cause names: the customer, before and after the event, and who else is told by a number', () => {
    const sentence = sentences.describeOperationEvent('en', {
      ...OPERATION,
      status: 'failed',
      cause: { code: 'not_22971510758', description: 'Payer 33612345678: KPODO Séverine, once Adjoua, 71 51 07 58.' },
      customers: [
        { name: 'Séverine Kpodo', email: null, phone: null },
        { name: 'Adjoua N.', email: null, phone: '+22971510758' },
      ],
    });
    expect(sentence).toMatch(/: Payer \*{4}: \*{4}, once \*{4}, \*{4} \(not_\*{4}\)$/);
  });

  it('names types of the platform and of the system', () => {
    expectBoth(
      (l) => sentences.describeCustomEvent(l, 'payout.sent', null),
      'Event payout.sent was published',
      'Événement payout.sent publié',
    );
    expectBoth(
      (l) => sentences.describeCustomEvent(l, 'payout.sent', OPERATION),
      'Event payout.sent: Payment INV-2026-1071 of 2,500 XAF succeeded',
      'Événement payout.sent : Paiement INV-2026-1071 de 2 500 XAF réussi',
    );
    expectBoth(
      (l) => sentences.describeCustomEvent(l, 'delivery.exhausted', null),
      'Notice published: a webhook was given up after its last try',
      'Avis publié : un envoi a été abandonné après son dernier essai',
    );
    for (const type of [
      'webhook_endpoint.disabled',
      'api_key.regenerated',
      'api_key.revoked',
      'api_key.secret_key_exposed',
    ]) {
      expect(sentences.describeCustomEvent('en', type, null)).toMatch(/^Notice published: /);
      expect(sentences.describeCustomEvent('fr', type, null)).toMatch(/^Avis publié/);
    }
  });
});

describe('descriptions of endpoints, keys, accounts and requests', () => {
  it.each([
    ['created', 'Webhook endpoint shop.example/hook created', 'Webhook shop.example/hook créé'],
    ['updated', 'Webhook endpoint shop.example/hook changed', 'Webhook shop.example/hook modifié'],
    ['deleted', 'Webhook endpoint shop.example/hook deleted', 'Webhook shop.example/hook supprimé'],
    ['enabled', 'Webhook endpoint shop.example/hook enabled', 'Webhook shop.example/hook activé'],
    ['disabled', 'Webhook endpoint shop.example/hook disabled', 'Webhook shop.example/hook désactivé'],
    [
      'disabled_gone',
      'Webhook endpoint shop.example/hook disabled: it answered 410 Gone',
      'Webhook shop.example/hook désactivé : il a répondu 410 Gone',
    ],
    [
      'disabled_failing',
      'Webhook endpoint shop.example/hook disabled: it failed for a day without a success',
      "Webhook shop.example/hook désactivé : un jour d'échecs sans un succès",
    ],
    [
      'secret_read',
      'Signing secret of webhook endpoint shop.example/hook read',
      'Secret de signature du webhook shop.example/hook lu',
    ],
    [
      'secret_rotated',
      'Signing secret of webhook endpoint shop.example/hook rotated; the earlier one ended',
      'Secret de signature du webhook shop.example/hook renouvelé ; le précédent a pris fin',
    ],
  ] as const)('an endpoint %s', (action, english, french) => {
    expectBoth((locale) => sentences.describeEndpoint(locale, { action, url: URL }), english, french);
  });

  it('says what changed of an endpoint, and how long the earlier secret lives', () => {
    expectBoth(
      (l) => sentences.describeEndpoint(l, { action: 'updated', url: URL, changed: ['url', 'headers'] }),
      'Webhook endpoint shop.example/hook changed: url, headers',
      'Webhook shop.example/hook modifié : url, headers',
    );
    expectBoth(
      (l) => sentences.describeEndpoint(l, { action: 'secret_rotated', url: URL, overlapMs: 86_400_000 }),
      'Signing secret of webhook endpoint shop.example/hook rotated; the earlier one ends in 1 day',
      'Secret de signature du webhook shop.example/hook renouvelé ; le précédent prend fin dans 1 jour',
    );
  });

  it.each([
    [
      'created',
      {},
      'Restricted API key Reports (rk_live_…4f2a) created',
      'Clé API restreinte Reports (rk_live_…4f2a) créée',
    ],
    ['revoked', {}, 'API key Reports (rk_live_…4f2a) revoked', 'Clé API Reports (rk_live_…4f2a) révoquée'],
    [
      'updated',
      { changed: ['name'] },
      'API key Reports (rk_live_…4f2a) changed: name',
      'Clé API Reports (rk_live_…4f2a) modifiée : name',
    ],
    [
      'regenerated',
      {},
      'API keys regenerated; the earlier ones ended',
      'Clés API régénérées ; les précédentes ont pris fin',
    ],
    [
      'regenerated',
      { overlapMs: 7_200_000 },
      'API keys regenerated; the earlier ones end in 2 h',
      'Clés API régénérées ; les précédentes prennent fin dans 2 h',
    ],
    [
      'refused_in_browser',
      { origin: 'https://shop.example' },
      'API key Reports (rk_live_…4f2a) refused: it was used in a web page of https://shop.example',
      'Clé API Reports (rk_live_…4f2a) refusée : elle a servi dans une page web de https://shop.example',
    ],
    [
      'refused_in_browser',
      { origin: null },
      'API key Reports (rk_live_…4f2a) refused: it was used in a web page',
      'Clé API Reports (rk_live_…4f2a) refusée : elle a servi dans une page web',
    ],
  ] as const)('a key %s %j', (action, more, english, french) => {
    const key = { action, name: 'Reports', preview: 'rk_live_…4f2a', ...more };
    expectBoth((locale) => sentences.describeKey(locale, key), english, french);
  });

  it('of accounts, event types, erasures and starts', () => {
    expectBoth(
      (l) => sentences.describeAccount(l, 'created', 'Boutique'),
      'Account Boutique created',
      'Compte Boutique créé',
    );
    expectBoth(
      (l) => sentences.describeAccount(l, 'updated', 'B', ['locale']),
      'Account B changed: locale',
      'Compte B modifié : locale',
    );
    expectBoth((l) => sentences.describeAccount(l, 'suspended', 'B'), 'Account B suspended', 'Compte B suspendu');
    expectBoth(
      (l) => sentences.describeAccount(l, 'reactivated', 'B'),
      'Account B active again',
      'Compte B de nouveau actif',
    );
    expectBoth(
      (l) => sentences.describeRefusedEvent(l, { type: 'a.b', code: 'invalid_input', fields: ['data.fee', ''] }),
      'Event a.b was refused: invalid_input (data.fee)',
      'Événement a.b refusé : invalid_input (data.fee)',
    );
    expectBoth(
      (l) => sentences.describeRefusedEvent(l, { type: null, code: 'malformed_json', fields: [] }),
      'Event was refused: malformed_json',
      'Événement refusé : malformed_json',
    );
    expectBoth(
      (l) => sentences.describeEventType(l, 'created', 'a.b'),
      'Event type a.b created',
      "Type d'événement a.b créé",
    );
    expectBoth(
      (l) => sentences.describeEventType(l, 'updated', 'a.b'),
      'Event type a.b changed',
      "Type d'événement a.b modifié",
    );
    expectBoth(
      (l) => sentences.describeEventType(l, 'retired', 'a.b'),
      'Event type a.b retired',
      "Type d'événement a.b retiré",
    );
    expectBoth(
      (l) => sentences.describeEventType(l, 'deleted', 'a.b'),
      'Event type a.b deleted',
      "Type d'événement a.b supprimé",
    );
    expectBoth(
      (l) => sentences.describeErasure(l, 'pay_1'),
      'Personal data of operation pay_1 erased',
      "Données personnelles de l'opération pay_1 effacées",
    );
    expectBoth(
      (l) => sentences.describeStart(l, 'all', '0.1.0'),
      'Signalpost 0.1.0 started (role all)',
      'Signalpost 0.1.0 démarré (rôle all)',
    );
  });

  it.each([
    [201, null, 'POST /v1/webhook-endpoints succeeded: 201', 'POST /v1/webhook-endpoints réussi : 201'],
    [
      422,
      'invalid_input',
      'POST /v1/webhook-endpoints refused: 422 invalid_input',
      'POST /v1/webhook-endpoints refusé : 422 invalid_input',
    ],
    [
      503,
      'unavailable',
      'POST /v1/webhook-endpoints failed: 503 unavailable',
      'POST /v1/webhook-endpoints échoué : 503 unavailable',
    ],
  ])('a request answered with %d', (status, code, english, french) => {
    const request = { method: 'POST', route: '/v1/webhook-endpoints', status, code };
    expectBoth((locale) => sentences.describeRequest(locale, request), english, french);
  });
});
