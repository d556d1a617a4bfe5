import { judgeCustomHeaders } from './custom-headers.js';

function codesOf(headers: Record<string, unknown>, signatureHeader: string | null = null): string[] {
  return judgeCustomHeaders(headers, signatureHeader).map(({ code }) => code);
}

describe('judgeCustomHeaders', () => {
  it('takes ordinary headers, an Authorization and a user agent of one’s own', () => {
    expect(codesOf({ Authorization: 'Bearer x', 'X-Shop': 'a b ~', 'User-Agent': 'shop', 'X-Empty': '' })).toEqual([]);
  });

  it.each(['', 'a b', 'a:b', 'a\r\nb', 'naïve', 'a(b)', 'x'.repeat(129)])('refuses %j as a name', (name) => {
    expect(codesOf({ [name]: 'v' })).toEqual(['invalid_header_name']);
  });

  it.each(['a\r\nx: y', 'a\nb', 'a\0b', 'é', '\t', '\x7f', 'x'.repeat(2049), 5, null])(
    'refuses %j as a value',
    (value) => {
      expect(codesOf({ 'X-Shop': value })).toEqual(['invalid_header_value']);
    },
  );

  it.each([
    'Host',
    'Content-Length',
    'content-type',
    'Content-Encoding',
    'Transfer-Encoding',
    'Connection',
    'Keep-Alive',
    'Proxy-Authorization',
    'Proxy-Connection',
    'TE',
    'Trailer',
    'Upgrade',
    'Expect',
    'Accept-Encoding',
    'webhook-id',
    'Webhook-Signature',
    'WEBHOOK-ANYTHING',
  ])('refuses %s, which is the protocol’s or ours', (name) => {
    expect(codesOf({ [name]: 'v' })).toEqual(['reserved_header']);
  });

  it('refuses a key that would be the object’s prototype', () => {
    expect(codesOf(JSON.parse('{"__proto__":"v"}') as Record<string, unknown>)).toEqual(['reserved_header']);
  });

  it('refuses the signature’s own header and a name twice in other letters', () => {
    expect(codesOf({ 'x-webhook-signature': 'v' }, 'X-Webhook-Signature')).toEqual(['duplicate_header']);
    expect(codesOf({ 'X-A': '1', 'x-a': '2' })).toEqual(['duplicate_header']);
  });

  it('takes 20 headers and not 21', () => {
    const many = (count: number) => Object.fromEntries(Array.from({ length: count }, (_, i) => [`X-${i}`, 'v']));
    expect(codesOf(many(20))).toEqual([]);
    expect(codesOf(many(21))).toEqual(['too_many']);
  });

  it('names the field of each fault', () => {
    expect(judgeCustomHeaders({ Host: 'v' }, null)[0]?.field).toBe('headers.Host');
  });
});
