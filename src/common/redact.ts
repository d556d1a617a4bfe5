import { maskText } from './masked-text.js';

const SECRET_FIELD =
  /authorization|cookie|password|passwd|secret|token|pepper|credential|(?:^|[._-])key$|[a-z]Key$|^pass$|keys$|signature/i;
/** What `maskText` leaves to callers, but no line of ours needs: public keys, bearer values, passwords in URLs. */
const SECRET_SHAPES: readonly [RegExp, string][] = [
  [/(?<![0-9A-Za-z])(pk_(?:test|live)_)[0-9A-Za-z]{8,}/g, '$1****'],
  [/\b(Bearer\s+)[^\s",;]+/gi, '$1****'],
  [/(:\/\/[^\s:/@]*:)[^\s/@]+@/g, '$1****@'],
];
/** Stands in every text that a shape can match: one look spares most texts the others. */
const SECRET_MARK = /pk_(?:test|live)_|bearer|:\/\//i;
const REDACTED = '[redacted]';
const MAX_DEPTH = 8;

/** `text` without what looks like a key, a signing secret, a bearer value, a password in a URL or a card number. */
export function redactText(text: string): string {
  let redacted = text;
  if (SECRET_MARK.test(redacted)) {
    for (const [shape, replacement] of SECRET_SHAPES) redacted = redacted.replace(shape, replacement);
  }
  return maskText(redacted);
}

/**
 * A copy of `value` whose secret fields and secret-looking texts are gone; errors keep type, message, code and stack.
 */
export function redact(value: unknown, depth = 0): unknown {
  if (typeof value === 'string') return redactText(value);
  if (typeof value !== 'object' || value === null || value instanceof Date) return value;
  if (depth > MAX_DEPTH || ArrayBuffer.isView(value)) return REDACTED;
  if (Array.isArray(value)) return value.map((item) => redact(item, depth + 1));
  if (value instanceof Error) return redactError(value, depth);
  return Object.fromEntries(
    Object.entries(value).map(([name, item]) => [
      name,
      item !== null && isSecretField(name) ? REDACTED : redact(item, depth + 1),
    ]),
  );
}

const MAX_KNOWN_FIELDS = 1_000;
const knownFields = new Map<string, boolean>();

/** Log lines use the same few names again and again. */
function isSecretField(name: string): boolean {
  let isSecret = knownFields.get(name);
  if (isSecret === undefined) {
    isSecret = SECRET_FIELD.test(name);
    if (knownFields.size < MAX_KNOWN_FIELDS) knownFields.set(name, isSecret);
  }
  return isSecret;
}

/** A driver's error also carries the statement's values: only what is named here is kept. */
function redactError(error: Error & { code?: unknown; constraint?: unknown }, depth: number): object {
  return {
    type: error.name,
    message: redactText(error.message),
    stack: redactText(error.stack ?? ''),
    ...(error.code === undefined ? {} : { code: error.code }),
    ...(error.constraint === undefined ? {} : { constraint: error.constraint }),
    ...(error.cause === undefined ? {} : { cause: redact(error.cause, depth + 1) }),
    ...(error instanceof AggregateError ? { errors: redact(error.errors, depth + 1) } : {}),
  };
}
