import type { ErrorObject } from 'ajv';
import type { FieldError } from './app-error.js';
import { atLeastCharacters } from './value-checks.js';

const MAX_LISTED_VALUES = 20;
const MAX_VALUE_LENGTH = 100;

/**
 * What a compiled JSON Schema found wrong, as the field errors of a 422; paths begin with `prefix`. `patternAdvice`:
 * by the pattern, what to say instead of showing it.
 */
export function schemaErrors(
  errors: readonly ErrorObject[],
  prefix = '',
  patternAdvice: Readonly<Record<string, string>> = {},
): FieldError[] {
  return errors.map((error) => toFieldError(error, prefix, patternAdvice));
}

function toFieldError(error: ErrorObject, prefix: string, patternAdvice: Readonly<Record<string, string>>): FieldError {
  const path = fieldPath(prefix, error.instancePath);
  const params = error.params as Record<string, unknown>;
  switch (error.keyword) {
    case 'additionalProperties':
      return {
        field: join(path, String(params.additionalProperty)),
        code: 'unknown_field',
        message: 'This field is not known here.',
      };
    case 'required':
      return {
        field: join(path, String(params.missingProperty)),
        code: 'required',
        message: 'This field is required.',
      };
    case 'type':
      return { field: path, code: 'wrong_type', message: `Use ${article(String(params.type))}.` };
    case 'enum':
      return { field: path, code: 'not_one_of', message: `Use one of ${listed(params.allowedValues as unknown[])}.` };
    case 'const':
      return { field: path, code: 'not_one_of', message: `Use ${listed([params.allowedValue])}.` };
    case 'maxLength':
      return { field: path, code: 'too_long', message: `Use at most ${String(params.limit)} characters.` };
    case 'minLength':
      return { field: path, code: 'too_short', message: atLeastCharacters(Number(params.limit)) };
    case 'minimum':
    case 'maximum':
      return {
        field: path,
        code: 'out_of_range',
        message: `Use a number of at ${error.keyword === 'minimum' ? 'least' : 'most'} ${String(params.limit)}.`,
      };
    case 'pattern': {
      const pattern = String(params.pattern);
      return {
        field: path,
        code: 'invalid_format',
        message: patternAdvice[pattern] ?? `Use text that matches ${pattern}.`,
      };
    }
    default:
      return {
        field: path,
        code: 'invalid_format',
        message: `It ${error.message ?? 'does not have the form that is due'}.`,
      };
  }
}

/** Values as their writer wrote them, and no more of them than someone reads. */
function listed(values: readonly unknown[]): string {
  const shown = values
    .slice(0, MAX_LISTED_VALUES)
    .map((value) => (typeof value === 'string' ? value : JSON.stringify(value)).slice(0, MAX_VALUE_LENGTH));
  const rest = values.length - shown.length;
  return shown.join(', ') + (rest > 0 ? ` and ${rest} more` : '');
}

function article(types: string): string {
  const [type] = types.split(',').filter((name) => name !== 'null');
  return type === 'integer' || type === 'array' || type === 'object' ? `an ${type}` : `a ${type}`;
}

/** `/operation/items/0/id` → `operation.items[0].id`. */
function fieldPath(prefix: string, pointer: string): string {
  return pointer
    .split('/')
    .slice(1)
    .map((part) => part.replaceAll('~1', '/').replaceAll('~0', '~'))
    .reduce((path, part) => (/^\d+$/.test(part) ? `${path}[${part}]` : join(path, part)), prefix);
}

function join(path: string, part: string): string {
  return path === '' ? part : `${path}.${part}`;
}
