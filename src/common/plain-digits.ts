const NOT_ASCII = /[^\x00-\x7f]/;
const NUMERALS = /(?![0-9])[\p{Nd}\p{No}]/gu;
const DECIMAL = /^\p{Nd}$/u;

/**
 * `text` with the digits of every script, and their wide, raised and ringed forms, as 0 to 9; what is no digit stays.
 */
export function plainDigits(text: string): string {
  return NOT_ASCII.test(text) ? text.replace(NUMERALS, digitsOf) : text;
}

function digitsOf(numeral: string): string {
  const parts = [...numeral.normalize('NFKD')];
  return parts.every((part) => DECIMAL.test(part)) ? parts.map(valueOf).join('') : numeral;
}

/** Unicode keeps the ten digits of a script together and in order, so a digit's place among its like is its value. */
function valueOf(digit: string): number {
  const code = digit.codePointAt(0)!;
  let first = code;
  while (DECIMAL.test(String.fromCodePoint(first - 1))) first -= 1;
  return (code - first) % 10;
}
