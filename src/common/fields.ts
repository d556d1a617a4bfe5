import { applyDecorators } from '@nestjs/common';
import { ApiProperty } from '@nestjs/swagger';
import { Transform, Type } from 'class-transformer';
import { ValidateBy, ValidateNested } from 'class-validator';
import { problemsOf, type FieldRule } from './field-rule.js';
import type { IdPrefix } from './ids.js';
import { parseTime } from './time.js';
import * as checks from './value-checks.js';

/** The name of the one class-validator constraint that all field decorators use; its context holds the rule. */
export const FIELD_CONSTRAINT = 'field';

/**
 * What every field says about itself. `optional`: may be left out; `nullable`: may be null. Both are false by default.
 */
export interface FieldOptions<Example = unknown> {
  description: string;
  example: Example | readonly Example[] | null;
  optional?: boolean;
  nullable?: boolean;
  /** A list of such values, of `minItems` (0) to `maxItems` (100). */
  isArray?: boolean;
  minItems?: number;
  maxItems?: number;
  /** No item twice. */
  unique?: boolean;
  /** Documentation of what holds when the field is left out; the class sets it as the property's initial value. */
  default?: unknown;
}

export interface StringFieldOptions extends FieldOptions<string> {
  /** Characters; 1 by default, so that an empty string is refused. */
  minLength?: number;
  /** Characters; 500 by default. */
  maxLength?: number;
  pattern?: RegExp;
  /** What to use instead, said when `pattern` does not match. */
  patternMessage?: string;
  format?: string;
  /** Refused where a card number or a key is in it: text that cannot be covered, since it is asked for by. */
  withoutSecrets?: boolean;
}

export function StringField(options: StringFieldOptions): PropertyDecorator {
  const { minLength = 1, maxLength = 500, pattern, patternMessage, withoutSecrets = false } = options;
  return field(options, {
    check: checks.stringCheck({ minLength, maxLength, pattern, patternMessage, withoutSecrets }),
    schema: { type: 'string', minLength, maxLength, pattern: pattern?.source, format: options.format },
  });
}

export interface TextFieldOptions extends FieldOptions<string> {
  /** Characters; 1 by default. */
  minLength?: number;
  /** Characters. */
  maxLength: number;
  /** `one`, as a name has, by default. */
  lines?: 'one' | 'many';
}

/** Text that people read, such as a name: not blank, and without control characters. */
export function TextField(options: TextFieldOptions): PropertyDecorator {
  const { minLength = 1, maxLength, lines = 'one' } = options;
  const rule = lines === 'one' ? 'One line with something to see in it.' : 'With something to see in it.';
  return field(
    { ...options, description: `${options.description} ${rule}` },
    { check: checks.textCheck({ minLength, maxLength, lines }), schema: { type: 'string', minLength, maxLength } },
  );
}

export interface IntegerFieldOptions extends FieldOptions<number> {
  /** 0 by default. */
  minimum?: number;
  /** 2^53 − 1 by default. */
  maximum?: number;
}

export function IntegerField(options: IntegerFieldOptions): PropertyDecorator {
  const { minimum = 0, maximum = Number.MAX_SAFE_INTEGER } = options;
  return field(options, {
    check: checks.integerCheck(minimum, maximum),
    fromText: checks.integerFromText,
    schema: { type: 'integer', minimum, maximum },
  });
}

/** A number with decimals, in answers; 0 or more. */
export function NumberField(options: FieldOptions<number>): PropertyDecorator {
  return field(options, { check: checks.numberCheck, schema: { type: 'number', minimum: 0 } });
}

export function BooleanField(options: FieldOptions<boolean>): PropertyDecorator {
  return field(options, {
    check: checks.booleanCheck,
    fromText: checks.booleanFromText,
    schema: { type: 'boolean' },
  });
}

export interface EnumFieldOptions extends FieldOptions<string> {
  values: readonly string[];
  /** Names the schema, so that documents refer to one enumeration. */
  enumName?: string;
}

export function EnumField(options: EnumFieldOptions): PropertyDecorator {
  return field(options, {
    check: checks.enumCheck(options.values),
    schema: {
      type: 'string',
      enum: [...options.values],
      ...(options.enumName === undefined ? {} : { enumName: options.enumName }),
    },
  });
}

