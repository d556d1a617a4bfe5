import { maskText } from '../common/masked-text.js';

export const MAX_DESCRIPTION_LENGTH = 1_000;
const MAX_PART_LENGTH = 300;
/** Control characters, line breaks, and signs that turn the direction of writing: none belongs in one line. */
const UNSHOWABLE = /[\u0000-\u001f\u007f-\u009f\u200e\u200f\u2028-\u202e\u2066-\u2069]+/g;
const MAY_BE_UNSHOWABLE = /[\u0000-\u001f\u007f-\u009f\u200e\u200f\u2028-\u202e\u2066-\u2069]/;

/** A caller's words as part of a sentence: one line, bounded, cards and keys covered. */
export function showText(text: string): string {
  const line = MAY_BE_UNSHOWABLE.test(text) ? text.replace(UNSHOWABLE, ' ') : text;
  // Masked before the last cut, which could leave most of a card's number unrecognised.
  return cut(maskText(cut(line.trim(), MAX_DESCRIPTION_LENGTH)), MAX_PART_LENGTH);
}

/** A caller's sentence before a bracket or another sentence: as `showText`, without its full stop. */
export function showClause(text: string): string {
  return showText(text).replace(/[.\s]+$/, '');
}

/** Host and path of a URL, cards and keys covered: its query, fragment, user name and password may be secret. */
export function showUrl(url: string): string {
  if (!URL.canParse(url)) return '?';
  const { host, pathname } = new URL(url);
  return cut(maskText(`${host}${pathname === '/' ? '' : pathname}`), MAX_PART_LENGTH);
}

/** At most `maximum` UTF-16 units, never half of a pair. */
export function cut(text: string, maximum = MAX_DESCRIPTION_LENGTH): string {
  if (text.length <= maximum) return text;
  const end = /[\ud800-\udbff]/.test(text[maximum - 2]!) ? maximum - 2 : maximum - 1;
  return `${text.slice(0, end)}…`;
}
