import type { Locale } from '../accounts/account.js';
import * as sentences from './descriptions.js';
import type { DescribedDelivery, DescribedOperation } from './descriptions.js';

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
const ATTEMPT = { statusCode: 500, errorCode: null, durationMs: 120 } as const;

/** French text is written here with ordinary spaces; the templates use the no-break ones that typography asks for. */
const plain = (text: string): string => text.replace(/[\u00a0\u202f]/g, ' ');

function expectBoth(sentence: (locale: Locale) => string, english: string, french: string): void {
  expect(sentence('en')).toBe(english);
  expect(plain(sentence('fr'))).toBe(french);
}

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

describe('descriptions of deliveries', () => {
  it.each<[DescribedDelivery, string, string]>([
    [
      { url: URL, outcome: 'failed', attempt: ATTEMPT, nextTryInMs: 30_000 },
      'Webhook to shop.example/hook failed: 500 after 120 ms; next try in 30 s',
      'Webhook vers shop.example/hook échoué : 500 après 120 ms ; nouvel essai dans 30 s',
    ],
    [
      { url: URL, outcome: 'failed', attempt: { ...ATTEMPT, statusCode: 302 }, nextTryInMs: 86_400_000 },
      'Webhook to shop.example/hook failed: 302 (redirects are not followed) after 120 ms; next try in 1 day',
      'Webhook vers shop.example/hook échoué : 302 (les redirections ne sont pas suivies) après 120 ms ; nouvel essai dans 1 jour',
    ],
    [
      {
        url: URL,
        outcome: 'exhausted',
        attempt: { statusCode: null, errorCode: 'timeout', durationMs: 15_000 },
        attemptCount: 17,
      },
      'Webhook to shop.example/hook failed for good: no whole answer in time after 15 s; no try is left after 17',
      "Webhook vers shop.example/hook échoué définitivement : pas de réponse complète à temps après 15 s ; plus d'essai après 17",
    ],
    [
      { url: URL, outcome: 'gone', attempt: { ...ATTEMPT, statusCode: 410 } },
      'Webhook to shop.example/hook failed: 410 after 120 ms; the receiver is gone, so the endpoint was disabled',
      "Webhook vers shop.example/hook échoué : 410 après 120 ms ; le destinataire n'existe plus, le webhook a été désactivé",
    ],
    [
      { url: URL, outcome: 'succeeded', attemptCount: 3 },
      'Webhook to shop.example/hook delivered after 3 attempts',
      'Webhook vers shop.example/hook livré après 3 essais',
    ],
    [
      { url: URL, outcome: 'succeeded', attemptCount: 1 },
      'Webhook to shop.example/hook delivered',
      'Webhook vers shop.example/hook livré',
    ],
    [
      { url: URL, outcome: 'poison' },
      'Webhook to shop.example/hook stopped: sending it interrupted the service several times',
      'Webhook vers shop.example/hook arrêté : son envoi a interrompu le service plusieurs fois',
    ],
    [
      { url: URL, outcome: 'expired' },
      'Webhook to shop.example/hook stopped: its event is older than the retention',
      'Webhook vers shop.example/hook arrêté : son événement a dépassé la durée de conservation',
    ],
    [
      { url: URL, outcome: 'cancelled_by_user' },
      'Webhook to shop.example/hook cancelled',
      'Webhook vers shop.example/hook annulé',
    ],
    [
      { url: URL, outcome: 'endpoint_disabled' },
      'Webhook to shop.example/hook skipped: the endpoint is disabled',
      'Webhook vers shop.example/hook ignoré : le webhook est désactivé',
    ],
    [
      { url: URL, outcome: 'endpoint_deleted' },
      'Webhook to shop.example/hook cancelled: the endpoint was deleted',
      'Webhook vers shop.example/hook annulé : le webhook a été supprimé',
    ],
  ])('%j', (delivery, english, french) => {
    expectBoth((locale) => sentences.describeDelivery(locale, delivery), english, french);
  });

  it.each([
    ['policy', 'the address is not allowed', "l'adresse n'est pas autorisée"],
    ['dns', 'the name was not found', "le nom n'a pas été trouvé"],
    ['connect', 'no connection', 'aucune connexion'],
    ['tls', 'no secure connection', 'aucune connexion sécurisée'],
    ['timeout', 'no whole answer in time', 'pas de réponse complète à temps'],
    ['reset', 'the connection broke off', 'la connexion a été interrompue'],
    ['protocol', 'the answer was not valid HTTP', "la réponse n'était pas du HTTP valide"],
    ['too_large_headers', "the answer's headers were too large", 'les en-têtes de la réponse étaient trop grands'],
  ] as const)('says %s in words, even beside a status', (errorCode, english, french) => {
    const attempt = { statusCode: 200, errorCode, durationMs: 5 };
    expectBoth(
      (locale) => sentences.describeDelivery(locale, { url: URL, outcome: 'failed', attempt, nextTryInMs: 5_000 }),
      `Webhook to shop.example/hook failed: ${english} after 5 ms; next try in 5 s`,
      `Webhook vers shop.example/hook échoué : ${french} après 5 ms ; nouvel essai dans 5 s`,
    );
  });

  it('says who asked for what again, and how a test went', () => {
    expectBoth(
      (l) => sentences.describeResend(l, 'retry', URL),
      'New try asked for: webhook to shop.example/hook',
      'Nouvel essai demandé : webhook vers shop.example/hook',
    );
    expectBoth(
      (l) => sentences.describeResend(l, 'redeliver', URL),
      'Event sent again: webhook to shop.example/hook',
      'Événement renvoyé : webhook vers shop.example/hook',
    );
    expectBoth(
      (l) => sentences.describeTestSend(l, URL, true, { ...ATTEMPT, statusCode: 200 }),
      'Test webhook to shop.example/hook delivered: 200 after 120 ms',
      'Webhook de test vers shop.example/hook livré : 200 après 120 ms',
    );
    expectBoth(
      (l) => sentences.describeTestSend(l, URL, false, ATTEMPT),
      'Test webhook to shop.example/hook failed: 500 after 120 ms',
      'Webhook de test vers shop.example/hook échoué : 500 après 120 ms',
    );
  });

  it.each([
    [
      'started',
      'Recovery of 12 webhooks to shop.example/hook started',
      'Reprise de 12 envois vers shop.example/hook commencée',
    ],
    [
      'done',
      'Recovery to shop.example/hook done: 12 webhooks sent again',
      'Reprise vers shop.example/hook terminée : 12 envois refaits',
    ],
    [
      'cancelled',
      'Recovery to shop.example/hook cancelled after 12 webhooks',
      'Reprise vers shop.example/hook annulée après 12 envois',
    ],
    [
      'cancelled_disabled',
      'Recovery to shop.example/hook stopped after 12 webhooks: the endpoint was disabled',
      'Reprise vers shop.example/hook arrêtée après 12 envois : le webhook a été désactivé',
    ],
    [
      'cancelled_deleted',
      'Recovery to shop.example/hook stopped after 12 webhooks: the endpoint was deleted',
      'Reprise vers shop.example/hook arrêtée après 12 envois : le webhook a été supprimé',
    ],
  ] as const)('a recovery %s', (action, english, french) => {
    expectBoth((locale) => sentences.describeRecovery(locale, action, URL, 12), english, french);
  });

  it.each([
    [0, 'done: 0 webhooks sent again', 'terminée : 0 envoi refait'],
    [1, 'done: 1 webhook sent again', 'terminée : 1 envoi refait'],
    [2, 'done: 2 webhooks sent again', 'terminée : 2 envois refaits'],
  ])('counts %d as the language does', (count, english, french) => {
    expectBoth(
      (locale) => sentences.describeRecovery(locale, 'done', URL, count),
      `Recovery to shop.example/hook ${english}`,
      `Reprise vers shop.example/hook ${french}`,
    );
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
