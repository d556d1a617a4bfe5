import type { Templates } from './templates.js';

/** French counts none as one. */
const sends = (count: number): string => `${count} ${count < 2 ? 'envoi' : 'envois'}`;

// French sets a no-break space before `:` and `;`.
export const french: Templates = {
  colon: '\u00a0: ',
  separator: '\u00a0; ',
  kinds: { payment: 'Paiement', collect: 'Encaissement' },
  statuses: {
    pending: 'en attente',
    succeeded: 'réussi',
    failed: 'échoué',
    refunded: 'remboursé',
    expired: 'expiré',
    cancelled: 'annulé',
  },
  ofAmount: (subject, amount) => `${subject} de ${amount}`,
  late: '(signalé en retard)',
  customEvent: (type) => `Événement ${type} publié`,
  customEventOf: (type, operation) => `Événement ${type}\u00a0: ${operation}`,
  eventRefused: (type, reason) => `Événement${type === null ? '' : ` ${type}`} refusé\u00a0: ${reason}`,
  systemEvents: {
    'webhook_endpoint.disabled': 'Avis publié\u00a0: un webhook a été désactivé',
    'delivery.exhausted': 'Avis publié\u00a0: un envoi a été abandonné après son dernier essai',
    'api_key.regenerated': 'Avis publié\u00a0: les clés API ont été régénérées',
    'api_key.revoked': 'Avis publié\u00a0: une clé API a été révoquée',
    'api_key.secret_key_exposed': 'Avis publié\u00a0: une clé secrète a servi dans une page web',
  },

  webhookTo: (address) => `Webhook vers ${address}`,
  delivered: (webhook, attempts) => (attempts > 1 ? `${webhook} livré après ${attempts} essais` : `${webhook} livré`),
  failedRetrying: (webhook, outcome, wait) => `${webhook} échoué\u00a0: ${outcome}\u00a0; nouvel essai dans ${wait}`,
  failedGone: (webhook, outcome) =>
    `${webhook} échoué\u00a0: ${outcome}\u00a0; le destinataire n'existe plus, le webhook a été désactivé`,
  failedExhausted: (webhook, outcome, attempts) =>
    `${webhook} échoué définitivement\u00a0: ${outcome}\u00a0; plus d'essai après ${attempts}`,
  deliveryEnds: {
    poison: (webhook) => `${webhook} arrêté\u00a0: son envoi a interrompu le service plusieurs fois`,
    expired: (webhook) => `${webhook} arrêté\u00a0: son événement a dépassé la durée de conservation`,
    cancelled_by_user: (webhook) => `${webhook} annulé`,
    endpoint_disabled: (webhook) => `${webhook} ignoré\u00a0: le webhook est désactivé`,
    endpoint_deleted: (webhook) => `${webhook} annulé\u00a0: le webhook a été supprimé`,
  },
  after: (outcome, duration) => `${outcome} après ${duration}`,
  notFollowed: '(les redirections ne sont pas suivies)',
  attemptErrors: {
    policy: "l'adresse n'est pas autorisée",
    dns: "le nom n'a pas été trouvé",
    connect: 'aucune connexion',
    tls: 'aucune connexion sécurisée',
    timeout: 'pas de réponse complète à temps',
    reset: 'la connexion a été interrompue',
    protocol: "la réponse n'était pas du HTTP valide",
    too_large_headers: 'les en-têtes de la réponse étaient trop grands',
  },
  resends: {
    retry: (address) => `Nouvel essai demandé\u00a0: webhook vers ${address}`,
    redeliver: (address) => `Événement renvoyé\u00a0: webhook vers ${address}`,
  },
  testSent: (address, delivered, outcome) =>
    `Webhook de test vers ${address} ${delivered ? 'livré' : 'échoué'}\u00a0: ${outcome}`,
  recoveries: {
    started: (address, count) => `Reprise de ${sends(count)} vers ${address} commencée`,
    done: (address, count) =>
      `Reprise vers ${address} terminée\u00a0: ${sends(count)} ${count < 2 ? 'refait' : 'refaits'}`,
    cancelled: (address, count) => `Reprise vers ${address} annulée après ${sends(count)}`,
    cancelled_disabled: (address, count) =>
      `Reprise vers ${address} arrêtée après ${sends(count)}\u00a0: le webhook a été désactivé`,
    cancelled_deleted: (address, count) =>
      `Reprise vers ${address} arrêtée après ${sends(count)}\u00a0: le webhook a été supprimé`,
  },

  endpoints: {
    created: (address) => `Webhook ${address} créé`,
    updated: (address) => `Webhook ${address} modifié`,
    deleted: (address) => `Webhook ${address} supprimé`,
    enabled: (address) => `Webhook ${address} activé`,
    disabled: (address) => `Webhook ${address} désactivé`,
    disabled_gone: (address) => `Webhook ${address} désactivé\u00a0: il a répondu 410 Gone`,
    disabled_failing: (address) => `Webhook ${address} désactivé\u00a0: un jour d'échecs sans un succès`,
    secret_read: (address) => `Secret de signature du webhook ${address} lu`,
    secret_rotated: (address) => `Secret de signature du webhook ${address} renouvelé`,
  },
  keys: {
    created: (key) => `Clé API restreinte ${key} créée`,
    regenerated: () => 'Clés API régénérées',
    revoked: (key) => `Clé API ${key} révoquée`,
    updated: (key) => `Clé API ${key} modifiée`,
    refused_in_browser: (key) => `Clé API ${key} refusée\u00a0: elle a servi dans une page web`,
  },
  secretOverlap: (wait) => (wait === null ? 'le précédent a pris fin' : `le précédent prend fin dans ${wait}`),
  keysOverlap: (wait) => (wait === null ? 'les précédentes ont pris fin' : `les précédentes prennent fin dans ${wait}`),
  fromPage: (sentence, origin) => (origin === null ? sentence : `${sentence} de ${origin}`),
  accounts: {
    created: (name) => `Compte ${name} créé`,
    updated: (name) => `Compte ${name} modifié`,
    suspended: (name) => `Compte ${name} suspendu`,
    reactivated: (name) => `Compte ${name} de nouveau actif`,
  },
  eventTypes: {
    created: (type) => `Type d'événement ${type} créé`,
    updated: (type) => `Type d'événement ${type} modifié`,
    retired: (type) => `Type d'événement ${type} retiré`,
    deleted: (type) => `Type d'événement ${type} supprimé`,
  },
  erased: (operationId) => `Données personnelles de l'opération ${operationId} effacées`,
  started: (role, version) => `Signalpost ${version} démarré (rôle ${role})`,
  requests: { succeeded: 'réussi', refused: 'refusé', failed: 'échoué' },
};
