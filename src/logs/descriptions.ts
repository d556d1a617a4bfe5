import type { Locale } from '../accounts/account.js';
import { coverPersons, type Person } from '../common/covered-persons.js';
import type {
  AccountAction,
  AttemptErrorCode,
  DeliveryEnd,
  EndpointAction,
  EventTypeAction,
  KeyAction,
  KnownKind,
  KnownStatus,
  RecoveryAction,
  Templates,
} from './templates/templates.js';
import { english } from './templates/english.js';
import { french } from './templates/french.js';
import { showAmount } from './shown-amount.js';
import { showDuration, showWait } from './shown-duration.js';
import { cut, showClause, showText, showUrl } from './shown-text.js';

export type { AttemptErrorCode, RecoveryAction } from './templates/templates.js';

const TEMPLATES: Record<Locale, Templates> = { en: english, fr: french };

/** What an event reports, as far as a sentence shows it: never who the customer is. */
export interface DescribedOperation {
  readonly id: string;
  readonly kind: string;
  readonly status: string;
  readonly amount: number | null;
  readonly currency: string | null;
  readonly reference: string | null;
  readonly cause: { readonly code: string | null; readonly description: string | null } | null;
  /** Reported after a later state was known. */
  readonly stale?: boolean;
  /** Who must not be told of, though the cause may name them. */
  readonly customers?: readonly (Person | null)[];
}

/** A built-in event: "Payment INV-2026-1071 of 2,500 XAF succeeded". */
export function describeOperationEvent(locale: Locale, operation: DescribedOperation): string {
  const templates = TEMPLATES[locale];
  const outcome = templates.statuses[operation.status as KnownStatus] ?? showText(operation.status);
  const sentence = `${subjectOf(locale, operation)} ${outcome}${causeOf(templates, operation)}`;
  return cut(operation.stale ? `${sentence} ${templates.late}` : sentence);
}

/** An event of a type that the platform registered, or of the system; `operation` when it carries one. */
export function describeCustomEvent(locale: Locale, type: string, operation: DescribedOperation | null): string {
  const templates = TEMPLATES[locale];
  const system = templates.systemEvents[type as keyof Templates['systemEvents']];
  if (!operation) return system ?? templates.customEvent(showText(type));
  return cut(templates.customEventOf(showText(type), describeOperationEvent(locale, operation)));
}

/** An event that its producer left in the database and that could not be published; `fields`: the wrong ones. */
export interface DescribedRefusal {
  readonly type: string | null;
  /** A code of `ERROR_CODES`. */
  readonly code: string;
  readonly fields: readonly string[];
}

/** "Event payment.failed was refused: invalid_input (operation.amount)": in codes, which have no language. */
export function describeRefusedEvent(locale: Locale, { type, code, fields }: DescribedRefusal): string {
  const named = fields.filter((field) => field !== '').map(showText);
  const reason = named.length > 0 ? `${code} (${named.join(', ')})` : code;
  return cut(TEMPLATES[locale].eventRefused(type === null ? null : showText(type), reason));
}

function subjectOf(locale: Locale, { kind, reference, id, amount, currency }: DescribedOperation): string {
  const templates = TEMPLATES[locale];
  const name = `${templates.kinds[kind as KnownKind] ?? showText(kind)} ${showText(reference || id)}`;
  return amount === null || currency === null ? name : templates.ofAmount(name, showAmount(locale, amount, currency));
}

function causeOf(templates: Templates, { cause, customers = [] }: DescribedOperation): string {
  const text = cause?.description ? showClause(coverPersons(cause.description, customers)) : '';
  const code = cause?.code ? showText(coverPersons(cause.code, customers)) : '';
  if (text === '' && code === '') return '';
  return `${templates.colon}${text === '' ? code : code === '' ? text : `${text} (${code})`}`;
}

/** How one request of a delivery ended. */
export interface DescribedAttempt {
  readonly statusCode: number | null;
  readonly errorCode: AttemptErrorCode | null;
  readonly durationMs: number;
}

/** What happened to a delivery; `url` is shown without its query. */
export type DescribedDelivery = { readonly url: string } & (
  | { readonly outcome: 'succeeded'; readonly attemptCount: number }
  | { readonly outcome: 'failed'; readonly attempt: DescribedAttempt; readonly nextTryInMs: number }
  | { readonly outcome: 'gone'; readonly attempt: DescribedAttempt }
  | { readonly outcome: 'exhausted'; readonly attempt: DescribedAttempt; readonly attemptCount: number }
  | { readonly outcome: DeliveryEnd }
);

/** "Webhook to shop.example/hook failed: 500 after 120 ms; next try in 30 s". */
export function describeDelivery(locale: Locale, delivery: DescribedDelivery): string {
  const templates = TEMPLATES[locale];
  const to = templates.webhookTo(showUrl(delivery.url));
  switch (delivery.outcome) {
    case 'succeeded':
      return cut(templates.delivered(to, delivery.attemptCount));
    case 'failed':
      return cut(
        templates.failedRetrying(to, attemptOf(locale, delivery.attempt), showWait(locale, delivery.nextTryInMs)),
      );
    case 'gone':
      return cut(templates.failedGone(to, attemptOf(locale, delivery.attempt)));
    case 'exhausted':
      return cut(templates.failedExhausted(to, attemptOf(locale, delivery.attempt), delivery.attemptCount));
    default:
      return cut(templates.deliveryEnds[delivery.outcome](to));
  }
}

