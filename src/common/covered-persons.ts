import { contactsIn, type Span } from './contacts.js';
import { plainDigits } from './plain-digits.js';
import { foldLetters } from './search-text.js';

/** Who must not be told of; null: not known. */
export interface Person {
  readonly name: string | null;
  readonly email: string | null;
  readonly phone: string | null;
}

const COVER = '****';
const UNSEEN = /[\p{M}\p{Cf}]+/gu;
const WORDS = /[\p{L}\p{N}]+/gu;
const NOT_ASCII = /[^\x00-\x7f]/;
const DIGIT_RUNS = /\d(?:[\s().\/_+\u2010-\u2015-]{0,3}\d){5,}/g;
const MIN_PHONE_DIGITS = 6;
const MAX_PHONE_DIGITS = 20;
const MAX_COUNTRY_DIGITS = 3;
/** So many last digits make a number known in its country, whatever stands before them. */
const SUBSCRIBER_DIGITS = 8;
/** Nobody has more; what a refused input gives may be of any length, and each costs a search of the text. */
const MAX_NAME_LENGTH = 200;
const MAX_NAME_WORDS = 20;
const MAX_EMAIL_LENGTH = 320;
/** Short words that stand in names and in sentences alike. */
const ORDINARY_WORDS: ReadonlySet<string> = new Set([
  ...['the', 'and', 'for', 'not', 'des', 'les', 'aux', 'par', 'pas', 'pour', 'sur', 'une', 'van', 'von', 'der', 'del'],
]);

/**
 * `text` without those whom it names: the persons' names, whole or in part, their e-mail addresses and telephone
 * numbers, without regard to case, accents, signs between and country codes. All else stays.
 */
export function coverKnownPersons(text: string, persons: ReadonlyArray<Person | null>): string {
  return cover(text, persons, () => []);
}

/**
 * As `coverKnownPersons`, and without every other e-mail address and telephone number that says it is one. Amounts,
 * dates and references stay; still, this is for what is shown, not for what is rewritten for good.
 */
export function coverPersons(text: string, persons: ReadonlyArray<Person | null>): string {
  return cover(text, persons, contactsIn);
}

function cover(text: string, persons: ReadonlyArray<Person | null>, others: (folded: string) => Span[]): string {
  const { folded, spans } = fold(text);
  const known = persons.flatMap((person) => (person === null ? [] : placesOf(folded, person)));
  const found = [...others(folded), ...known];
  return covered(text, spans === null ? found : found.map(([start, end]) => [spans[start]![0], spans[end - 1]![1]]));
}

function placesOf(text: string, { name, email, phone }: Person): Span[] {
  const address = (email ?? '').slice(0, MAX_EMAIL_LENGTH + 1);
  const digits = plainDigits((phone ?? '').slice(0, MAX_NAME_LENGTH)).replace(/\D/g, '');
  return [
    name ? namesIn(text, foldLetters(name.slice(0, MAX_NAME_LENGTH)).replace(UNSEEN, '')) : [],
    address.length > MAX_EMAIL_LENGTH ? [] : spansOfText(text, fold(address).folded.trim()),
    digits === '' || digits.length > MAX_PHONE_DIGITS ? [] : numbersIn(text, digits),
  ].flat();
}

/**
 * The text to look in, and for each of its units where it comes from; null: from its own place, as all of ASCII does.
 */
function fold(text: string): { folded: string; spans: Span[] | null } {
  if (!NOT_ASCII.test(text)) return { folded: foldLetters(text), spans: null };
  let folded = '';
  const spans: Span[] = [];
  let start = 0;
  for (const character of text) {
    const end = start + character.length;
    const plain = foldLetters(plainDigits(character)).replace(UNSEEN, '');
    // What is not seen belongs to what stands before it.
    if (plain === '' && spans.length > 0) spans.push([spans.pop()![0], end]);
    folded += plain;
    for (let unit = 0; unit < plain.length; unit += 1) spans.push([start, end]);
    start = end;
  }
  return { folded, spans };
}

function covered(text: string, found: Span[]): string {
  let shown = '';
  let end = 0;
  for (const span of found.sort((one, other) => one[0] - other[0])) {
    if (span[0] >= end) shown += text.slice(end, span[0]) + COVER;
    end = Math.max(end, span[1]);
  }
  return shown + text.slice(end);
}

function spansOfText(text: string, wanted: string): Span[] {
  const spans: Span[] = [];
  if (wanted === '') return spans;
  for (let at = text.indexOf(wanted); at >= 0; at = text.indexOf(wanted, at + wanted.length)) {
    spans.push([at, at + wanted.length]);
  }
  return spans;
}

/** Groups of digits in a row that are `phone`. */
function numbersIn(text: string, phone: string): Span[] {
  const spans: Span[] = [];
  for (const run of text.matchAll(DIGIT_RUNS)) {
    const groups = [...run[0].matchAll(/\d+/g)];
    for (const [first, group] of groups.entries()) {
      let digits = '';
      for (let last = first; last < groups.length && digits.length < MAX_PHONE_DIGITS; last += 1) {
        digits += groups[last]![0];
        // Behind other numbers it would end as the phone does, and cover those as well.
        if (last > first && digits.replace(/^0+/, '').length > phone.length + MAX_COUNTRY_DIGITS) continue;
        if (!isPhone(digits, phone)) continue;
        const end = groups[last]!.index + groups[last]![0].length;
        spans.push([run.index + group.index, run.index + end]);
      }
    }
  }
  return spans;
}

/** The same number, with its country's code or without, or with the zero that is dialled instead. */
function isPhone(digits: string, phone: string): boolean {
  const [one, other] = [digits, phone].map((number) => number.replace(/^0+/, '')).sort((a, b) => a.length - b.length);
  if (one!.length < MIN_PHONE_DIGITS) return false;
  return other!.endsWith(one!) || (one!.length >= SUBSCRIBER_DIGITS && other!.endsWith(one!.slice(-SUBSCRIBER_DIGITS)));
}

/**
 * Words of a name that stand in a row, in any order; short ones only beside others of it, or all of them. What is
 * written without blanks between words is found inside longer ones.
 */
function namesIn(text: string, name: string): Span[] {
  const parts = new Set((name.match(WORDS) ?? []).slice(0, MAX_NAME_WORDS));
  const joined = name.split(/\s+/, MAX_NAME_WORDS).map((word) => word.replace(/[^\p{L}\p{N}]+/gu, ''));
  const words = new Set([...parts, ...joined]);
  const glued = [...new Set([...words, joined.join('')])].filter((word) => NOT_ASCII.test(word) && word.length > 1);
  const spans = glued.flatMap((word) => spansOfText(text, word));
  let row: RegExpMatchArray[] = [];
  const closeRow = (): void => {
    if (row.length > 0 && tellsName(row, parts)) {
      const last = row.at(-1)!;
      spans.push([row[0]!.index!, last.index! + last[0].length]);
    }
    row = [];
  };
  for (const match of text.matchAll(WORDS)) {
    const before = row.at(-1);
    if (before && match.index - before.index! - before[0].length > 3) closeRow();
    if (words.has(match[0])) row.push(match);
    else closeRow();
  }
  closeRow();
  return spans;
}

function tellsName(row: readonly RegExpMatchArray[], parts: ReadonlySet<string>): boolean {
  const words = new Set(row.map(([word]) => word));
  for (const word of words) if (word.length > 2 && /\p{L}/u.test(word) && !ORDINARY_WORDS.has(word)) return true;
  const all = [...parts];
  return all.join('').length > 2 && all.every((part) => words.has(part));
}
