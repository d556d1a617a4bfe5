import { createPrivateKey, createPublicKey, generateKeyPairSync, type KeyObject, randomBytes } from 'node:crypto';

import type { SignatureScheme } from './webhook-endpoint.js';

export const SHARED_SECRET_PREFIX = 'whsec_';
export const ED25519_SECRET_PREFIX = 'whsk_';
export const ED25519_PUBLIC_PREFIX = 'whpk_';

const SHARED_SECRET_BYTES = 32;

/** A new secret that both sides share: `whsec_` and base64 of 32 random bytes. */
export function newSharedSecret(): string {
  return SHARED_SECRET_PREFIX + randomBytes(SHARED_SECRET_BYTES).toString('base64');
}

/** A new ed25519 pair in the form of Standard Webhooks: `whsk_` holds seed and public key, `whpk_` the public key. */
export function newEd25519Pair(): { secret: string; publicKey: string } {
  const { d, x } = generateKeyPairSync('ed25519').privateKey.export({ format: 'jwk' });
  const publicKey = Buffer.from(x!, 'base64url');
  const pair = Buffer.concat([Buffer.from(d!, 'base64url'), publicKey]);
  return {
    secret: ED25519_SECRET_PREFIX + pair.toString('base64'),
    publicKey: ED25519_PUBLIC_PREFIX + publicKey.toString('base64'),
  };
}

/** PKCS #8 of an ed25519 private key (RFC 8410), up to the 32 bytes of its seed. */
const ED25519_PKCS8_START = Buffer.from('302e020100300506032b657004220420', 'hex');

/**
 * The private key inside a `whsk_…`.
 * @throws Error when it is none, or when its public half is not that of its seed
 */
export function ed25519PrivateKey(secret: string): KeyObject {
  const encoded = secret.startsWith(ED25519_SECRET_PREFIX) ? secret.slice(ED25519_SECRET_PREFIX.length) : '';
  const pair = Buffer.from(encoded, 'base64');
  if (pair.length !== 64) throw new Error(`An ed25519 key is ${ED25519_SECRET_PREFIX} and base64 of 64 bytes`);
  const der = Buffer.concat([ED25519_PKCS8_START, pair.subarray(0, 32)]);
  const key = createPrivateKey({ key: der, format: 'der', type: 'pkcs8' });
  const { x } = createPublicKey(key).export({ format: 'jwk' });
  if (!Buffer.from(x!, 'base64url').equals(pair.subarray(32))) throw new Error('An ed25519 key has two unlike halves');
  return key;
}

/** The public half of a `whsk_…`, as `whpk_…`. */
export function publicKeyOf(secret: string): string {
  const pair = Buffer.from(secret.slice(ED25519_SECRET_PREFIX.length), 'base64');
  return ED25519_PUBLIC_PREFIX + pair.subarray(32).toString('base64');
}

/** Whether a secret can sign `standard`: `whsec_` and base64 of 24–64 bytes, as every library of it decodes. */
export function isStandardSecret(secret: string): boolean {
  if (!secret.startsWith(SHARED_SECRET_PREFIX)) return false;
  const encoded = secret.slice(SHARED_SECRET_PREFIX.length);
  const bytes = Buffer.from(encoded, 'base64');
  return bytes.length >= 24 && bytes.length <= 64 && bytes.toString('base64') === encoded;
}

/** Whether a merchant's own secret may be taken at all: 16–256 printable bytes. */
export function isPrintableSecret(secret: string): boolean {
  return /^[\x20-\x7e]{16,256}$/.test(secret);
}

/** Whether a merchant's own ed25519 key can sign: `whsk_` and base64 of a seed and its public key. */
export function isEd25519Secret(secret: string): boolean {
  try {
    ed25519PrivateKey(secret);
    return true;
  } catch {
    return false;
  }
}

/** A secret as it is stored, with the half that anyone may see: null but for ed25519. */
export interface NewSecret {
  readonly secret: string;
  readonly publicKey: string | null;
}

/** The secret that an endpoint starts with, and its public key where the scheme has one: `given`, or a new one. */
export function newSecretFor(scheme: SignatureScheme, given: string | null): NewSecret {
  if (scheme !== 'ed25519') return { secret: given ?? newSharedSecret(), publicKey: null };
  return given === null ? newEd25519Pair() : { secret: given, publicKey: publicKeyOf(given) };
}
