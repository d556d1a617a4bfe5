import { createHmac, createPublicKey, timingSafeEqual, verify } from 'node:crypto';
import fc from 'fast-check';
import { Webhook, WebhookVerificationError } from 'standardwebhooks';
import { newSecretFor, publicKeyOf } from '../../src/webhooks/endpoint-secret.js';
import { signRequest, toSigningKey } from '../../src/webhooks/signature.js';
import { SIGNATURE_SCHEMES, type SignatureScheme } from '../../src/webhooks/webhook-endpoint.js';

interface Received {
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer;
}

/** Bodies as events are, and as they never are: empty, of any Unicode, deep, up to 256 KiB. */
const bodies = fc.oneof(
  { weight: 40, arbitrary: fc.json({ maxDepth: 6 }) },
  {
    weight: 30,
    arbitrary: fc.string({ unit: 'binary', maxLength: 500 }).map((text) => JSON.stringify({ data: text })),
  },
  { weight: 20, arbitrary: fc.string({ unit: 'grapheme', maxLength: 300 }) },
  { weight: 5, arbitrary: fc.integer({ min: 1, max: 2_000 }).map((depth) => '['.repeat(depth) + ']'.repeat(depth)) },
  { weight: 3, arbitrary: fc.constant('') },
  { weight: 2, arbitrary: fc.integer({ max: 131_072, min: 1 }).map((length) => JSON.stringify('é'.repeat(length))) },
);
const secretCounts = fc.integer({ min: 1, max: 3 });

/** The receiver's side, by each scheme's public description; none of it is this project's code. */
const VERIFIERS: Record<SignatureScheme, (received: Received, secret: string) => boolean> = {
  standard: ({ headers, body }, secret) => {
    try {
      new Webhook(secret).verify(body, headers);
      return true;
    } catch (error) {
      // The package parses a body once its signature is right; not every body here is JSON.
      return !(error instanceof WebhookVerificationError);
    }
  },
  ed25519: ({ headers, body }, secret) => {
    const x = Buffer.from(publicKeyOf(secret).slice('whpk_'.length), 'base64').toString('base64url');
    const key = createPublicKey({ key: { kty: 'OKP', crv: 'Ed25519', x }, format: 'jwk' });
    const start = `${headers['webhook-id']}.${headers['webhook-timestamp']}.`;
    return headers['webhook-signature']!.split(' ').some((entry) => {
      const [version, signature = ''] = entry.split(',');
      return (
        version === 'v1a' &&
        verify(null, Buffer.concat([Buffer.from(start), body]), key, Buffer.from(signature, 'base64'))
      );
    });
  },
  timestamped: ({ headers, body }, secret) => {
    const [time, ...entries] = headers['X-Webhook-Signature']!.split(',');
    const mac = createHmac('sha256', secret)
      .update(`${time!.slice('t='.length)}.`)
      .update(body)
      .digest();
    return entries.some((entry) => {
      const given = Buffer.from(entry.slice('v1='.length), 'hex');
      return entry.startsWith('v1=') && given.length === mac.length && timingSafeEqual(given, mac);
    });
  },
};

/**
 * Signs generated bodies and has them verified: with each of the secrets they are taken, and not with another one, nor
 * once any one bit of what is signed, or of the signature's bytes, has changed.
 * @throws when one is not so, with the smallest body that shows it
 */
export function assertSignaturesHold(runs: number): void {
  fc.assert(
    fc.property(bodies, secretCounts, fc.nat(), fc.constantFrom(...SIGNATURE_SCHEMES), (text, count, place, scheme) => {
      const secrets = Array.from({ length: count }, () => newSecretFor(scheme, null).secret);
      const body = Buffer.from(text, 'utf8');
      const headers = signRequest({
        scheme,
        header: null,
        label: null,
        secrets: secrets.map((secret) => toSigningKey(scheme, secret)),
        id: `evt_${place}`,
        timestampSeconds: Math.floor(Date.now() / 1_000),
        body,
      });
      const verifies = VERIFIERS[scheme];
      if (!secrets.every((secret) => verifies({ headers, body }, secret))) return false;
      if (verifies({ headers, body }, newSecretFor(scheme, null).secret)) return false;
      const changed = [
        { headers, body: withOneBitChanged(body, place) },
        { headers: withOneBitOfTheSignatureChanged(headers, scheme, place), body },
        { headers: withAnotherTime(headers, scheme), body },
        ...(scheme === 'timestamped' ? [] : [{ headers: { ...headers, 'webhook-id': `evt_${place + 1}` }, body }]),
      ];
      return changed.every((received) => !verifies(received, secrets[0]!));
    }),
    { numRuns: runs },
  );
}

function withOneBitChanged(bytes: Buffer, place: number): Buffer {
  if (bytes.length === 0) return Buffer.from([1 << (place % 8)]);
  const changed = Buffer.from(bytes);
  // The lowest seven bits, so that ASCII stays text and a verifier that reads text sees the change.
  const bit = place % (changed.length * 7);
  changed[Math.floor(bit / 7)]! ^= 1 << (bit % 7);
  return changed;
}

/** Of the first secret's entry. */
function withOneBitOfTheSignatureChanged(
  headers: Readonly<Record<string, string>>,
  scheme: SignatureScheme,
  place: number,
): Record<string, string> {
  const name = scheme === 'timestamped' ? 'X-Webhook-Signature' : 'webhook-signature';
  const [separator, encoding] =
    scheme === 'timestamped' ? [/^(t=\d+,v1=)([0-9a-f]+)/, 'hex' as const] : [/^(v1a?,)([\w+/=]+)/, 'base64' as const];
  const changed = headers[name]!.replace(separator, (_all, start: string, encoded: string) => {
    const bytes = Buffer.from(encoded, encoding);
    const bit = place % (bytes.length * 8);
    bytes[bit >> 3]! ^= 1 << (bit & 7);
    return start + bytes.toString(encoding);
  });
  return { ...headers, [name]: changed };
}

function withAnotherTime(headers: Readonly<Record<string, string>>, scheme: SignatureScheme): Record<string, string> {
  const later = String(Number(headers['webhook-timestamp']) + 1);
  if (scheme !== 'timestamped') return { ...headers, 'webhook-timestamp': later };
  const signature = headers['X-Webhook-Signature']!.replace(/^t=\d+/, `t=${later}`);
  return { ...headers, 'X-Webhook-Signature': signature };
}
