import { createHmac, createPublicKey, timingSafeEqual, verify } from 'node:crypto';
import { isEd25519Secret } from '../endpoint-secret.js';
import { type SigningKey, toSigningKey } from '../signature.js';
import type { SignatureScheme, SignatureSettings } from '../webhook-endpoint.js';
import { readSignature, type ReceivedSignature } from './received-signature.js';

/** As Standard Webhooks says, and as its libraries do. */
export const TOLERANCE_SECONDS = 300;

export const VERDICT_REASONS = [
  'wrong_secret',
  'api_key_used_as_secret',
  'body_changed',
  'timestamp_too_old',
  'header_missing',
  'header_malformed',
  'secret_expired',
] as const;
export type VerdictReason = (typeof VERDICT_REASONS)[number];

export interface SignatureVerdict {
  readonly valid: boolean;
  /** Null when valid. */
  readonly reason: VerdictReason | null;
  /** What to do, in words. */
  readonly hint: string;
}

export interface ExaminedRequest {
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
  readonly settings: SignatureSettings;
  readonly liveSecrets: readonly string[];
  /** Those whose overlap ended not long ago. */
  readonly endedSecrets: readonly { readonly secret: string; readonly endedAt: Date }[];
  /** The key with which the question is asked; null: none that could be meant. */
  readonly apiKey: string | null;
  readonly nowSeconds: number;
  /** The stored bytes of the event that a `webhook-id` names; null: no such event. */
  readonly storedBody: (webhookId: string) => Promise<string | null>;
}

/** Says whether a receiver should have taken a request, and if not, what is the matter; the first that applies. */
export async function judgeSignature(request: ExaminedRequest): Promise<SignatureVerdict> {
  const { scheme } = request.settings;
  const received = readSignature(request.headers, request.settings);
  if ('reason' in received) return { valid: false, ...received };
  const body = Buffer.from(request.body, 'utf8');
  const live = keysOf(scheme, request.liveSecrets);
  if (isSignedBy(live, received, body, scheme)) return judgeTime(received.timestampSeconds, request.nowSeconds);

  const ended = request.endedSecrets.find(({ secret }) => isSignedBy(keysOf(scheme, [secret]), received, body, scheme));
  if (ended) return refuse('secret_expired', expiredHint(scheme, ended.endedAt));
  if (request.apiKey !== null && isSignedBy(keysFromApiKey(scheme, request.apiKey), received, body, scheme)) {
    return refuse('api_key_used_as_secret', API_KEY_HINT);
  }
  const known = [
    ...live,
    ...keysOf(
      scheme,
      request.endedSecrets.map(({ secret }) => secret),
    ),
  ];
  const stored = received.id === null ? null : await request.storedBody(received.id);
  const original = originalOf(request.body, stored, (candidate) => isSignedBy(known, received, candidate, scheme));
  if (original !== null) return refuse('body_changed', changedHint(request.body, original));
  return refuse('wrong_secret', WRONG_SECRET_HINTS[scheme]);
}

function judgeTime(timestampSeconds: number, nowSeconds: number): SignatureVerdict {
  const ageSeconds = nowSeconds - timestampSeconds;
  if (Math.abs(ageSeconds) <= TOLERANCE_SECONDS) return { valid: true, reason: null, hint: VALID_HINT };
  const hint =
    ageSeconds > 0
      ? `The signature is right, but it was made ${ageSeconds} s ago and verifiers take up to ${TOLERANCE_SECONDS} s. ` +
        'Of a request that you kept, that is as it should be; of one that has just arrived, set your clock (NTP), and ' +
        'verify before you queue.'
      : `The signature is right, but its time lies ${-ageSeconds} s ahead: set your clock (NTP).`;
  return refuse('timestamp_too_old', hint);
}

/**
 * What was signed, when it is not the body that was given: the event as it is stored, or, for one that is not (a test
 * send), what the given body was before somebody parsed it and wrote it again.
 */
function originalOf(given: string, stored: string | null, isSigned: (body: Buffer) => boolean): string | null {
  const candidates = new Set([stored, compactJson(given), given.trim()]);
  candidates.delete(given);
  return [...candidates].find((text) => text !== null && isSigned(Buffer.from(text, 'utf8'))) ?? null;
}

