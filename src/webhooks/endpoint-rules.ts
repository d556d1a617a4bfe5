import { parseApiKey } from '../auth/api-key.js';
import type { FieldError } from '../common/app-error.js';
import { isHeaderName, isReservedHeader, judgeCustomHeaders } from './custom-headers.js';
import { isEd25519Secret, isPrintableSecret, isStandardSecret } from './endpoint-secret.js';
import { DEFAULT_TIMESTAMPED_HEADER, DEFAULT_TIMESTAMPED_LABEL } from './signature.js';
import type { SignatureScheme, SignatureSettings } from './webhook-endpoint.js';

/** The longest `timeout_ms`: what an attempt may take. */
export const MAX_TIMEOUT_MS = 30_000;
export const MAX_SCHEDULE_SECONDS = 8 * 24 * 3600;
const LABEL = /^[a-z0-9]{1,16}$/;
/** What stands before the time in the same header. */
const TIME_LABEL = 't';
/** Headers that a signature would displace. */
const REQUEST_HEADERS: ReadonlySet<string> = new Set(['user-agent', 'accept', 'authorization', 'cookie', 'date']);

/** The fields of an endpoint that are judged together, as they will be stored. */
export interface JudgedSettings {
  readonly headers: Readonly<Record<string, string>>;
  readonly retrySchedule: readonly number[] | null;
  readonly signature: SignatureSettings;
}

/** What is wrong with an endpoint's settings beyond the form of each field; empty: nothing. */
export function judgeSettings({ headers, retrySchedule, signature }: JudgedSettings): FieldError[] {
  return [
    ...judgeSignature(signature),
    ...judgeCustomHeaders(headers, signature.header),
    ...judgeSchedule(retrySchedule),
  ];
}

/** The settings that a request's `signature` stands for, with the defaults of `timestamped` filled in. */
export function signatureSettings(
  given: { scheme: SignatureScheme; header?: string | null; label?: string | null } = { scheme: 'standard' },
): SignatureSettings {
  const { scheme } = given;
  if (scheme !== 'timestamped') return { scheme, header: given.header ?? null, label: given.label ?? null };
  return {
    scheme,
    header: given.header ?? DEFAULT_TIMESTAMPED_HEADER,
    label: given.label ?? DEFAULT_TIMESTAMPED_LABEL,
  };
}

/** Whether a merchant's own secret fits the scheme. */
export function judgeSecret(secret: string, scheme: SignatureScheme): FieldError[] {
  const fault = (message: string) => [{ field: 'secret', code: 'invalid_secret', message }];
  if (parseApiKey(secret) !== null)
    return fault('This is an API key: never share it with a receiver. Use another secret.');
  if (!isPrintableSecret(secret)) return fault('Use 16 to 256 printable ASCII characters.');
  if (scheme === 'standard' && !isStandardSecret(secret)) return fault('Use whsec_ and base64 of 24 to 64 bytes.');
  if (scheme === 'ed25519' && !isEd25519Secret(secret)) {
    return fault('Use whsk_ and base64 of an ed25519 seed and its public key, or leave it out.');
  }
  return [];
}

function judgeSignature({ scheme, header, label }: SignatureSettings): FieldError[] {
  if (scheme !== 'timestamped') {
    const given = Object.entries({ header, label }).filter(([, value]) => value !== null);
    const message = 'Only the scheme timestamped has this setting.';
    return given.map(([name]) => ({ field: `signature.${name}`, code: 'not_applicable', message }));
  }
  const errors: FieldError[] = [];
  if (header !== null && !mayCarrySignature(header)) {
    const message = 'Use a header name that neither HTTP nor Signalpost uses, such as X-Webhook-Signature.';
    errors.push({ field: 'signature.header', code: 'reserved_header', message });
  }
  if (label !== null && !LABEL.test(label)) {
    errors.push({ field: 'signature.label', code: 'invalid_format', message: 'Use 1 to 16 of a-z and 0-9.' });
  }
  if (label === TIME_LABEL) {
    errors.push({ field: 'signature.label', code: 'reserved_label', message: 'Use another label: t is the time.' });
  }
  return errors;
}

function mayCarrySignature(header: string): boolean {
  return isHeaderName(header) && !isReservedHeader(header) && !REQUEST_HEADERS.has(header.toLowerCase());
}

function judgeSchedule(waits: readonly number[] | null): FieldError[] {
  const sum = (waits ?? []).reduce((total, wait) => total + wait, 0);
  if (sum <= MAX_SCHEDULE_SECONDS) return [];
  return [
    { field: 'retry_schedule', code: 'too_long', message: 'Use waits of at most 8 days (691,200 seconds) together.' },
  ];
}
