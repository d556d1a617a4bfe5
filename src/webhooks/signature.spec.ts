import { createHmac, createPublicKey, verify } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { Webhook } from 'standardwebhooks';
import { newEd25519Pair, newSharedSecret } from './endpoint-secret.js';
import { signRequest, toSigningKey } from './signature.js';
import type { SignatureScheme } from './webhook-endpoint.js';

interface Vectors {
  hmac: { secret: string; id: string; timestamp: number; body: string; signature: string };
  ed25519: { key: string; id: string; timestamp: number; body: string; signature: string };
}
const vectors = JSON.parse(readFileSync('test/fixtures/signature-vectors.json', 'utf8')) as Vectors;

function headersFor(scheme: SignatureScheme, secrets: string[], body: string, timestampSeconds: number, id = 'evt_1') {
  const keys = secrets.map((secret) => toSigningKey(scheme, secret));
  return signRequest({
    scheme,
    header: null,
    label: null,
    secrets: keys,
    id,
    timestampSeconds,
    body: Buffer.from(body),
  });
}

describe('signRequest', () => {
  it('agrees with the published HMAC vector of Standard Webhooks', () => {
    const { secret, id, timestamp, body, signature } = vectors.hmac;
    expect(headersFor('standard', [secret], body, timestamp, id)).toEqual({
      'webhook-id': id,
      'webhook-timestamp': String(timestamp),
      'webhook-signature': signature,
    });
  });

  it('agrees with the published ed25519 vector of Standard Webhooks', () => {
    const { key, id, timestamp, body, signature } = vectors.ed25519;
    expect(headersFor('ed25519', [key], body, timestamp, id)['webhook-signature']).toBe(signature);
  });

  it('is verified by the standardwebhooks package with every live secret, and by no other', () => {
    const [current, previous, other] = [newSharedSecret(), newSharedSecret(), newSharedSecret()];
    const body = '{"name":"Adjoua 😀","amount":2500}';
    const now = Math.floor(Date.now() / 1000);
    const headers = headersFor('standard', [current, previous], body, now);
    expect(new Webhook(current).verify(body, headers)).toEqual(JSON.parse(body));
    expect(new Webhook(previous).verify(body, headers)).toEqual(JSON.parse(body));
    expect(() => new Webhook(other).verify(body, headers)).toThrow();
    expect(() => new Webhook(current).verify(body.replace('2500', '2501'), headers)).toThrow();
  });

  it('signs with ed25519 so that the public key alone verifies', () => {
    const { secret, publicKey } = newEd25519Pair();
    const headers = headersFor('ed25519', [secret], '{}', 1_700_000_000);
    const x = Buffer.from(publicKey.slice('whpk_'.length), 'base64').toString('base64url');
    const key = createPublicKey({ key: { kty: 'OKP', crv: 'Ed25519', x }, format: 'jwk' });
    const signature = Buffer.from(headers['webhook-signature']!.slice('v1a,'.length), 'base64');
    expect(verify(null, Buffer.from('evt_1.1700000000.{}'), key, signature)).toBe(true);
    expect(verify(null, Buffer.from('evt_1.1700000000.{ }'), key, signature)).toBe(false);
  });

  it('signs `timestamped` as t=<unix>,<label>=<hex> with the whole secret string as key, one entry per secret', () => {
    const secrets = ['whsec_of_another_sender', 'a second secret of 16+'];
    const body = Buffer.from('{"a":1}');
    const keys = secrets.map((secret) => toSigningKey('timestamped', secret));
    const input = { scheme: 'timestamped' as const, secrets: keys, id: 'evt_1', timestampSeconds: 1_700_000_000, body };
    const [first, second] = secrets.map((secret) =>
      createHmac('sha256', secret).update('1700000000.{"a":1}').digest('hex'),
    );
    expect(signRequest({ ...input, header: null, label: null })).toEqual({
      'webhook-id': 'evt_1',
      'webhook-timestamp': '1700000000',
      'X-Webhook-Signature': `t=1700000000,v1=${first},v1=${second}`,
    });
    expect(signRequest({ ...input, header: 'Shop-Signature', label: 'v0' })['Shop-Signature']).toBe(
      `t=1700000000,v0=${first},v0=${second}`,
    );
  });
});

describe('toSigningKey', () => {
  it('refuses a secret that does not fit the scheme', () => {
    expect(() => toSigningKey('standard', 'plain secret of 24 bytes')).toThrow();
    expect(() => toSigningKey('ed25519', newSharedSecret())).toThrow();
  });
});
