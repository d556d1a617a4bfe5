import { createHash } from 'node:crypto';
import type { Statement } from './database.js';

/** The values of a statement that is put together from fixed fragments: each value gets its placeholder when added. */
export class Parameters {
  readonly values: unknown[] = [];

  /** The placeholder that stands for `value`, such as `$3`. */
  add(value: unknown): string {
    this.values.push(value);
    return `$${this.values.length}`;
  }
}

/**
 * A statement of a list. Its text depends on nothing but which filters are used, so the text names it; with more than
 * one filter it has no name, because a connection keeps every named plan and callers choose the combinations.
 */
export function listStatement(prefix: string, text: string, filterCount: number): Statement {
  if (filterCount > 1) return { name: '', text };
  return { name: `${prefix}.${createHash('sha1').update(text).digest('hex').slice(0, 16)}`, text };
}
