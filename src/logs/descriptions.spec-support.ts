import type { Locale } from '../accounts/account.js';

/** French text is written here with ordinary spaces; the templates use the no-break ones that typography asks for. */
const plain = (text: string): string => text.replace(/[\u00a0\u202f]/g, ' ');

/** The sentence in English and in French. */
export function expectBoth(sentence: (locale: Locale) => string, english: string, french: string): void {
  expect(sentence('en')).toBe(english);
  expect(plain(sentence('fr'))).toBe(french);
}
