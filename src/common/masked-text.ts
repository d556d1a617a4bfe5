import { isCardNumber, maskCardNumbers } from './card-numbers.js';

/** What keys and tokens look like: ours, other platforms' of the same form, and bearer tokens of JWT form. */
const SECRETS =
  /(?<![0-9A-Za-z])((?:[sr]k_(?:test|live)_|ak_|ct_|whsec_|whsk_)|eyJ)(?=[0-9A-Za-z+/=._-]{16})[0-9A-Za-z+/=._-]+/g;
/** The same behind a letter or a digit, where "task_live_" may be an ordinary word: only as long as a key is. */
const GLUED_SECRETS = /([sr]k_(?:test|live)_(?=[0-9A-Za-z]{24})|ak_(?=[0-9A-Za-z]{48}))[0-9A-Za-z+/=._-]+/g;
const MAY_HOLD_SECRET = /[sr]k_(?:test|live)_|ak_|ct_|whs|eyJ/;

/** `text` with the card-like numbers and the keys in it covered, but for what tells one from another. */
export function maskText(text: string): string {
  return maskCardNumbers(MAY_HOLD_SECRET.test(text) ? maskSecrets(text) : text);
}

/** As `maskText`, for every text, number and name inside JSON. */
export function maskJson(value: unknown): unknown {
  if (typeof value === 'string') return maskText(value);
  if (typeof value === 'number') return isCardNumber(String(Math.abs(value))) ? maskText(String(value)) : value;
  if (Array.isArray(value)) return value.map(maskJson);
  if (typeof value !== 'object' || value === null) return value;
  return maskObject(value);
}

function maskSecrets(text: string): string {
  const cover = (_secret: string, prefix: string): string => `${prefix}****`;
  return text.replace(SECRETS, cover).replace(GLUED_SECRETS, cover);
}

/** Names that are the same once they are covered are numbered, so that no value is lost. */
function maskObject(value: object): object {
  const entries = Object.entries(value);
  const taken = new Set(entries.map(([name]) => name));
  const counts = new Map<string, number>();
  return Object.fromEntries(
    entries.map(([name, inner]) => {
      const masked = maskText(name);
      return [masked === name ? name : freeName(masked, taken, counts), maskJson(inner)];
    }),
  );
}

function freeName(name: string, taken: Set<string>, counts: Map<string, number>): string {
  let count = counts.get(name) ?? 0;
  let free: string;
  do {
    count += 1;
    free = count === 1 ? name : `${name} (${count})`;
  } while (taken.has(free));
  counts.set(name, count);
  taken.add(free);
  return free;
}
