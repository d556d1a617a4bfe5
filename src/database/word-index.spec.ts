import { anyOf, every, everyTerm, tellingFirst, termShares, wholeWord, wordStart } from './word-index.js';

const OWNER = { accountId: '019a4b00-0000-7000-8000-0000a1b2c3d4', mode: 'live' };

describe('questions to a word index', () => {
  it('name the mode and the account in each word, and mean its beginning', () => {
    expect(everyTerm(OWNER, ['inv', '1071'])).toBe("'lb2c3d4inv':* & 'lb2c3d41071':*");
    expect(everyTerm({ ...OWNER, mode: 'test' }, ['inv'])).toBe("'tb2c3d4inv':*");
  });

  it('have no sign that means anything else', () => {
    expect(wholeWord({ ...OWNER, mode: '' }, "it's \\ & | ! :* (")).toBe("'b2c3d4it''s \\\\ & | ! :* ('");
  });

  it('are put together', () => {
    expect(every([anyOf([wholeWord(OWNER, 'a'), wordStart(OWNER, 'b')]), wholeWord(OWNER, 'c')])).toBe(
      "('lb2c3d4a' | 'lb2c3d4b':*) & 'lb2c3d4c'",
    );
  });

  it('begin with the terms that tell most: numbers, then long words, or the rarest where that is known', () => {
    expect(tellingFirst(['adjoua', 'inv', 'a1', 'abla'], new Map())).toEqual(['a1', 'adjoua', 'abla']);
    const shares = new Map([
      ['adjoua', 0.03],
      ['inv', 0.9],
    ]);
    expect(tellingFirst(['adjoua', 'inv', 'abla'], shares)).toEqual(['abla', 'adjoua']);
  });
  it('begin with the rarest of a sample, where a term that does not occur in it is the rarest of all', () => {
    const terms = ['adjoua', 'inv', 'abla', 'kofi'];
    const counts = [
      { term: 0, matching: 9 },
      { term: 1, matching: 16 },
      { term: 3, matching: 3 },
    ];
    expect(tellingFirst(terms, termShares(terms, counts, 300))).toEqual(['abla', 'kofi', 'adjoua']);
  });
});
