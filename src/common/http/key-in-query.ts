import { AppError } from '../app-error.js';

const KEY_SHAPE = /(?:pk|sk|rk)_(?:test|live)_[0-9A-Za-z]{12}|ak_[0-9A-Za-z]{24}/;
const KEY_NAMES: ReadonlySet<string> = new Set(['api_key', 'apikey', 'api-key', 'access_token']);

/**
 * Query strings end up in logs, histories and referrers: a key that came in one is refused without being looked at.
 * @throws AppError 400 `key_in_query`.
 */
export function assertNoKeyInQuery(parameters: Readonly<Record<string, string | string[]>>): void {
  for (const [name, value] of Object.entries(parameters)) {
    const values = Array.isArray(value) ? value : [value];
    if (KEY_NAMES.has(name.toLowerCase()) || [name, ...values].some((text) => KEY_SHAPE.test(text))) {
      throw new AppError('key_in_query');
    }
  }
}
