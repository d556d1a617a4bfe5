import { Ajv, type ErrorObject } from 'ajv';

type Json = Record<string, unknown>;

/** Tells what is wrong with values by the schemas of an OpenAPI 3.0 document. */
export class DocumentSchemas {
  private readonly ajv = new Ajv({ strict: false, validateFormats: false, allErrors: true });

  constructor(document: object) {
    this.ajv.addSchema(toJsonSchema(document) as object, 'document');
  }

  /** What is wrong, as `path: message`. */
  wrongsOf(schema: object, value: unknown): string[] {
    const resolved = toJsonSchema(JSON.parse(JSON.stringify(schema).replaceAll('"#/', '"document#/'))) as object;
    const validate = this.ajv.compile(resolved);
    if (validate(value) === true) return [];
    return (validate.errors ?? []).map(({ instancePath, message }: ErrorObject) => `${instancePath}: ${message}`);
  }
}

/** OpenAPI's `nullable` stands beside what JSON Schema would make one of two. */
function toJsonSchema(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(toJsonSchema);
  if (typeof value !== 'object' || value === null) return value;
  const converted = Object.fromEntries(
    Object.entries(value as Json).map(([key, inner]) => [key, /^examples?$/.test(key) ? inner : toJsonSchema(inner)]),
  );
  if (converted.nullable !== true) return converted;
  const { nullable: _nullable, ...schema } = converted;
  return { anyOf: [schema, { type: 'null' }] };
}
