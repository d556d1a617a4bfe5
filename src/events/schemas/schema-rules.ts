import type { FieldError } from '../../common/app-error.js';
import { isPlainObject } from '../../common/field-rule.js';
import { FORMATS } from './formats.js';
import { LinearPattern } from './linear-pattern.js';
import { PatternError } from './pattern-program.js';

/** Bytes of a schema as JSON. */
const MAX_SCHEMA_BYTES = 32 * 1024;
const MAX_DEPTH = 16;
/** Schemas inside one another, each counted as often as it is referred to: how much work one value can make. */
const MAX_SUBSCHEMAS = 500;
/** Of these, those that judge the same value as the one they stand in, such as the branches of `anyOf`. */
const MAX_ALTERNATIVES = 100;
const MAX_LISTED = 200;
/** `uniqueItems` compares each item with each. */
const MAX_UNIQUE_ITEMS = 100;
const MAX_FAULTS = 20;
const DIALECT = 'https://json-schema.org/draft/2020-12/schema';
/** Names that a pointer spells as they are: no `~1`, no `%20`. */
const REFERENCE = /^#\/(\$defs|definitions)\/([A-Za-z0-9_.-]+)$/;

/** Where a keyword holds schemas; of those in `IN_PLACE` each judges the same value as the one around it. */
const ONE_SCHEMA = new Set(
  'additionalProperties contains else if items not propertyNames then unevaluatedItems unevaluatedProperties'.split(
    ' ',
  ),
);
const LISTED_SCHEMAS = new Set(['allOf', 'anyOf', 'oneOf', 'prefixItems']);
const NAMED_SCHEMAS = new Set(['$defs', 'definitions', 'dependentSchemas', 'patternProperties', 'properties']);
const IN_PLACE = new Set(['$ref', 'allOf', 'anyOf', 'dependentSchemas', 'else', 'if', 'not', 'oneOf', 'then']);
const OTHER_KEYWORDS = new Set(
  (
    '$comment $ref const default dependentRequired deprecated description enum examples exclusiveMaximum ' +
    'exclusiveMinimum format maxContains maxItems maxLength maxProperties maximum minContains minItems minLength ' +
    'minProperties minimum multipleOf pattern readOnly required title type uniqueItems writeOnly'
  ).split(' '),
);

interface Weight {
  readonly subschemas: number;
  readonly alternatives: number;
  readonly depth: number;
}

/**
 * What a schema has that is unknown here or could make validating slow; empty: nothing. Whether the keywords' values
 * are right is the compiler's to say.
 */
export function schemaFaults(schema: Readonly<Record<string, unknown>>): FieldError[] {
  return new SchemaWalk(schema).run();
}

class SchemaWalk {
  private readonly faults: FieldError[] = [];
  private readonly definitions = new Map<string, Weight | 'open'>();

  constructor(private readonly root: Readonly<Record<string, unknown>>) {}

  run(): FieldError[] {
    if (Buffer.byteLength(JSON.stringify(this.root)) > MAX_SCHEMA_BYTES) {
      return [{ field: 'schema', code: 'too_long', message: 'Use at most 32 KiB.' }];
    }
    const { $schema: dialect, ...root } = this.root;
    if (dialect !== undefined && dialect !== DIALECT) {
      this.fault('schema.$schema', 'unknown_dialect', `Use ${DIALECT}, or leave it out.`);
    }
    const { type } = root;
    if (type !== undefined && type !== 'object' && !(Array.isArray(type) && type.includes('object'))) {
      this.fault('schema.type', 'wrong_type', 'Use object, for that is what data is.');
    }
    const { subschemas, alternatives, depth } = this.weigh(root, 'schema', 1);
    if (depth > MAX_DEPTH) this.fault('schema', 'too_deep', `Nest at most ${MAX_DEPTH} schemas.`);
    if (subschemas > MAX_SUBSCHEMAS || alternatives > MAX_ALTERNATIVES) {
      const message = `Use at most ${MAX_SUBSCHEMAS} schemas in it, ${MAX_ALTERNATIVES} of them in allOf, anyOf, oneOf, not, if, dependentSchemas and $ref, counted wherever they are referred to.`;
      this.fault('schema', 'too_complex', message);
    }
    return this.faults;
  }

