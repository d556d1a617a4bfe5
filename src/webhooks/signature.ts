import { createHmac, type KeyObject, sign } from 'node:crypto';
import { ed25519PrivateKey, isStandardSecret, SHARED_SECRET_PREFIX } from './endpoint-secret.js';
import type { SignatureScheme } from './webhook-endpoint.js';

export const DEFAULT_TIMESTAMPED_HEADER = 'X-Webhook-Signature';
export const DEFAULT_TIMESTAMPED_LABEL = 'v1';

/** A secret made ready for signing: HMAC's key bytes, or an ed25519 private key. */
export type SigningKey = Buffer | KeyObject;

export interface SignatureInput {
  readonly scheme: SignatureScheme;
  /** Header and label of `timestamped`; null: the default. Other schemes have none. */
  readonly header: string | null;
  readonly label: string | null;
  /** Every live secret, as `toSigningKey` made it: each one signs, so that an overlap verifies with either. */
  readonly secrets: readonly SigningKey[];
  /** The event's id, the same for every attempt. */
  readonly id: string;
  /** Unix time of this attempt. */
  readonly timestampSeconds: number;
  /** The very bytes that are sent. */
  readonly body: Buffer;
}

/**
 * The headers that prove a request: `standard` and `ed25519` as Standard Webhooks 1.0.0 says, `timestamped` as
 * `t=<unix>,<label>=<hex>[,<label>=<hex>…]` over `<unix>.<body>`.
 */
export function signRequest(input: SignatureInput): Record<string, string> {
  const { id, timestampSeconds, body, secrets } = input;
  const headers: Record<string, string> = { 'webhook-id': id, 'webhook-timestamp': String(timestampSeconds) };
  if (input.scheme === 'timestamped') {
    const label = input.label ?? DEFAULT_TIMESTAMPED_LABEL;
    const start = `${timestampSeconds}.`;
    const entries = secrets.map((key) => `,${label}=${hmac(key, start, body).toString('hex')}`);
    headers[input.header ?? DEFAULT_TIMESTAMPED_HEADER] = `t=${timestampSeconds}${entries.join('')}`;
    return headers;
  }
  const start = `${id}.${timestampSeconds}.`;
  const entries =
    input.scheme === 'standard'
      ? secrets.map((key) => `v1,${hmac(key, start, body).toString('base64')}`)
      : secrets.map((key) => `v1a,${signEd25519(key, start, body).toString('base64')}`);
  headers['webhook-signature'] = entries.join(' ');
  return headers;
}

/**
 * @param secret as the merchant sees it (`whsec_…`, `whsk_…` or one's own)
 * @throws Error when the secret does not fit the scheme
 */
export function toSigningKey(scheme: SignatureScheme, secret: string): SigningKey {
  // The verifiers of other platforms take the whole string, prefix included, as HMAC's key.
  if (scheme === 'timestamped') return Buffer.from(secret, 'utf8');
  if (scheme === 'ed25519') return ed25519PrivateKey(secret);
  if (!isStandardSecret(secret))
    throw new Error(`A secret of the scheme ${scheme} starts with ${SHARED_SECRET_PREFIX}`);
  return Buffer.from(secret.slice(SHARED_SECRET_PREFIX.length), 'base64');
}

function hmac(key: SigningKey, start: string, body: Buffer): Buffer {
  return createHmac('sha256', key).update(start).update(body).digest();
}

function signEd25519(key: SigningKey, start: string, body: Buffer): Buffer {
  return sign(null, Buffer.concat([Buffer.from(start), body]), key);
}
