import { Ajv2020, type ErrorObject, type Options, type ValidateFunction } from 'ajv/dist/2020.js';
import type { FieldError } from '../../common/app-error.js';
import { schemaErrors } from '../../common/schema-errors.js';
import { FORMATS } from './formats.js';
import { LinearPattern } from './linear-pattern.js';
import { schemaFaults } from './schema-rules.js';

const MAX_ERRORS = 20;
/** Values in `data` up to which all that is wrong is looked for; of larger data the first thing is told. */
const MAX_EXPLAINED_VALUES = 2_000;

const OPTIONS: Options = {
  strict: false,
  // A keyword that would be ignored is a mistake of whoever wrote it.
  strictSchema: true,
  strictNumbers: true,
  // `required: ['toString']` asks for the data's own.
  ownProperties: true,
  logger: false,
  code: {
    regExp: Object.assign((pattern: string) => new LinearPattern(pattern), { code: 'LinearPattern' }),
  },
};

const firstError = compiler({ ...OPTIONS, allErrors: false });
const everyError = compiler({ ...OPTIONS, allErrors: true });

/** JSON Schema (2020-12) of an event type's `data`, compiled when it is first needed. */
export class DataSchema {
  private first: ValidateFunction | null = null;
  private every: ValidateFunction | null = null;

  /** `schema`: one in which `schemaProblems` found nothing. */
  constructor(private readonly schema: object) {}

  /** What is wrong with `data`, in field errors whose paths begin with `prefix`; empty: nothing. */
  errorsOf(data: unknown, prefix = 'data'): FieldError[] {
    this.first ??= compile(firstError, this.schema);
    if (this.first(data)) return [];
    let found: readonly ErrorObject[] = this.first.errors ?? [];
    if (!holdsMoreThan(data, MAX_EXPLAINED_VALUES)) {
      this.every ??= compile(everyError, this.schema);
      this.every(data);
      found = this.every.errors ?? found;
    }
    return schemaErrors(found.slice(0, MAX_ERRORS), prefix);
  }
}

/** Why `schema` cannot be registered, by its paths; empty: it can. */
export function schemaProblems(schema: Readonly<Record<string, unknown>>): FieldError[] {
  const faults = schemaFaults(schema);
  if (faults.length > 0) return faults;
  if (!firstError.validateSchema(schema)) {
    // Where a keyword may be several things, the first refusal is the telling one.
    const errors = schemaErrors(firstError.errors ?? [], 'schema');
    return errors.filter(({ field }, index) => errors.findIndex((error) => error.field === field) === index);
  }
  try {
    compile(firstError, schema);
    return [];
  } catch (error) {
    return [{ field: 'schema', code: 'invalid_schema', message: `It does not compile: ${(error as Error).message}.` }];
  }
}

function compiler(options: Options): Ajv2020 {
  const ajv = new Ajv2020(options);
  for (const [name, validate] of Object.entries(FORMATS)) ajv.addFormat(name, validate);
  return ajv;
}

/** The compiler would keep every schema for ever. */
function compile(ajv: Ajv2020, schema: object): ValidateFunction {
  try {
    return ajv.compile(schema);
  } finally {
    ajv.removeSchema(schema);
  }
}

function holdsMoreThan(value: unknown, limit: number): boolean {
  let left = limit;
  const waiting = [value];
  while (waiting.length > 0) {
    if (left-- === 0) return true;
    const next = waiting.pop();
    if (typeof next === 'object' && next !== null) for (const inner of Object.values(next)) waiting.push(inner);
  }
  return false;
}
