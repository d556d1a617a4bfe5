import { redact, redactText } from './redact.js';

describe('redactText', () => {
  it.each([
    [`key sk_live_${'a1'.repeat(24)} failed.`, 'key sk_live_**** failed.'],
    [`pk_test_${'a'.repeat(48)} rk_live_${'b'.repeat(48)}`, 'pk_test_**** rk_live_****'],
    [`ak_${'Z9'.repeat(24)}`, 'ak_****'],
    ['secret whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw+/=', 'secret whsec_****'],
    ['authorization: Bearer abc.def-ghi', 'authorization: Bearer ****'],
    ['postgres://user:p4ss@host:5432/db', 'postgres://user:****@host:5432/db'],
    ['card 4242424242424242!', 'card ****4242!'],
    ['card 4242 4242 4242 4242 12/29', 'card ****4242 12/29'],
    ['card 5555-5555-5555-4444', 'card ****4444'],
  ])('hides what is secret in %j', (text, expected) => {
    expect(redactText(text)).toBe(expected);
  });

  it.each([
    'evt_01k96sd3k8e2r9wq6m4h0v5xtz',
    'sk_live_…4f2a',
    'at 1793577600000 ms',
    '0198c0de-0000-7000-8000-000000000001',
    'https://shop.example/hook',
    'order 4242424242424241',
  ])('leaves %j as it is', (text) => {
    expect(redactText(text)).toBe(text);
  });
});

describe('redact', () => {
  it('hides secret fields at every depth', () => {
    const entry = {
      a: [{ headers: { authorization: 'x', 'Set-Cookie': 'y' }, password: 'p', adminKeys: ['k'] }],
      key: 'k',
      token: 1,
    };
    expect(redact(entry)).toEqual({
      a: [
        {
          headers: { authorization: '[redacted]', 'Set-Cookie': '[redacted]' },
          password: '[redacted]',
          adminKeys: '[redacted]',
        },
      ],
      key: '[redacted]',
      token: '[redacted]',
    });
  });

  it('keeps ids, times, numbers and null', () => {
    const entry = { api_key_id: 'key_01', key_preview: 'sk_live_…4f2a', at: new Date(0), count: 3, secret: null };
    expect(redact(entry)).toEqual(entry);
  });

  it('keeps of an error what explains it, and not the values of its statement', () => {
    const error = Object.assign(new Error(`bad sk_live_${'a'.repeat(48)}`), {
      code: '23505',
      parameters: ['private'],
      detail: 'private',
    });
    const text = JSON.stringify(redact({ err: new Error('outer', { cause: error }) }));
    expect(text).toContain('23505');
    expect(text).toContain('outer');
    expect(text).not.toContain('private');
    expect(text).not.toContain('aaaa');
  });

  it('ends on circles', () => {
    const circle: Record<string, unknown> = {};
    circle.self = circle;
    expect(JSON.stringify(redact(circle))).toContain('[redacted]');
  });
});