/** ISO 8601 with an offset; the property holds it in UTC with milliseconds and `Z`. */
export function TimeField(options: FieldOptions<string>): PropertyDecorator {
  const normalise = (value: unknown): unknown => (typeof value === 'string' ? (parseTime(value) ?? value) : value);
  return applyDecorators(
    Transform(({ value }: { value: unknown }) => (Array.isArray(value) ? value.map(normalise) : normalise(value))),
    field(options, {
      check: checks.timeCheck,
      fromText: checks.timeFromText,
      schema: { type: 'string', format: 'date-time' },
    }),
  );
}

/** A TypeID of one kind; the property holds the TypeID, `decodeId` gives its uuid. */
export function IdField(prefix: IdPrefix, options: FieldOptions<string>): PropertyDecorator {
  return field(options, {
    check: checks.idCheck(prefix),
    schema: { type: 'string', pattern: `^${prefix}_[0-9a-z]{26}$` },
  });
}

type ClassReference = () => new (...parameters: never[]) => object;

/** An object of a class with fields of its own. */
export function ObjectField(type: ClassReference, options: FieldOptions<object>): PropertyDecorator {
  return applyDecorators(
    Type(type),
    ValidateNested(),
    field(options, {
      check: checks.objectCheck,
      // Swagger tells a reference to a class from a class by the function's name, which must be `type`.
      schema: { type: () => type() },
    }),
  );
}

/** A list of objects of a class with fields of its own. */
export function ArrayField(type: ClassReference, options: FieldOptions<object>): PropertyDecorator {
  return ObjectField(type, { ...options, isArray: true });
}

/** Any JSON object, kept as it came. */
export function FreeObjectField(options: FieldOptions<object>): PropertyDecorator {
  return applyDecorators(
    KeepAsGiven(),
    field(options, { check: checks.objectCheck, schema: { type: 'object', additionalProperties: true } }),
  );
}

export interface MapFieldOptions extends FieldOptions<object> {
  /** 50 by default. */
  maxPairs?: number;
  /** Characters; 100 by default. */
  maxKeyLength?: number;
  /** Characters; 1,000 by default. */
  maxValueLength?: number;
}

/** An object of strings. */
export function MapField(options: MapFieldOptions): PropertyDecorator {
  const { maxPairs = 50, maxKeyLength = 100, maxValueLength = 1_000 } = options;
  return applyDecorators(
    KeepAsGiven(),
    field(options, {
      check: checks.mapCheck({ maxPairs, maxKeyLength, maxValueLength }),
      schema: { type: 'object', maxProperties: maxPairs, additionalProperties: { type: 'string' } },
    }),
  );
}

/** Without it class-transformer would rebuild the object key by key. */
function KeepAsGiven(): PropertyDecorator {
  return Transform(({ obj, key }: { obj: Record<string, unknown>; key: string }) => obj[key]);
}

interface FieldParts {
  readonly check: FieldRule['check'];
  readonly fromText?: FieldRule['fromText'];
  readonly schema: object;
}

function field(options: FieldOptions, { check, fromText, schema }: FieldParts): PropertyDecorator {
  const { description, example, optional = false, nullable = false, isArray = false } = options;
  const list = { min: options.minItems ?? 0, max: options.maxItems ?? 100, unique: options.unique ?? false };
  const rule: FieldRule = { optional, nullable, check, fromText, ...(isArray ? { list } : {}) };
  const documentation = {
    description,
    example: shownExample(example, isArray, 'type' in schema && typeof schema.type === 'function'),
    required: !optional,
    ...(nullable ? { nullable: true } : {}),
    ...(options.default === undefined ? {} : { default: options.default }),
    ...(isArray
      ? { isArray: true, minItems: list.min, maxItems: list.max, uniqueItems: list.unique || undefined }
      : {}),
    ...schema,
  };
  return applyDecorators(
    ApiProperty(withoutUndefined(documentation)),
    ValidateBy(
      { name: FIELD_CONSTRAINT, validator: { validate: (value) => problemsOf(rule, value, '').length === 0 } },
      // Without a message class-validator would not hand the context on; what is told comes from the rule.
      { context: rule, message: 'wrong' },
    ),
  );
}

/** Where a class has examples of its own, an empty one would hide them; a list is shown as a list. */
function shownExample(example: unknown, isArray: boolean, ofClass: boolean): unknown {
  const isEmpty = example === null || Object.keys(example as object).length === 0;
  if (ofClass && isEmpty) return undefined;
  return isArray && example !== null && !Array.isArray(example) ? [example] : example;
}

function withoutUndefined(object: object): object {
  return Object.fromEntries(Object.entries(object).filter(([, value]) => value !== undefined));
}