function isSignedBy(
  keys: readonly SigningKey[],
  { id, timestampText, signatures }: ReceivedSignature,
  body: Buffer,
  scheme: SignatureScheme,
): boolean {
  const start = scheme === 'timestamped' ? `${timestampText}.` : `${id ?? ''}.${timestampText}.`;
  const content = Buffer.concat([Buffer.from(start, 'utf8'), body]);
  if (scheme === 'ed25519') {
    return keys.some((key) => {
      const publicKey = createPublicKey(key);
      return signatures.some((signature) => verify(null, content, publicKey, signature));
    });
  }
  return keys.some((key) => {
    const expected = createHmac('sha256', key).update(content).digest();
    return signatures.some((signature) => timingSafeEqual(signature, expected));
  });
}

/** A secret that does not fit the scheme signs nothing. */
function keysOf(scheme: SignatureScheme, secrets: readonly string[]): SigningKey[] {
  return secrets
    .filter((secret) => isEd25519Secret(secret) === (scheme === 'ed25519'))
    .map((secret) => toSigningKey(scheme, secret));
}

/** As a verifier takes it that was given the key for a secret: whole, or as the base64 that it is not. */
function keysFromApiKey(scheme: SignatureScheme, apiKey: string): SigningKey[] {
  return scheme === 'ed25519' ? [] : [Buffer.from(apiKey, 'utf8'), Buffer.from(apiKey, 'base64')];
}

/** The form in which events are written; null when it is no JSON, or has it already. */
function compactJson(text: string): string | null {
  try {
    return JSON.stringify(JSON.parse(text));
  } catch {
    return null;
  }
}

function changedHint(given: string, original: string): string {
  const cure =
    'Verify the raw bytes as they arrive, before any parser or middleware touches them, and parse afterwards.';
  if (given === '') return `The body is empty: something read it before you did. ${cure}`;
  if (given.trim() === original) {
    return `There is white space or a byte order mark around the body that was not sent. ${cure}`;
  }
  if (sortedJson(given) === sortedJson(original)) {
    return `The body was parsed and written again: its values are right, its bytes are not. ${cure}`;
  }
  return `The headers belong to another body than this one: it was changed on its way, or mixed up with another. ${cure}`;
}

/** Equal for texts that hold the same values. */
function sortedJson(text: string): string {
  try {
    return JSON.stringify(JSON.parse(text), (_key, value: unknown) =>
      typeof value === 'object' && value !== null && !Array.isArray(value)
        ? Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)))
        : value,
    );
  } catch {
    return text;
  }
}

function refuse(reason: VerdictReason, hint: string): SignatureVerdict {
  return { valid: false, reason, hint };
}

const VALID_HINT =
  'The signature is right and fresh. If your code refuses it, it uses another secret, another body or another clock ' +
  'than these: compare what it verifies with what you sent here.';

const API_KEY_HINT =
  "This was signed with your API key. Webhooks are signed with the endpoint's own secret: read it with " +
  'GET /v1/webhook-endpoints/{id}/secret.';

const WRONG_SECRET_HINTS: Record<SignatureScheme, string> = {
  standard:
    "No secret of this endpoint made this signature. Use this endpoint's secret (each endpoint and each mode has its " +
    'own), whole with whsec_; its key is the base64 after that prefix, decoded.',
  timestamped:
    "No secret of this endpoint made this signature. Use this endpoint's secret (each endpoint and each mode has its " +
    'own); the key is the whole text of it, a prefix included, not decoded.',
  ed25519:
    "No key of this endpoint made this signature. Use this endpoint's public key (each endpoint and each mode has its " +
    'own); its JWKS is at /.well-known/jwks/{endpoint_id}.json.',
};

function expiredHint(scheme: SignatureScheme, endedAt: Date): string {
  const [what, where] =
    scheme === 'ed25519'
      ? ['key', '/.well-known/jwks/{endpoint_id}.json']
      : ['secret', '/v1/webhook-endpoints/{id}/secret'];
  return `This was signed with a ${what} whose overlap ended at ${endedAt.toISOString()}. Put the present one in: GET ${where}.`;
}
