import { createHmac } from 'node:crypto';
import { newSecretFor } from '../endpoint-secret.js';
import { signRequest, toSigningKey } from '../signature.js';
import { SIGNATURE_SCHEMES, type SignatureScheme, type SignatureSettings } from '../webhook-endpoint.js';
import { type ExaminedRequest, judgeSignature, type SignatureVerdict } from './signature-verdict.js';

const NOW = 1_800_000_000;
const ID = 'evt_01k96sd3k8e2r9wq6m4h0v5xtz';
const BODY =
  '{"id":"evt_1","operation":{"amount":1000,"customer":{"name":"Adjoua N\'Guessan é 😀"}},"data":{"fee":20.5}}';
const API_KEY = `sk_test_${'0'.repeat(48)}`;

describe.each(SIGNATURE_SCHEMES)('judgeSignature of %s', (scheme: SignatureScheme) => {
  const [live, previous, ended, foreign] = Array.from({ length: 4 }, () => newSecretFor(scheme, null).secret);
  const settings: SignatureSettings = { scheme, header: null, label: null };
  const endedAt = new Date((NOW - 86_400) * 1_000);

  const headersOf = (secrets: string[], timestampSeconds = NOW, body = BODY): Record<string, string> =>
    signRequest({
      ...settings,
      secrets: secrets.map((secret) => toSigningKey(scheme, secret)),
      id: ID,
      timestampSeconds,
      body: Buffer.from(body),
    });
  const judge = (request: Partial<ExaminedRequest>): Promise<SignatureVerdict> =>
    judgeSignature({
      headers: headersOf([live!]),
      body: BODY,
      settings,
      liveSecrets: [live!, previous!],
      endedSecrets: [{ secret: ended!, endedAt }],
      apiKey: API_KEY,
      nowSeconds: NOW,
      storedBody: async (id) => (id === ID ? BODY : null),
      ...request,
    });
  const reason = async (request: Partial<ExaminedRequest>) => {
    const verdict = await judge(request);
    expect(verdict.valid).toBe(verdict.reason === null);
    expect(verdict.hint).toMatch(/^\w.{20,}\.$/s);
    return verdict.reason;
  };
  const signatureHeader = scheme === 'timestamped' ? 'X-Webhook-Signature' : 'webhook-signature';

  it('takes what any live secret signed, whatever the case of the headers', async () => {
    expect(await reason({})).toBeNull();
    expect(await reason({ headers: headersOf([previous!]) })).toBeNull();
    expect(await reason({ headers: headersOf([foreign!, live!]) })).toBeNull();
    const shouted = Object.entries(headersOf([live!])).map(([name, value]) => [name.toUpperCase(), ` ${value} `]);
    expect(await reason({ headers: Object.fromEntries(shouted) as Record<string, string> })).toBeNull();
  });

  it('takes times up to five minutes away on either side, and no farther', async () => {
    for (const [timestamp, expected] of [
      [NOW - 300, null],
      [NOW - 301, 'timestamp_too_old'],
      [NOW + 300, null],
      [NOW + 301, 'timestamp_too_old'],
    ] as const) {
      expect([timestamp - NOW, await reason({ headers: headersOf([live!], timestamp) })]).toEqual([
        timestamp - NOW,
        expected,
      ]);
    }
  });

  it('tells a secret past its overlap from one that was never the endpoint’s', async () => {
    expect(await reason({ headers: headersOf([ended!]) })).toBe('secret_expired');
    const { hint } = await judge({ headers: headersOf([ended!]) });
    expect(hint).toContain(endedAt.toISOString());
    expect(hint).toContain(scheme === 'ed25519' ? 'GET /.well-known/jwks/' : '/secret.');
    expect(await reason({ headers: headersOf([ended!]), endedSecrets: [] })).toBe('wrong_secret');
    expect(await reason({ headers: headersOf([foreign!]) })).toBe('wrong_secret');
    // What is not even of the right secret is not called old.
    expect(await reason({ headers: headersOf([foreign!], NOW - 9_999) })).toBe('wrong_secret');
  });

  it.each([
    ['with white space', JSON.stringify(JSON.parse(BODY), null, 2), /parsed and written again/],
    [
      'with sorted keys',
      '{"data":{"fee":20.5},"id":"evt_1","operation":{"amount":1000,"customer":{"name":"Adjoua N\'Guessan é 😀"}}}',
      /parsed and written again/,
    ],
    ['with other forms of numbers', BODY.replace('1000', '1e3').replace('20.5', '20.50'), /parsed and written again/],
    ['with escaped Unicode', BODY.replace('é', '\\u00e9').replace('😀', '\\ud83d\\ude00'), /parsed and written again/],
    ['with a line feed after it', `${BODY}\n`, /white space/],
    ['with a byte order mark', `\ufeff${BODY}`, /white space/],
    ['that is empty', '', /empty/],
    ['with another amount', BODY.replace('1000', '1001'), /another body/],
    ['that is not JSON', '[object Object]', /another body/],
  ])('knows a body %s as changed', async (_how, body, hint) => {
    expect(await reason({ body })).toBe('body_changed');
    expect((await judge({ body })).hint).toMatch(hint);
    expect(await reason({ body, headers: headersOf([foreign!]) })).toBe('wrong_secret');
  });

  it('knows a re-serialised body also of a request whose event is not stored, such as a test', async () => {
    const storedBody = async () => null;
    const body = JSON.stringify(JSON.parse(BODY), null, 2);
    expect(await reason({ body, storedBody })).toBe('body_changed');
    expect(await reason({ body: BODY.replace('1000', '1001'), storedBody })).toBe('wrong_secret');
  });

  it('names each header that is missing or empty', async () => {
    const all = headersOf([live!]);
    const required = scheme === 'timestamped' ? [signatureHeader] : Object.keys(all);
    for (const name of required) {
      const { [name]: _dropped, ...rest } = all;
      for (const headers of [rest, { ...rest, [name]: ' ' }]) {
        expect(await reason({ headers })).toBe('header_missing');
        expect((await judge({ headers })).hint).toContain(name);
      }
    }
    expect(await reason({ headers: {} })).toBe('header_missing');
  });

  it.each(['', 'v1', 'v1,', 'v1,AAAA', 'v2,xxxx', 't=1', 't=x,v1=00', 't=1,v1=zz', 'v1,=', '[object Object]'])(
    'calls the header %j malformed, or missing when it is empty',
    async (value) => {
      const headers = { ...headersOf([live!]), [signatureHeader]: value };
      expect(await reason({ headers })).toBe(value === '' ? 'header_missing' : 'header_malformed');
    },
  );

  it.each(['now', '-1', '1.5', '2026-11-02T21:25:52Z', '1'.repeat(13)])('calls the time %j malformed', async (time) => {
    const headers = headersOf([live!]);
    const wrong =
      scheme === 'timestamped'
        ? { ...headers, [signatureHeader]: headers[signatureHeader]!.replace(/t=\d+/, `t=${time}`) }
        : { ...headers, 'webhook-timestamp': time };
    expect(await reason({ headers: wrong })).toBe('header_malformed');
  });

  it('says that the caller’s own API key was taken for the secret, and of no other key', async () => {
    if (scheme === 'ed25519') return;
    const sign = (key: Buffer): Record<string, string> =>
      scheme === 'standard'
        ? { 'webhook-signature': `v1,${createHmac('sha256', key).update(`${ID}.${NOW}.${BODY}`).digest('base64')}` }
        : { 'X-Webhook-Signature': `t=${NOW},v1=${createHmac('sha256', key).update(`${NOW}.${BODY}`).digest('hex')}` };
    for (const key of [Buffer.from(API_KEY), Buffer.from(API_KEY, 'base64')]) {
      const headers = { ...headersOf([live!]), ...sign(key) };
      expect(await reason({ headers })).toBe('api_key_used_as_secret');
      expect(await reason({ headers, apiKey: null })).toBe('wrong_secret');
    }
  });
});

describe('judgeSignature', () => {
  it('reads the header and the label that a timestamped endpoint was given', async () => {
    const secret = 'a secret of another sender';
    const settings: SignatureSettings = { scheme: 'timestamped', header: 'Shop-Signature', label: 'v0' };
    const mac = createHmac('sha256', secret).update(`${NOW}.{}`).digest('hex');
    const judge = (value: string) =>
      judgeSignature({
        headers: { 'shop-signature': value },
        body: '{}',
        settings,
        liveSecrets: [secret],
        endedSecrets: [],
        apiKey: null,
        nowSeconds: NOW,
        storedBody: async () => null,
      });
    expect(await judge(`t=${NOW},v0=${mac}`)).toMatchObject({ valid: true });
    expect(await judge(`t=${NOW},v1=${mac}`)).toMatchObject({ reason: 'header_malformed' });
  });
});
