import { plainDigits } from './plain-digits.js';

/**
 * What parts the groups of a number where people write one: blanks, ends of lines, dots, dashes, slashes, the unseen.
 */
const SIGN = String.raw`[\s._/\\|\u00ad\u00b7\u200b-\u200d\u2010-\u2015\u2022\u2060\u2212\uff0d-\uff0f\uff3f-]`;
/** At least 13 digits, in groups that are parted by three signs at most: " - ", or the end of a line with a blank. */
const DIGIT_RUNS = new RegExp(String.raw`\d(?:(?:,|${SIGN}{1,3})?\d){12,}`, 'g');
/**
 * One of these throughout parts a card's groups in forms. All others, and blanks, also part one number from the next.
 */
const FIRM_GAP = /^[.,-]$/;
/**
 * How long the groups of a card are with those others: 4-4-4-4, 4-4-5 and 4-6-5 as on cards, or all short and alike.
 */
const CARD_GROUPS = /^(?:(?:[4-6] )+[1-6]|(?:3 )+[1-3]|(?:2 )+[12]|(?:1 )+1)$/;
/** "500 000/2 000 000": amounts in thousands side by side. */
const AMOUNTS =
  /^\d{1,3}(?:[ .,\u00a0\u202f]\d{3})+(?:[.,]\d\d?)?(?:\D{1,3}\d{1,3}(?:[ .,\u00a0\u202f]\d{3})*(?:[.,]\d\d?)?)+$/;
/** A day of this century among groups, in either order. */
const DATE = /(?:^| )(?:[0-3]\d [01]\d 20\d\d|20\d\d [01]\d [0-3]\d)(?: |$)/;
/** What may follow a card's number without a gap: its expiry, month and year in either order, and a check value. */
const EXPIRY = /^(?:(?:0[1-9]|1[0-2])\d\d|\d\d(?:0[1-9]|1[0-2]))(?:\d{3,4})?$/;
const EXPIRY_TAILS = [4, 7, 8];
const MIN_CARD_DIGITS = 13;
const MAX_CARD_DIGITS = 19;
/** How the numbers of card schemes begin; none begins with a year of this century, or with 31 to 33. */
const SCHEMES = /^(?:2[2-7]\d{14,}|3[04-9]|[4568])/;

/**
 * `text` with each card-like number covered but for its last four digits, however its groups and digits are written.
 */
export function maskCardNumbers(text: string): string {
  const plain = plainDigits(text);
  const masked = plain.replace(DIGIT_RUNS, maskRun);
  return masked === plain ? text : masked;
}

/** 13 to 19 digits that begin as cards do and pass the check of ISO/IEC 7812-1 (Luhn). */
export function isCardNumber(digits: string): boolean {
  if (digits.length < MIN_CARD_DIGITS || digits.length > MAX_CARD_DIGITS || !SCHEMES.test(digits)) return false;
  let sum = 0;
  for (let index = 0; index < digits.length; index += 1) {
    const digit = digits.charCodeAt(digits.length - 1 - index) - 48;
    const weighted = index % 2 === 0 ? digit : digit * 2;
    sum += weighted > 9 ? weighted - 9 : weighted;
  }
  return sum % 10 === 0;
}

/** Covers each sequence of whole groups that is a card's number; sequences that overlap as one. */
function maskRun(run: string): string {
  const groups = run.match(/\d+/g)!;
  const gaps = run.match(/\D+/g) ?? [];
  const ends = groups.map((_group, first) => endOfCard(groups, gaps, first));
  let masked = '';
  for (let first = 0; first < groups.length; first += 1) {
    let end = ends[first]!;
    for (let inner = first + 1; inner < end; inner += 1) end = Math.max(end, ends[inner]!);
    if (end === 0) masked += maskCardWithExpiry(groups[first]!);
    else {
      masked += `****${groups.slice(first, end).join('').slice(-4)}`;
      first = end - 1;
    }
    masked += gaps[first] ?? '';
  }
  return masked;
}

/** Behind the last group of the longest card's number from group `first` on; 0: none begins there. */
function endOfCard(groups: readonly string[], gaps: readonly string[], first: number): number {
  let digits = '';
  let end = 0;
  for (let index = first; index < groups.length && digits.length < MAX_CARD_DIGITS; index += 1) {
    digits += groups[index]!;
    if (isCardNumber(digits) && isWrittenAsCard(groups.slice(first, index + 1), gaps.slice(first, index))) {
      end = index + 1;
    }
  }
  return end;
}

/** Not as dates and numbers side by side are, one in ten of which would pass for a card's. */
function isWrittenAsCard(groups: readonly string[], gaps: readonly string[]): boolean {
  if (groups.length === 1) return true;
  if (DATE.test(groups.join(' '))) return false;
  if (FIRM_GAP.test(gaps[0]!) && gaps.every((gap) => gap === gaps[0])) return true;
  if (!CARD_GROUPS.test(groups.map(({ length }) => length).join(' '))) return false;
  return !AMOUNTS.test(groups.map((group, index) => `${group}${gaps[index] ?? ''}`).join(''));
}

/** Covers expiry and check value too: with the number they are all that a thief needs. */
function maskCardWithExpiry(group: string): string {
  for (const length of EXPIRY_TAILS) {
    const number = group.slice(0, -length);
    if (isCardNumber(number) && EXPIRY.test(group.slice(-length))) return `****${number.slice(-4)}****`;
  }
  return group;
}
