import type { Locale } from '../accounts/account.js';

/**
 * ISO 4217's digits of the minor unit, where they are not 2. `Intl` is not asked: it tells how people write amounts
 * (none for MGA, SOS, PKR), not how the standard counts their minor unit.
 */
const MINOR_DIGITS: ReadonlyMap<string, number> = new Map([
  ...[
    'BIF',
    'CLP',
    'DJF',
    'GNF',
    'ISK',
    'JPY',
    'KMF',
    'KRW',
    'PYG',
    'RWF',
    'UGX',
    'UYI',
    'VND',
    'VUV',
    'XAF',
    'XOF',
    'XPF',
  ].map((currency) => [currency, 0] as const),
  ...['BHD', 'IQD', 'JOD', 'KWD', 'LYD', 'OMR', 'TND'].map((currency) => [currency, 3] as const),
  ...['CLF', 'UYW'].map((currency) => [currency, 4] as const),
]);

const SIGNS: Record<Locale, { readonly group: string; readonly decimal: string }> = {
  en: { group: ',', decimal: '.' },
  // The narrow no-break space that French typography groups with.
  fr: { group: '\u202f', decimal: ',' },
};

const BETWEEN_GROUPS = /\B(?=(?:\d{3})+$)/g;

/** `amount` counts minor units; shown as `2,500 XAF`, `12.50 EUR`. */
export function showAmount(locale: Locale, amount: number, currency: string): string {
  const { group, decimal } = SIGNS[locale];
  const digits = MINOR_DIGITS.get(currency) ?? 2;
  const text = String(amount).padStart(digits + 1, '0');
  const whole = text.slice(0, text.length - digits).replace(BETWEEN_GROUPS, group);
  return digits === 0 ? `${whole} ${currency}` : `${whole}${decimal}${text.slice(-digits)} ${currency}`;
}