function attemptOf(locale: Locale, { statusCode, errorCode, durationMs }: DescribedAttempt): string {
  const templates = TEMPLATES[locale];
  const outcome = errorCode ? templates.attemptErrors[errorCode] : statusCode === null ? '?' : String(statusCode);
  const redirected = !errorCode && statusCode !== null && statusCode >= 300 && statusCode < 400;
  return templates.after(
    redirected ? `${outcome} ${templates.notFollowed}` : outcome,
    showDuration(locale, durationMs),
  );
}

/** A delivery that someone asked to send again, now or anew. */
export function describeResend(locale: Locale, resend: 'retry' | 'redeliver', url: string): string {
  return cut(TEMPLATES[locale].resends[resend](showUrl(url)));
}

/** Something done to a webhook endpoint. `changed` names the fields of an update; `overlapMs` belongs to a rotation. */
export interface DescribedEndpoint {
  readonly action: EndpointAction;
  readonly url: string;
  readonly changed?: readonly string[];
  readonly overlapMs?: number;
}

export function describeEndpoint(locale: Locale, { action, url, changed, overlapMs }: DescribedEndpoint): string {
  const templates = TEMPLATES[locale];
  const sentence = templates.endpoints[action](showUrl(url));
  if (action === 'updated' && changed?.length) return cut(`${sentence}${templates.colon}${changed.join(', ')}`);
  if (action === 'secret_rotated')
    return cut(`${sentence}${templates.separator}${templates.secretOverlap(wait(locale, overlapMs))}`);
  return cut(sentence);
}

/** A signed sample sent by hand. */
export function describeTestSend(locale: Locale, url: string, delivered: boolean, attempt: DescribedAttempt): string {
  return cut(TEMPLATES[locale].testSent(showUrl(url), delivered, attemptOf(locale, attempt)));
}

/** A job that sends deliveries of an endpoint again; `count` is how many it has to send, or has sent. */
export function describeRecovery(locale: Locale, action: RecoveryAction, url: string, count: number): string {
  return cut(TEMPLATES[locale].recoveries[action](showUrl(url), count));
}

/** Something done to API keys. `preview` is `sk_live_…4f2a`, never a key. */
export interface DescribedKey {
  readonly action: KeyAction;
  readonly name?: string;
  readonly preview?: string;
  readonly changed?: readonly string[];
  /** How long the earlier pair still works after a regeneration; 0 or absent: it ended. */
  readonly overlapMs?: number;
  /** The page that used the key, for `refused_in_browser`. */
  readonly origin?: string | null;
}

export function describeKey(locale: Locale, key: DescribedKey): string {
  const templates = TEMPLATES[locale];
  const named = [key.name && showText(key.name), key.preview && `(${key.preview})`].filter(Boolean).join(' ');
  const sentence = templates.keys[key.action](named);
  switch (key.action) {
    case 'regenerated':
      return cut(`${sentence}${templates.separator}${templates.keysOverlap(wait(locale, key.overlapMs))}`);
    case 'updated':
      return cut(key.changed?.length ? `${sentence}${templates.colon}${key.changed.join(', ')}` : sentence);
    case 'refused_in_browser':
      return cut(templates.fromPage(sentence, key.origin ? showText(key.origin) : null));
    default:
      return cut(sentence);
  }
}

function wait(locale: Locale, waitMs: number | undefined): string | null {
  return waitMs ? showWait(locale, waitMs) : null;
}

/** Something done to an account by the platform. */
export function describeAccount(
  locale: Locale,
  action: AccountAction,
  name: string,
  changed: readonly string[] = [],
): string {
  const templates = TEMPLATES[locale];
  const sentence = templates.accounts[action](showText(name));
  return cut(changed.length > 0 ? `${sentence}${templates.colon}${changed.join(', ')}` : sentence);
}

/** Something done to an event type by the platform. */
export function describeEventType(locale: Locale, action: EventTypeAction, type: string): string {
  return cut(TEMPLATES[locale].eventTypes[action](showText(type)));
}

/** The personal data of an operation was erased. */
export function describeErasure(locale: Locale, operationId: string): string {
  return cut(TEMPLATES[locale].erased(showText(operationId)));
}

/** A process of the service started, for the platform's own logs. */
export function describeStart(locale: Locale, role: string, version: string): string {
  return cut(TEMPLATES[locale].started(role, version));
}

export interface DescribedRequest {
  readonly method: string;
  /** The route's pattern, such as `/v1/events/:id`. */
  readonly route: string;
  readonly status: number;
  readonly code: string | null;
}

/** "POST /v1/webhook-endpoints refused: 422 invalid_input". */
export function describeRequest(locale: Locale, { method, route, status, code }: DescribedRequest): string {
  const templates = TEMPLATES[locale];
  const outcome = status < 400 ? 'succeeded' : status < 500 ? 'refused' : 'failed';
  const answer = code ? `${status} ${code}` : String(status);
  return cut(`${method} ${route} ${templates.requests[outcome]}${templates.colon}${answer}`);
}
