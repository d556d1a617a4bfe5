import * as sentences from './descriptions.js';
import type { DescribedDelivery } from './descriptions.js';
import { expectBoth } from './descriptions.spec-support.js';

const URL = 'https://shop.example/hook?token=secret';
const ATTEMPT = { statusCode: 500, errorCode: null, durationMs: 120 } as const;

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
