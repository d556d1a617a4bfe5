import type { FieldError } from '../common/app-error.js';

const MAX_HEADERS = 20;
const MAX_NAME_LENGTH = 128;
const MAX_VALUE_LENGTH = 2048;

const TOKEN = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;
const PRINTABLE = /^[\x20-\x7e]*$/;

/** Hop-by-hop headers, those that frame the message or name its target, and those that describe the body we make. */
const RESERVED = new Set([
  'accept-encoding',
  'connection',
  'content-encoding',
  'content-length',
  'content-type',
  'expect',
  'host',
  'http2-settings',
  'keep-alive',
  'proxy-authenticate',
  'proxy-authorization',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
  // Not headers of HTTP, but as a key of an object this name means its prototype.
  '__proto__',
]);

/** Whether a name cannot be set by the merchant, for it is the protocol's or ours. */
export function isReservedHeader(name: string): boolean {
  const lower = name.toLowerCase();
  return RESERVED.has(lower) || lower.startsWith('webhook-');
}

export function isHeaderName(name: string): boolean {
  return name.length <= MAX_NAME_LENGTH && TOKEN.test(name);
}

/**
 * What is wrong with an endpoint's own headers; empty: nothing. A `user-agent` of one's own replaces ours.
 * @param signatureHeader where the signature goes, which must not be overridden
 */
export function judgeCustomHeaders(
  headers: Readonly<Record<string, unknown>>,
  signatureHeader: string | null,
): FieldError[] {
  const names = Object.keys(headers);
  if (names.length > MAX_HEADERS) {
    return [{ field: 'headers', code: 'too_many', message: `Use up to ${MAX_HEADERS} headers.` }];
  }
  const seen = new Set(signatureHeader === null ? [] : [signatureHeader.toLowerCase()]);
  return names.flatMap((name) => {
    const lower = name.toLowerCase();
    const error = judgeName(name, seen) ?? judgeValue(headers[name]);
    seen.add(lower);
    return error === null ? [] : [{ field: `headers.${name.slice(0, MAX_NAME_LENGTH)}`, ...error }];
  });
}

type Fault = Omit<FieldError, 'field'>;

function judgeName(name: string, seen: ReadonlySet<string>): Fault | null {
  if (!isHeaderName(name)) {
    return {
      code: 'invalid_header_name',
      message: `Use a header name of up to ${MAX_NAME_LENGTH} letters, digits and hyphens.`,
    };
  }
  if (isReservedHeader(name)) {
    return { code: 'reserved_header', message: 'This header is set by HTTP or by Signalpost.' };
  }
  return seen.has(name.toLowerCase())
    ? { code: 'duplicate_header', message: 'This header is named twice, or carries the signature.' }
    : null;
}

function judgeValue(value: unknown): Fault | null {
  if (typeof value === 'string' && value.length <= MAX_VALUE_LENGTH && PRINTABLE.test(value)) return null;
  return {
    code: 'invalid_header_value',
    message: `Use a string of up to ${MAX_VALUE_LENGTH} printable ASCII characters.`,
  };
}
