import fc from 'fast-check';
import { isCardNumber, maskCardNumbers } from './card-numbers.js';
import { searchText } from './search-text.js';

const SIGNS = [
  ...[' ', '  ', '\n', '\r\n', '\t', '\u00a0', '\u202f', '-', '.', '/', '_', '|', '\u2013', '\u2014', '\u2011'],
  ...['\u200b', ' - ', ' / ', ' \u2013 ', ',', '\\'],
];
/** 0 in plain, wide, mathematical, raised (no run of ten) and Arabic digits. */
const ZEROS = [0x30, 0xff10, 0x1d7ce, 0x660];

/** A number of a scheme's form, whose last digit makes it pass the check. */
const cardNumbers = fc
  .tuple(
    fc.constantFrom('4', '51', '55', '2221', '2720', '34', '37', '300', '36', '38', '3528', '6011', '62', '65', '81'),
    fc.integer({ min: 13, max: 19 }),
    fc.array(fc.integer({ min: 0, max: 9 }), { minLength: 19, maxLength: 19 }),
  )
  .map(([scheme, length, rest]) => {
    const begun = `${scheme}${rest.join('')}`.slice(0, (scheme.startsWith('2') ? Math.max(16, length) : length) - 1);
    return [...'0123456789'].map((last) => begun + last).find(isCardNumber)!;
  });

const writings = fc.record({
  number: cardNumbers,
  sizes: fc.constantFrom([4], [4, 6, 5], [4, 6, 4], [1], [2], [5], [6], [19]),
  signs: fc.oneof(
    fc.constantFrom(...SIGNS).map((sign) => [sign]),
    fc.array(fc.constantFrom(...SIGNS), { minLength: 19, maxLength: 19 }),
  ),
  zero: fc.constantFrom(...ZEROS),
  around: fc.constantFrom(['', ''], ['Card ', ' declined'], ['n°', '.'], ['ref_', '_x'], ['(', ')']),
});

function written(number: string, sizes: readonly number[], signs: readonly string[], zero: number): string {
  let text = '';
  for (let start = 0, index = 0; start < number.length; index += 1) {
    const size = sizes[index % sizes.length]!;
    if (start > 0) text += signs[index % signs.length]!;
    for (const digit of number.slice(start, start + size)) text += String.fromCodePoint(zero + Number(digit));
    start += size;
  }
  return text;
}

describe('a card’s number', () => {
  it('is covered but for its last four digits, whatever parts its groups and whichever digits it has', () => {
    fc.assert(
      fc.property(writings, ({ number, sizes, signs, zero, around: [before, after] }) => {
        const masked = maskCardNumbers(`${before}${written(number, sizes, signs, zero)}${after}`);
        expect(masked).toBe(`${before}****${number.slice(-4)}${after}`);
        expect(searchText(masked).replace(/\D/g, '')).toBe(number.slice(-4));
      }),
      { numRuns: 500 },
    );
  });

  it('leaves no more than four digits to be seen beside other numbers', () => {
    const numbers = fc.integer({ min: 0, max: 99_999 });
    fc.assert(
      fc.property(cardNumbers, numbers, numbers, fc.constantFrom(' ', '-', '_', '/'), (number, left, right, sign) => {
        const text = [left, written(number, [4], [sign], 0x30), right].join(sign);
        const seen = maskCardNumbers(text).replace(/\D/g, '').length;
        expect(seen).toBeLessThanOrEqual(`${left}${right}`.length + 4);
      }),
      { numRuns: 300 },
    );
  });

  it.each([
    ['4111  1111  1111  1111', '****1111'],
    ['4111/1111/1111/1111', '****1111'],
    ['4111_1111_1111_1111', '****1111'],
    ['4111 1111\n1111 1111', '****1111'],
    ['4111–1111–1111–1111', '****1111'],
    ['４１１１１１１１１１１１１１１１', '****1111'],
    ['٤١١١ ١١١١ ١١١١ ١١١١', '****1111'],
    ['⁴¹¹¹¹¹¹¹¹¹¹¹¹¹¹¹', '****1111'],
    ['4,111,111,111,111,111', '****1111'],
    ['ref_4111111111111111_2026', 'ref_****1111_2026'],
    ['25/11/2026: 4111 1111 1111 1111', '25/11/2026: ****1111'],
  ])('is covered in %j', (text, masked) => {
    expect(maskCardNumbers(text)).toBe(masked);
  });
});

