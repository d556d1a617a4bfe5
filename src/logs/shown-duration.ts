import type { Locale } from '../accounts/account.js';

const DAY: Record<Locale, { readonly one: string; readonly many: string }> = {
  en: { one: 'day', many: 'days' },
  fr: { one: 'jour', many: 'jours' },
};

/** A wait in its largest unit that fits, rounded: `30 s`, `2 min`, `3 h`, `1 day`. */
export function showWait(locale: Locale, waitMs: number): string {
  const seconds = Math.max(0, Math.round(waitMs / 1_000));
  if (seconds < 60) return `${seconds} s`;
  const minutes = Math.round(seconds / 60);
  if (minutes < 60) return `${minutes} min`;
  const hours = Math.round(seconds / 3_600);
  if (hours < 24) return `${hours} h`;
  const days = Math.round(seconds / 86_400);
  return `${days} ${days === 1 ? DAY[locale].one : DAY[locale].many}`;
}

/** How long a request took: `120 ms`, `2.5 s`. */
export function showDuration(locale: Locale, durationMs: number): string {
  if (durationMs < 1_000) return `${Math.round(durationMs)} ms`;
  const seconds = (durationMs / 1_000).toFixed(durationMs < 10_000 ? 1 : 0).replace(/\.0$/, '');
  return `${locale === 'fr' ? seconds.replace('.', ',') : seconds} s`;
}
