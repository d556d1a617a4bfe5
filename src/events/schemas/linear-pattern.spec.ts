import fc from 'fast-check';
import { LinearPattern } from './linear-pattern.js';
import { PatternError } from './pattern-program.js';

const atom = fc.constantFrom('a', 'b', '.', '[ab]', '[^a]', '\\d', '\\u{1F600}', 'é', '^', '$');
const quantifier = fc.constantFrom('', '', '*', '+', '?', '{2}', '{1,3}', '{0,}', '*?');
const pattern = fc.letrec<{ pattern: string; term: string }>((tie) => ({
  pattern: fc.array(tie('term'), { maxLength: 4 }).map((terms) => terms.join('')),
  term: fc.oneof(
    { maxDepth: 2 },
    fc.tuple(atom, quantifier).map(([one, times]) => (one === '^' || one === '$' ? one : one + times)),
    fc
      .tuple(fc.constantFrom('(', '(?:'), tie('pattern'), fc.option(tie('pattern')), quantifier)
      .map(([open, one, other, times]) => `${open}${one}${other === null ? '' : `|${other}`})${times}`),
  ),
})).pattern;
const text = fc.array(fc.constantFrom('a', 'b', '1', 'é', '😀', '\n'), { maxLength: 8 }).map((parts) => parts.join(''));

describe('LinearPattern', () => {
  it('matches exactly what RegExp matches', () => {
    const property = fc.property(pattern, text, (source, given) => {
      // Nested repeats may be too long when written out, which is refused below.
      fc.pre((source.match(/\{/g) ?? []).length <= 4);
      expect([source, given, new LinearPattern(source).test(given)]).toEqual([
        source,
        given,
        new RegExp(source, 'u').test(given),
      ]);
    });
    fc.assert(property, { numRuns: 3_000 });
  });

  it.each([
    ['^[A-Z]{3}-\\d{4,}$', 'XOF-20261102', true],
    ['^(?<year>\\d{4})-(0[1-9]|1[0-2])$', '2026-13', false],
    ['^\\p{Lu}\\p{L}+$', 'Séverine', true],
    ['\\x41\\u0042\\cJ', 'AB\n', true],
    ['^\\ud83d\\ude00$', '😀', true],
    ['^[\\]a]+$', 'a]a', true],
    ['', 'anything', true],
  ])('%s on %s', (source, given, expected) => {
    expect(new LinearPattern(source).test(given)).toBe(expected);
  });

  it.each(['^(a+)+$', '^(a|a)*$', `^${'a?'.repeat(40)}${'a'.repeat(40)}$`, '(.*)*(.*)*x', '[a-z]+$', '(a*b?)*c'])(
    '%s ends on the string made to stop it',
    (source) => {
      const startedUs = process.cpuUsage().user;
      expect(new LinearPattern(source).test(`${'a'.repeat(16_000)}!`)).toBe(false);
      expect((process.cpuUsage().user - startedUs) / 1_000).toBeLessThan(2_000);
    },
  );

  it.each([
    ['(?=a)', 'look-arounds'],
    ['(?<!a)b', 'look-arounds'],
    ['(a)\\1', 'references'],
    ['(?<n>a)\\k<n>', 'references'],
    ['\\bword', 'word boundaries'],
    ['a{1,513}', '512 steps'],
    ['((){999}){999}', '512 steps'],
    ['a'.repeat(201), '200 characters'],
    ['(', 'no regular expression'],
    ['a**', 'no regular expression'],
  ])('refuses %s, and says why', (source, reason) => {
    expect(() => new LinearPattern(source)).toThrow(PatternError);
    expect(() => new LinearPattern(source)).toThrow(reason);
  });
});