  /** `level`: how deep it is written. What it weighs includes all that it refers to. */
  private weigh(schema: unknown, path: string, level: number): Weight {
    const leaf = { subschemas: 1, alternatives: 0, depth: 1 };
    if (level > MAX_DEPTH || !isPlainObject(schema)) {
      if (level <= MAX_DEPTH && typeof schema !== 'boolean') this.fault(path, 'wrong_type', 'Use a schema.');
      return { ...leaf, depth: level > MAX_DEPTH ? Infinity : 1 };
    }
    const inner: (readonly [keyword: string, weight: Weight])[] = [];
    for (const [keyword, value] of Object.entries(schema)) {
      const at = `${path}.${keyword}`;
      if (!this.checkKeyword(keyword, value, schema, at)) continue;
      if (keyword === '$ref') inner.push([keyword, this.weighReference(value, at)]);
      else if (keyword === '$defs' || keyword === 'definitions') this.weighDefinitions(value, at, level);
      else
        for (const [child, childPath] of childrenOf(keyword, value, at))
          inner.push([keyword, this.weigh(child, childPath, level + 1)]);
    }
    return inner.reduce<Weight>((sum, [keyword, weight]) => {
      const alternatives = weight.alternatives + (IN_PLACE.has(keyword) ? 1 : 0);
      return {
        subschemas: sum.subschemas + weight.subschemas,
        alternatives: sum.alternatives + alternatives,
        depth: Math.max(sum.depth, weight.depth + 1),
      };
    }, leaf);
  }

  /** Those that nothing refers to are judged too. */
  private weighDefinitions(value: unknown, at: string, level: number): void {
    if (level > 1) this.fault(at, 'misplaced', 'Put definitions at the root of the schema.');
    else for (const [name, schema] of Object.entries(value as object)) this.weighDefinition(`${at}.${name}`, schema);
  }

  private weighReference(reference: unknown, at: string): Weight {
    const nothing = { subschemas: 0, alternatives: 0, depth: 0 };
    const [, keyword, name] = REFERENCE.exec(String(reference)) ?? [];
    const group = this.root[keyword ?? ''];
    if (name === undefined || !isPlainObject(group) || !Object.hasOwn(group, name)) {
      this.fault(at, 'unknown_reference', 'Refer to #/$defs/<name> of this schema; others are not fetched.');
      return nothing;
    }
    const weight = this.weighDefinition(`schema.${keyword}.${name}`, group[name]);
    if (weight !== 'open') return weight;
    this.fault(at, 'endless', 'Leave out references that lead back to where they stand.');
    return nothing;
  }

  private weighDefinition(path: string, schema: unknown): Weight | 'open' {
    const known = this.definitions.get(path);
    if (known !== undefined) return known;
    this.definitions.set(path, 'open');
    const weight = this.weigh(schema, path, 2);
    this.definitions.set(path, weight);
    return weight;
  }

  /** False: its value is not worth a further look. */
  private checkKeyword(keyword: string, value: unknown, schema: Record<string, unknown>, at: string): boolean {
    if (ONE_SCHEMA.has(keyword)) return true;
    if (LISTED_SCHEMAS.has(keyword))
      return Array.isArray(value) || this.fault(at, 'wrong_type', 'Use a list of schemas.');
    if (NAMED_SCHEMAS.has(keyword)) {
      if (!isPlainObject(value)) return this.fault(at, 'wrong_type', 'Use an object of schemas.');
      if (Object.keys(value).length > MAX_LISTED) this.fault(at, 'too_long', `Use at most ${MAX_LISTED} names.`);
      if (keyword === 'patternProperties') for (const pattern of Object.keys(value)) this.checkPattern(pattern, at);
      return true;
    }
    if (!OTHER_KEYWORDS.has(keyword)) {
      this.fault(at, 'unknown_field', 'This keyword is not known here.');
      return false;
    }
    if (keyword === 'pattern') this.checkPattern(value, at);
    if (keyword === 'format' && typeof value === 'string' && !Object.hasOwn(FORMATS, value)) {
      this.fault(at, 'unknown_format', `Use one of ${Object.keys(FORMATS).join(', ')}.`);
    }
    if ((keyword === 'enum' || keyword === 'required') && Array.isArray(value) && value.length > MAX_LISTED) {
      this.fault(at, 'too_long', `Use at most ${MAX_LISTED} values.`);
    }
    if (keyword === 'uniqueItems' && value === true && !(Number(schema.maxItems ?? Infinity) <= MAX_UNIQUE_ITEMS)) {
      this.fault(at, 'unbounded', `Set maxItems to at most ${MAX_UNIQUE_ITEMS} beside it.`);
    }
    return true;
  }

  private checkPattern(pattern: unknown, at: string): void {
    if (typeof pattern !== 'string') return;
    try {
      new LinearPattern(pattern);
    } catch (error) {
      if (!(error instanceof PatternError)) throw error;
      this.fault(at, 'pattern_refused', error.message);
    }
  }

  private fault(field: string, code: string, message: string): false {
    if (this.faults.length < MAX_FAULTS) this.faults.push({ field: field.slice(0, 256), code, message });
    return false;
  }
}

function childrenOf(keyword: string, value: unknown, at: string): [unknown, string][] {
  if (ONE_SCHEMA.has(keyword)) return [[value, at]];
  if (LISTED_SCHEMAS.has(keyword)) return (value as unknown[]).map((child, index) => [child, `${at}[${index}]`]);
  if (NAMED_SCHEMAS.has(keyword))
    return Object.entries(value as object).map(([name, child]) => [child, `${at}.${name}`]);
  return [];
}
