import { readFileSync } from 'node:fs';
import { maskJson, maskText } from './masked-text.js';

describe('maskText', () => {
  it.each([
    ['paid with 4111111111111111 today', 'paid with ****1111 today'],
    ['4111 1111 1111 1111', '****1111'],
    ['4111-1111-1111-1111 exp 12/29', '****1111 exp 12/29'],
    ['order 12 4111 1111 1111 1111 12/29', 'order 12 ****1111 12/29'],
    ['378282246310005', '****0005'],
    ['4111111111111111 1229 123', '****1111 1229 123'],
    ['41111111111111111229', '****1111****'],
    ['411111111111111129121234', '****1111****'],
    ['4111111111111111=29121010000', '****1111=29121010000'],
    ['card5555555555554444x', 'card****4444x'],
    ['key sk_live_abcdefghijkl0123456789ABCDEFGHIJ012345', 'key sk_live_****'],
    ['(ak_0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKL)', '(ak_****)'],
    ['whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw', 'whsec_****'],
    ['ct_AABqfLxAY29sXzE.Kq3vN0t6mZ2bX8cR1yW5hJ7uLp4sD9fG', 'ct_****'],
    ['Bearer eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2ln', 'Bearer eyJ****'],
    ['MY_sk_live_abcdefghijkl0123456789ABCDEFGHIJ012345', 'MY_sk_live_****'],
    ['mysk_live_abcdefghijkl0123456789ABCDEFGHIJ012345', 'mysk_live_****'],
    ['KEYak_0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKL', 'KEYak_****'],
  ])('covers %s', (text, masked) => {
    expect(maskText(text)).toBe(masked);
  });

  it.each([
    'INV-2026-1071',
    'pay_5ef997d7efe8443',
    'at 2026-11-02T21:25:52.000Z',
    '+22971510758',
    '1793577600000',
    '4111111111111112',
    '41111111111111119999',
    '0198c0de-0000-7000-8000-000000000001',
    'pk_test_abcdefghijkl0123456789ABCDEFGHIJ012345',
    'make_up whsec_ eyJ',
    'task_live_notifications_enabled',
    'break_the_ice_with_somebody_else',
  ])('leaves %s', (text) => {
    expect(maskText(text)).toBe(text);
  });

  it('takes time in proportion to the length', () => {
    const startedUs = process.cpuUsage().user;
    maskText('1 '.repeat(8_000));
    maskText('4'.repeat(16_000));
    maskText('sk_test_'.repeat(2_000));
    expect((process.cpuUsage().user - startedUs) / 1_000).toBeLessThan(200);
  });
});

describe('the sample fortnight', () => {
  it('has nothing that is taken for a card or a key', () => {
    const text = readFileSync(new URL('../../examples/operations-sample.ndjson', import.meta.url), 'utf8');
    for (const line of text.trim().split('\n')) {
      expect(maskText(line)).toBe(line);
      expect(maskJson(JSON.parse(line))).toEqual(JSON.parse(line));
    }
  });
});

describe('maskJson', () => {
  it('covers texts, numbers and names at any depth, and leaves the rest as it is', () => {
    expect(maskJson({ a: [4111111111111111, { '4111111111111111': 'x' }], b: null, c: 2500, d: true })).toEqual({
      a: ['****1111', { '****1111': 'x' }],
      b: null,
      c: 2500,
      d: true,
    });
  });

  it('keeps every value where names are the same once they are covered', () => {
    const named = { '4111111111111111': 1, '4222222222222111': 0, '****1111 (2)': 2, '4111 1111 1111 1111': 3 };
    expect(maskJson(named)).toEqual({
      '****1111': 1,
      '4222222222222111': 0,
      '****1111 (2)': 2,
      '****1111 (3)': 3,
    });
  });
});
