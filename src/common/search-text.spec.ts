import { AppError } from './app-error.js';
import { searchPattern, searchTerms, searchText } from './search-text.js';

/** As PostgreSQL's LIKE judges the patterns, which hold no sign but the two of `searchPattern`. */
function finds(question: string, text: string): boolean {
  return searchTerms(question).every((term) => text.includes(searchPattern(term).slice(1, -1)));
}

describe('searchText', () => {
  it('keeps each word once, folded, after a space', () => {
    expect(searchText('Payment INV-2026-1071, payment!', 'INV-2026-1071')).toBe(' payment inv 2026 1071');
  });

  it('is empty without a word', () => {
    expect(searchText(null, undefined, '', ' -% _ \u0000')).toBe('');
  });

  it('is bounded, and keeps the first parts', () => {
    const text = searchText('ref-1', Array.from({ length: 900 }, (_, index) => `w${index}`).join(' '));
    expect(text.startsWith(' ref 1 w0 ')).toBe(true);
    expect(text.split(' ').length - 1).toBe(256);
    expect(searchText('é'.repeat(100_000)).length).toBeLessThanOrEqual(2_000);
    expect(searchText('\ufdfa'.repeat(4_000)).length).toBeLessThanOrEqual(2_000);
  });

  it('never splits a pair of surrogates', () => {
    expect(searchText('𝒳x'.repeat(3_000))).not.toMatch(/\p{Surrogate}/u);
    expect(searchText('\u{20000}'.repeat(3_000))).not.toMatch(/\p{Surrogate}/u);
  });
});

describe('searchTerms', () => {
  const text = searchText(
    'Encaissement INV-1021 de 2\u202f500 XAF échoué : Solde trop bas (insufficient_funds)',
    'col_93d8',
  );

  it.each([
    'ECHOUE',
    'e\u0301choué',
    'encais',
    'inv-1021',
    '1021',
    'col_93d8',
    '93d',
    '2500',
    '2,500',
    '2\u00a0500',
    'solde bas',
    '"solde" & !bas | (trop):*',
    'ＸＡＦ',
  ])('finds %s', (question) => {
    expect(finds(question, text)).toBe(true);
  });

  it.each(['olde', '021', 'solde haut', '500', 'inv-1022'])('does not find %s', (question) => {
    expect(finds(question, text)).toBe(false);
  });

  it('finds a word longer than the bound by its beginning', () => {
    const long = 'a1b2'.repeat(40);
    expect(finds(long.slice(0, 100), searchText(long))).toBe(true);
    expect(finds(long.slice(0, 30), searchText(long))).toBe(true);
  });

  it.each(['', '   ', '%%__', '"\' & --', '\ud800'])(
    'refuses %j, which has no word, naming the parameter',
    (question) => {
      expect(() => searchTerms(question)).toThrow(AppError);
      try {
        searchTerms(question);
      } catch (error) {
        expect((error as AppError).errors[0]).toMatchObject({ field: 'q', code: 'no_word' });
      }
    },
  );

  it('refuses more words than a search takes', () => {
    const words = Array.from({ length: 21 }, (_, index) => `w${index}x`);
    expect(() => searchTerms(words.join(' '))).toThrow(AppError);
    expect(searchTerms(words.slice(1).join(' '))).toHaveLength(20);
  });

  it('leaves out a term that a longer one implies', () => {
    expect(searchTerms('pay payment PAYMENTS')).toEqual(['payments']);
  });

  it('leaves no sign that LIKE gives a meaning', () => {
    expect(searchTerms('50%_\\a').join('')).not.toMatch(/[%_\\]/);
  });
});
