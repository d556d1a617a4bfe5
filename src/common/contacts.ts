/** From one index up to, and without, the other. */
export type Span = readonly [start: number, end: number];

const EMAILS = /(?<![^\s@<>"'(),;:[\]*])[^\s@<>"'(),;:[\]*]+@[^\s@<>"'(),;:[\]*]+\.[^\s@<>"'(),;:.[\]*]{2,}/g;
/** What may be an international number: a country's code comes at once, as it does in no sum with its sign apart. */
const BEHIND_PLUS = /(?<!\d)\+(\d(?:[\s().-]{0,2}\d){9,14})(?!\d)/g;
/** Words that nothing but a telephone number follows: here a number may be a national one. */
const BEHIND_TELEPHONE =
  /(?<![a-z])(?:msisdn|phone|telephone|tel|mobile|gsm|whatsapp)(?:\s(?:number|numero|no))?[\s:.#=(]{0,3}(\d(?:[\s().-]{0,2}\d){7,14})(?!\d)/g;
/** "To pay" and ids follow these too: a number must be an international one, in one piece or in pairs. */
const BEHIND_PERSON =
  /(?<![a-z])(?:payers?|payee|payeur|subscriber|abonne|sender|recipient|beneficiary|beneficiaire)(?:\s(?:number|numero|no))?[\s:.#=(]{0,3}(\d{10,15}|\d{3}(?:[\s.-]\d\d){4,5})(?!\d)/g;
/** How E.164 numbers begin; those of 1 and 7 have eleven digits, and hardly any has fewer than ten. */
const INTERNATIONAL =
  /^(?:00)?(?:[17]\d{10}|(?:2[07]|3[0-469]|4[013-9]|5[1-8]|6[0-6]|8[1246]|9[0-58])\d{8,13}|(?:2[1-69]|3[578]|42|5[09]|6[7-9]|8[0578]|9[679])\d{8,13})$/;
const MIN_INTERNATIONAL_DIGITS = 10;
const MIN_NATIONAL_DIGITS = 8;
/** Digits grouped in thousands are an amount, unless nobody has so much. */
const IN_THOUSANDS = /^\d{1,3}(?:[\s.]\d{3})+$/;
const MIN_DIGITS_IN_THREES = 11;
const DATE =
  /^(?:(?:19|20)\d\d[-. ](?:0[1-9]|1[0-2])[-. ](?:[0-2]\d|3[01])|(?:[0-2]\d|3[01])[-. ](?:0[1-9]|1[0-2])[-. ](?:19|20)\d\d|20[2-9]\d(?:0[1-9]|1[0-2])(?:[0-2]\d|3[01])(?:\d{4}|\d{6})?$)/;
const CURRENCY =
  /^\s{0,2}(?:\p{Sc}|(?:f|f\s?cfa|xof|xaf|cfa|gnf|cdf|ngn|naira|ghs|cedis?|kes|ksh|ugx|tzs|rwf|bif|zmw|zar|etb|mga|mru|gmd|slen?|lrd|egp|tnd|dzd|eur|euros?|usd|dollars?|gbp|chf|cny|inr)(?![a-z\d]))/u;

/** Where folded `text` gives e-mail addresses, and telephone numbers that say they are such. */
export function contactsIn(text: string): Span[] {
  return [
    ...[...text.matchAll(EMAILS)].map((match): Span => [match.index, match.index + match[0].length]),
    ...telephonesIn(text, BEHIND_PLUS, isInternational).map(([start, end]): Span => [start - 1, end]),
    ...telephonesIn(text, BEHIND_TELEPHONE, isNational),
    ...telephonesIn(text, BEHIND_PERSON, (number) => isInternational(number) && !DATE.test(number)),
  ];
}

function telephonesIn(text: string, pattern: RegExp, isTelephone: (written: string) => boolean): Span[] {
  const spans: Span[] = [];
  for (const match of text.matchAll(pattern)) {
    const written = match[1]!;
    const start = match.index + match[0].length - written.length;
    const length = telephoneLength(
      written,
      text.slice(start + written.length, start + written.length + 12),
      isTelephone,
    );
    if (length > 0) spans.push([start, start + length]);
  }
  return spans;
}

/** How much of `written` is a telephone number, without what follows it, such as an amount; 0: none of it. */
function telephoneLength(written: string, after: string, isTelephone: (written: string) => boolean): number {
  const ends = [...written.matchAll(/\d+/g)].map((group) => group.index + group[0].length);
  const whole = written.slice(0, ends[0]);
  if (ends.length > 1 && whole.length >= MIN_NATIONAL_DIGITS && isTelephone(whole)) return whole.length;
  for (const end of ends.reverse()) {
    const isAmount = CURRENCY.test(written.slice(end) + after);
    if (!isAmount && isTelephone(written.slice(0, end))) return end;
  }
  return 0;
}

function isInternational(written: string): boolean {
  const digits = written.replace(/\D/g, '');
  return digits.length >= MIN_INTERNATIONAL_DIGITS && INTERNATIONAL.test(digits) && !isAmount(written, digits.length);
}

function isNational(written: string): boolean {
  const digits = written.replace(/\D/g, '');
  return digits.length >= MIN_NATIONAL_DIGITS && !DATE.test(written) && !isAmount(written, digits.length);
}

function isAmount(written: string, digits: number): boolean {
  return digits < MIN_DIGITS_IN_THREES && IN_THOUSANDS.test(written);
}
