import { showAmount } from './shown-amount.js';
import { showDuration, showWait } from './shown-duration.js';
import { cut, showText, showUrl } from './shown-text.js';

describe('showAmount', () => {
  it.each([
    [2500, 'XAF', '2,500 XAF', '2\u202f500 XAF'],
    [0, 'XOF', '0 XOF', '0 XOF'],
    [999, 'XOF', '999 XOF', '999 XOF'],
    [1_234_567, 'XOF', '1,234,567 XOF', '1\u202f234\u202f567 XOF'],
    [125_050, 'EUR', '1,250.50 EUR', '1\u202f250,50 EUR'],
    [5, 'USD', '0.05 USD', '0,05 USD'],
    [1_500, 'TND', '1.500 TND', '1,500 TND'],
    [250_000, 'MGA', '2,500.00 MGA', '2\u202f500,00 MGA'],
    [Number.MAX_SAFE_INTEGER, 'EUR', '90,071,992,547,409.91 EUR', '90\u202f071\u202f992\u202f547\u202f409,91 EUR'],
  ])('shows %d %s by the digits of ISO 4217', (amount, currency, english, french) => {
    expect(showAmount('en', amount, currency)).toBe(english);
    expect(showAmount('fr', amount, currency)).toBe(french);
  });
});

describe('showWait', () => {
  it.each([
    [5_000, '5 s', '5 s'],
    [59_700, '1 min', '1 min'],
    [120_000, '2 min', '2 min'],
    [3_599_000, '1 h', '1 h'],
    [10_800_000, '3 h', '3 h'],
    [85_900_000, '1 day', '1 jour'],
    [86_400_000, '1 day', '1 jour'],
    [172_800_000, '2 days', '2 jours'],
    [-5, '0 s', '0 s'],
  ])('shows %d ms in its largest unit', (waitMs, english, french) => {
    expect(showWait('en', waitMs)).toBe(english);
    expect(showWait('fr', waitMs)).toBe(french);
  });
});

describe('showDuration', () => {
  it('keeps milliseconds below a second, tenths below ten', () => {
    expect(showDuration('en', 120)).toBe('120 ms');
    expect(showDuration('fr', 2_540)).toBe('2,5 s');
    expect(showDuration('en', 15_000)).toBe('15 s');
  });
});

describe('showUrl', () => {
  it('shows host and path, never what may be secret', () => {
    expect(showUrl('https://user:pass@shop.example/hook?token=1#x')).toBe('shop.example/hook');
    expect(showUrl('https://shop.example/hook/4111111111111111')).toBe('shop.example/hook/****1111');
    expect(showUrl(`https://shop.example/hook/sk_live_${'a'.repeat(48)}`)).toBe('shop.example/hook/sk_live_****');
    expect(showUrl('http://127.0.0.1:4000/')).toBe('127.0.0.1:4000');
    expect(showUrl('nonsense')).toBe('?');
    expect(showUrl(`https://shop.example/${'a'.repeat(2_000)}`)).toHaveLength(300);
  });
});

describe('showText', () => {
  it('makes one bounded line without cards, keys and signs that turn the writing', () => {
    expect(showText(' a\r\nb\u202ec\u00004111111111111111 ')).toBe('a b c ****1111');
    expect(showText('x'.repeat(5_000))).toHaveLength(300);
  });

  it('never cuts a pair in half', () => {
    expect(cut('😀😀😀', 4)).not.toMatch(/\p{Surrogate}/u);
    expect(cut('a😀😀😀', 4)).not.toMatch(/\p{Surrogate}/u);
  });
});
