import type { FieldError } from './app-error.js';

/** What is wrong with one value. */
export interface Problem {
  readonly code: string;
  readonly message: string;
}

/** What one field takes: the single description that its decorator turns into validation and documentation. */
export interface FieldRule {
  readonly optional: boolean;
  readonly nullable: boolean;
  /** A list: how many items it takes. `check` then judges each item. */
  readonly list?: { readonly min: number; readonly max: number; readonly unique: boolean };
  readonly check: (value: unknown) => Problem | null;
  /** The value that a query string's text stands for; text that stands for none comes back as it is. */
  readonly fromText?: (text: string) => unknown;
}

/** Everything wrong with `value`, each under its path: `field`, or `field[2]` in a list. */
export function problemsOf(rule: FieldRule, value: unknown, field: string): FieldError[] {
  if (value === undefined) {
    return rule.optional ? [] : [{ field, code: 'required', message: 'This field is required.' }];
  }
  if (value === null) {
    return rule.nullable ? [] : [{ field, code: 'wrong_type', message: 'This field cannot be null.' }];
  }
  if (rule.list === undefined) return itemProblems(rule, value, field);
  if (!Array.isArray(value)) return [{ field, code: 'wrong_type', message: 'Use an array.' }];
  const { min, max, unique } = rule.list;
  if (value.length < min)
    return [{ field, code: 'too_short', message: `Use at least ${min === 1 ? '1 item' : `${min} items`}.` }];
  if (value.length > max) return [{ field, code: 'too_long', message: `Use at most ${max} items.` }];
  const errors = value.flatMap((item, index) => itemProblems(rule, item, `${field}[${index}]`));
  if (errors.length === 0 && unique) errors.push(...repeats(value, field));
  return errors;
}

function itemProblems(rule: FieldRule, value: unknown, field: string): FieldError[] {
  const problem = rule.check(value);
  return problem === null ? [] : [{ field, ...problem }];
}

function repeats(values: readonly unknown[], field: string): FieldError[] {
  return values.flatMap((value, index) =>
    values.indexOf(value) < index ? [{ field: `${field}[${index}]`, code: 'repeated', message: 'Name it once.' }] : [],
  );
}

export function isPlainObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
