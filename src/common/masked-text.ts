/** What keys and tokens look like: ours, other platforms' of the same form, and bearer tokens of JWT form. */
const SECRETS = /\b((?:[sr]k_(?:test|live)_|ak_|ct_|whsec_|whsk_)|eyJ)(?=[0-9A-Za-z+/=._-]{16})[0-9A-Za-z+/=._-]+/g;
const MAY_HOLD_SECRET = /[sr]k_(?:test|live)_|ak_|ct_|whs|eyJ/;
/** At least 13 digits, in groups parted by one sign each. */
const DIGIT_RUNS = /\d(?:[ .\u00a0\u202f-]?\d){12,}/g;
const MAY_HOLD_CARD = /\d[\d .\u00a0\u202f-]{11,}\d/;
/** What may follow a card's number without a gap: its expiry, month and year in either order, and a check value. */
const EXPIRY = /^(?:(?:0[1-9]|1[0-2])\d\d|\d\d(?:0[1-9]|1[0-2]))(?:\d{3,4})?$/;
const EXPIRY_TAILS = [4, 7, 8];
const MIN_CARD_DIGITS = 13;
const MAX_CARD_DIGITS = 19;

/** `text` with the card-like numbers and the keys in it covered, but for what tells one from another. */
export function maskText(text: string): string {
  let masked = text;
  if (MAY_HOLD_SECRET.test(masked)) masked = masked.replace(SECRETS, (_secret, prefix: string) => `${prefix}****`);
  if (MAY_HOLD_CARD.test(masked)) masked = masked.replace(DIGIT_RUNS, maskRun);
  return masked;
}

/** As `maskText`, for every text, number and name inside JSON. */
export function maskJson(value: unknown): unknown {
  if (typeof value === 'string') return maskText(value);
  if (typeof value === 'number') return isCardNumber(String(value)) ? maskText(String(value)) : value;
  if (Array.isArray(value)) return value.map(maskJson);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [maskText(key), maskJson(inner)]));
}

/** Covers each sequence of whole groups that is a card's number, its last four digits but. */
function maskRun(run: string): string {
  const groups = run.match(/\d+/g)!;
  const signs = run.match(/\D/g) ?? [];
  let masked = '';
  for (let first = 0; first < groups.length; first += 1) {
    const end = endOfCard(groups, first);
    masked += end === null ? maskCardWithExpiry(groups[first]!) : `****${groups.slice(first, end).join('').slice(-4)}`;
    if (end !== null) first = end - 1;
    masked += signs[first] ?? '';
  }
  return masked;
}

function endOfCard(groups: readonly string[], first: number): number | null {
  let digits = '';
  for (let index = first; index < groups.length && digits.length < MAX_CARD_DIGITS; index += 1) {
    digits += groups[index]!;
    if (isCardNumber(digits)) return index + 1;
  }
  return null;
}

/** Covers expiry and check value too: with the number they are all that a thief needs. */
function maskCardWithExpiry(group: string): string {
  for (const length of EXPIRY_TAILS) {
    const number = group.slice(0, -length);
    if (isCardNumber(number) && EXPIRY.test(group.slice(-length))) return `****${number.slice(-4)}****`;
  }
  return group;
}

/** 13 to 19 digits that begin as cards do and pass the check of ISO/IEC 7812-1 (Luhn). */
function isCardNumber(digits: string): boolean {
  if (digits.length < MIN_CARD_DIGITS || digits.length > MAX_CARD_DIGITS || !/^[2-68]\d+$/.test(digits)) return false;
  let sum = 0;
  for (let index = 0; index < digits.length; index += 1) {
    const digit = digits.charCodeAt(digits.length - 1 - index) - 48;
    const weighted = index % 2 === 0 ? digit : digit * 2;
    sum += weighted > 9 ? weighted - 9 : weighted;
  }
  return sum % 10 === 0;
}
