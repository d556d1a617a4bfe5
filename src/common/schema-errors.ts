import type { ErrorObject } from 'ajv';
import type { FieldError } from './app-error.js';

/** What a compiled JSON Schema found wrong, as the field errors of a 422; paths begin with `prefix`. */
export function schemaErrors(errors: readonly ErrorObject[], prefix = ''): FieldError[] {
  return errors.map((error) => toFieldError(error, prefix));
}

function toFieldError(error: ErrorObject, prefix: string): FieldError {
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
      return {
        field: path,
        code: 'not_one_of',
        message: `Use one of ${(params.allowedValues as unknown[]).join(', ')}.`,
      };
    case 'maxLength':
      return { field: path, code: 'too_long', message: `Use at most ${String(params.limit)} characters.` };
    case 'minLength':
      return { field: path, code: 'too_short', message: `Use at least ${String(params.limit)} characters.` };
    case 'minimum':
    case 'maximum':
      return {
        field: path,
        code: 'out_of_range',
        message: `Use a number ${String(params.comparison)} ${String(params.limit)}.`,
      };
    default:
      return {
        field: path,
        code: 'invalid_format',
        message: `It ${error.message ?? 'does not have the form that is due'}.`,
      };
  }
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
