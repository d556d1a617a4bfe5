import { AppError } from './app-error.js';

/** What is read of one text, before it is folded. */
const MAX_INPUT_LENGTH = 4_000;
/** What is kept to search in, in UTF-16 units. */
const MAX_TEXT_LENGTH = 2_000;
const MAX_WORDS = 256;
const MAX_TERMS = 20;

/** A longer run of letters and digits counts as several words, the same when written and when asked. */
const WORDS = /[\p{L}\p{N}]{1,64}/gu;
/** The same in ASCII, three times as fast: this runs for every event. */
const ASCII_WORDS = /[a-z0-9]{1,64}/g;
// The signs that group digits in threes, in amounts; an ordinary space is not one, it parts words.
const MAY_BE_GROUPED = /\d[,\u00a0\u202f]\d/;
const GROUPED_DIGITS = /(?<=\d)[,\u00a0\u202f](?=\d{3}(?!\d))/g;
const NOT_ASCII = /[^\x00-\x7f]/;
const MARKS = /\p{M}+/gu;
const LETTERS_WITHOUT_PARTS = /[œæøłđðþß]/g;
const PLAIN_LETTERS: Readonly<Record<string, string>> = {
  œ: 'oe',
  æ: 'ae',
  ø: 'o',
  ł: 'l',
  đ: 'd',
  ð: 'd',
  þ: 'th',
  ß: 'ss',
};

/**
 * What a row keeps to be found by: its words, folded, each once, each after a space: so that `LIKE '% word%'` matches
 * words that begin so. Empty when there is no word. When the bounds cut, the first words stay: give the most telling
 * parts first.
 */
export function searchText(...parts: ReadonlyArray<string | null | undefined>): string {
  let text = '';
  const seen = new Set<string>();
  for (const part of parts) {
    if (!part) continue;
    for (const word of wordsOf(part)) {
      if (seen.has(word)) continue;
      if (seen.size === MAX_WORDS || text.length + 1 + word.length > MAX_TEXT_LENGTH) return text;
      seen.add(word);
      text += ` ${word}`;
    }
  }
  return text;
}

/**
 * The words and beginnings of words that a question asks for, all of which must match. Operators, quotes and LIKE's
 * signs are no letters, so none is left in a term.
 * @throws AppError 422 `invalid_input` naming `field` when there is no word in it, or more than 20.
 */
export function searchTerms(question: string, field = 'q'): string[] {
  const words = [...new Set(wordsOf(question))];
  if (words.length === 0) {
    throw AppError.invalid([{ field, code: 'no_word', message: 'Use at least one letter or digit.' }]);
  }
  if (words.length > MAX_TERMS) {
    throw AppError.invalid([{ field, code: 'too_long', message: `Use at most ${MAX_TERMS} words.` }]);
  }
  return words.filter((word) => !words.some((other) => other !== word && other.startsWith(word)));
}

/** The LIKE pattern that finds a term of `searchTerms` in a text of `searchText`. */
export function searchPattern(term: string): string {
  return `% ${term}%`;
}

function wordsOf(text: string): readonly string[] {
  const folded = fold(text.slice(0, MAX_INPUT_LENGTH));
  return folded.match(NOT_ASCII.test(folded) ? WORDS : ASCII_WORDS) ?? [];
}

/** Amounts lose the signs that group their digits. */
function fold(text: string): string {
  return foldLetters(MAY_BE_GROUPED.test(text) ? text.replace(GROUPED_DIGITS, '') : text);
}

/** `text` without regard to accents, case and compatible forms. */
export function foldLetters(text: string): string {
  if (!NOT_ASCII.test(text)) return text.toLowerCase();
  return text
    .normalize('NFKD')
    .toLowerCase()
    .replace(MARKS, '')
    .replace(LETTERS_WITHOUT_PARTS, (letter) => PLAIN_LETTERS[letter]!);
}