describe('what is no card’s number', () => {
  const moments = fc.date({
    min: new Date('2001-01-01T00:00:00Z'),
    max: new Date('2099-12-31T23:59:59Z'),
    noInvalidDate: true,
  });

  it('stays: dates and times', () => {
    fc.assert(
      fc.property(moments, fc.constantFrom('-', '/', '.', '_', ' '), (moment, sign) => {
        const iso = moment.toISOString();
        const [, year, month, day, hour, minute, second, ms] = /^(.{4})-(..)-(..)T(..):(..):(..)\.(...)Z$/.exec(iso)!;
        const time = [hour, minute, second, ms].join(sign);
        for (const text of [
          ...[iso, iso.replace('T', ' '), iso.replace(/\D/g, ''), String(Math.min(moment.getTime(), 1.99e12))],
          ...[`${[year, month, day].join(sign)} ${time}`, `${[day, month, year].join(sign)} ${time}`],
          ...[`${year}${month}${day}-${hour}${minute}${second}`, `INV_${year}_${month}${day}_${hour}${minute}${ms}`],
        ]) {
          expect(maskCardNumbers(text)).toBe(text);
        }
      }),
      { numRuns: 300 },
    );
  });

  it('stays: amounts, alone and beside each other', () => {
    const amounts = fc.integer({ min: 0, max: 99_999_999 });
    fc.assert(
      fc.property(amounts, amounts, fc.constantFrom(' ', ',', '.', '\u00a0', '\u202f'), (left, right, sign) => {
        const [first, second] = [left, right].map((amount) => String(amount).replace(/\B(?=(?:\d{3})+$)/g, sign));
        for (const text of [
          ...[`${first} XOF`, `limit ${first} / ${second}`, `${first}/${second}`, `${first} – ${second} XOF`],
          ...[`${left + 1e6} / ${right + 1e6}`, `${left + 1e6}–${right + 1e6}`, `${left + 1e6}_${right + 1e6}`],
        ]) {
          expect(maskCardNumbers(text)).toBe(text);
        }
      }),
      { numRuns: 300 },
    );
  });

  it.each([
    'Encaissé 5 500 000\n4 000 000 XOF',
    'Relance 61234567 220000 XOF',
    'Solde 4 000 000 000 000 012 XOF',
    'Payé 61 23 45 67 220 000 XOF',
  ])('stays: %j', (text) => {
    expect(maskCardNumbers(text)).toBe(text);
  });

  it('stays: amounts and telephone numbers with but a blank or the end of a line between', () => {
    const amounts = fc.integer({ min: 0, max: 99_999_999 });
    const phones = fc.integer({ min: 20_000_000, max: 99_999_999 });
    const gaps = fc.constantFrom(' ', '\n', '\r\n', '\t', '  ', '\u00a0');
    const signs = fc.constantFrom(' ', ',', '.', '\u00a0', '\u202f');
    fc.assert(
      fc.property(amounts, amounts, phones, gaps, signs, (left, right, phone, gap, sign) => {
        const [first, second] = [left, right].map((amount) => String(amount).replace(/\B(?=(?:\d{3})+$)/g, sign));
        const pairs = String(phone).replace(/\B(?=(?:\d\d)+$)/g, ' ');
        for (const text of [
          ...[`${first}${gap}${second} XOF`, `${left}${gap}${right} XOF`, `${phone}${gap}${first}`],
          ...[`${phone}${gap}${left}`, `${first}${gap}${phone}`, `229${phone}${gap}${left}`, `${phone}${gap}${phone}`],
          ...[`${pairs}${gap}${left} XOF`, `+229 ${pairs}${gap}${first} XOF`],
        ]) {
          expect(maskCardNumbers(text)).toBe(text);
        }
      }),
      { numRuns: 500 },
    );
  });

  it('stays: references and ids of ordinary forms, and telephone numbers', () => {
    const digits = fc.integer({ min: 0, max: 999_999 }).map((number) => String(number).padStart(6, '0'));
    const hex = fc.array(fc.constantFrom(...'0123456789abcdef'), { minLength: 15, maxLength: 15 });
    fc.assert(
      fc.property(digits, digits, hex, (left, right, id) => {
        for (const text of [
          ...[`INV-2026-${left}`, `INV/2026/11/${right}`, `led-${left}`, `order_${left}_${right}`, `A${left}-${right}`],
          ...[`col_x${id.join('')}`.replace(/\d{10,}/g, 'x'), `+229 ${left} ${right.slice(2)}`],
        ]) {
          expect(maskCardNumbers(text)).toBe(text);
        }
      }),
      { numRuns: 300 },
    );
  });
});
