import fc from 'fast-check';
import { beginningsBetween } from './number-ranges.js';

describe('beginnings of a range of numbers', () => {
  it('are few: a whole ten, hundred or thousand has one', () => {
    expect(beginningsBetween('0195', '0210')).toEqual(['0195', '0196', '0197', '0198', '0199', '020', '0210']);
    expect(beginningsBetween('2000', '2999')).toEqual(['2']);
    expect(beginningsBetween('0000', '9999')).toEqual(['']);
    expect(beginningsBetween('0007', '0007')).toEqual(['0007']);
  });

  it('are those of the numbers within, and of no other', () => {
    const number = fc.nat({ max: 9_999 }).map((n) => String(n).padStart(4, '0'));
    fc.assert(
      fc.property(number, number, number, (one, other, asked) => {
        const [first, last] = [one, other].sort() as [string, string];
        const matching = beginningsBetween(first, last).filter((beginning) => asked.startsWith(beginning));
        expect(matching).toHaveLength(first <= asked && asked <= last ? 1 : 0);
      }),
    );
  });
});
