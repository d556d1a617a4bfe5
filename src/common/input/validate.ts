import { plainToInstance } from 'class-transformer';
import { getMetadataStorage, validateSync, type ValidationError } from 'class-validator';
import { AppError, type FieldError } from '../app-error.js';
import { isPlainObject, problemsOf, type FieldRule } from '../field-rule.js';
import { FIELD_CONSTRAINT } from '../fields.js';

export type DtoClass<T extends object = object> = new () => T;

/**
 * `value` as an instance of `type`, all of whose fields are as their decorators say.
 * @throws AppError 422 `invalid_input` that names every wrong and every unknown field.
 */
export function validate<T extends object>(type: DtoClass<T>, value: unknown): T {
  if (!isPlainObject(value)) {
    throw AppError.invalid([{ field: 'body', code: 'wrong_type', message: 'Use a JSON object.' }]);
  }
  const instance = plainToInstance(type, value);
  const failures = validateSync(instance, {
    whitelist: true,
    forbidNonWhitelisted: true,
    forbidUnknownValues: false,
    validationError: { target: false },
  });
  if (failures.length > 0) throw AppError.invalid(failures.flatMap((failure) => fieldErrors(failure, '')));
  return instance;
}

/** As `validate`, for the parameters of a query string, which are text, and lists where a name was repeated. */
export function validateQuery<T extends object>(type: DtoClass<T>, query: Readonly<Record<string, unknown>>): T {
  const rules = fieldRulesOf(type);
  const values: Record<string, unknown> = {};
  const errors: FieldError[] = [];
  for (const [name, given] of Object.entries(query)) {
    const rule = rules.get(name);
    if (rule === undefined) errors.push(unknownField(name));
    else if (Array.isArray(given) && rule.list === undefined) {
      errors.push({ field: name, code: 'repeated', message: 'Give this parameter once.' });
    } else values[name] = fromText(rule, given);
  }
  if (errors.length > 0) throw AppError.invalid(errors);
  return validate(type, values);
}

/** Whether a request may come without a body: no field of `type` is required. */
export function allowsNoBody(type: DtoClass): boolean {
  return [...fieldRulesOf(type).values()].every((rule) => rule.optional);
}

const rulesByType = new WeakMap<DtoClass, ReadonlyMap<string, FieldRule>>();

function fieldRulesOf(type: DtoClass): ReadonlyMap<string, FieldRule> {
  let rules = rulesByType.get(type);
  if (rules === undefined) {
    const metadata = getMetadataStorage().getTargetValidationMetadatas(type, '', true, false);
    rules = new Map(
      metadata
        .filter(({ name }) => name === FIELD_CONSTRAINT)
        .map(({ propertyName, context }) => [propertyName, context as FieldRule]),
    );
    rulesByType.set(type, rules);
  }
  return rules;
}

function fromText(rule: FieldRule, given: unknown): unknown {
  const convert = rule.fromText ?? ((text: string) => text);
  const texts = (Array.isArray(given) ? given : [given]) as string[];
  return rule.list === undefined ? convert(texts[0]!) : texts.map(convert);
}

function fieldErrors(
  { property, value, constraints, contexts, children }: ValidationError,
  parent: string,
): FieldError[] {
  const field = pathOf(parent, property);
  if (constraints?.whitelistValidation !== undefined) return [unknownField(field)];
  const rule = contexts?.[FIELD_CONSTRAINT] as FieldRule | undefined;
  if (rule !== undefined) return problemsOf(rule, value, field);
  return (children ?? []).flatMap((child) => fieldErrors(child, field));
}

function pathOf(parent: string, property: string): string {
  const shown = property.slice(0, 100).replace(/\p{Cc}|\p{Surrogate}/gu, '\ufffd');
  if (parent === '') return shown;
  return /^\d+$/.test(property) ? `${parent}[${property}]` : `${parent}.${shown}`;
}

function unknownField(name: string): FieldError {
  return { field: name, code: 'unknown_field', message: 'This operation does not know this name.' };
}
