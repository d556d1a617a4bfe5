import { hash } from 'node:crypto';

/**
 * A hash of a parsed JSON value that does not depend on the order of keys or on white space: two inputs with the same
 * hash have "the same content" in the sense of `external_id`. 32 bytes.
 */
export function contentHash(value: unknown): Buffer {
  return hash('sha256', canonicalJson(value), 'buffer');
}

/**
 * JSON with the keys of every object in order and absent values left out. Hot: one string, and no array but the keys.
 */
export function canonicalJson(value: unknown): string {
  if (typeof value !== 'object' || value === null) return JSON.stringify(value);
  if (Array.isArray(value)) {
    let items = '';
    for (const item of value as readonly unknown[]) items += `${items === '' ? '' : ','}${canonicalJson(item)}`;
    return `[${items}]`;
  }
  let members = '';
  for (const key of Object.keys(value).sort()) {
    const member = (value as Readonly<Record<string, unknown>>)[key];
    if (member === undefined) continue;
    members += `${members === '' ? '' : ','}${JSON.stringify(key)}:${canonicalJson(member)}`;
  }
  return `{${members}}`;
}
