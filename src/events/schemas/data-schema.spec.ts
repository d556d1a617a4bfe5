import { DataSchema, schemaProblems } from './data-schema.js';

const fields = (schema: object) => schemaProblems(schema as Record<string, unknown>).map(({ field }) => field);
const codes = (schema: object) => schemaProblems(schema as Record<string, unknown>).map(({ code }) => code);

const PAYOUT = {
  $schema: 'https://json-schema.org/draft/2020-12/schema',
  type: 'object',
  required: ['amount', 'to'],
  properties: {
    amount: { type: 'integer', minimum: 1 },
    to: { $ref: '#/$defs/account' },
    tags: { type: 'array', items: { type: 'string', pattern: '^[a-z]+$' }, uniqueItems: true, maxItems: 5 },
    due: { type: 'string', format: 'date' },
  },
  additionalProperties: false,
  $defs: { account: { type: 'object', properties: { iban: { type: 'string', pattern: '^[A-Z]{2}\\d{2}' } } } },
};

/** `levels` definitions of which each refers twice to the next. */
function doubling(levels: number): object {
  const names = Array.from({ length: levels }, (_, index) => `d${index}`);
  const pairs = names.map((name, index) => {
    const $ref = `#/$defs/d${index + 1}`;
    return [name, index === levels - 1 ? { type: 'object' } : { allOf: [{ $ref }, { $ref }] }] as const;
  });
  return { $ref: '#/$defs/d0', $defs: Object.fromEntries(pairs) };
}

function nested(levels: number): object {
  return levels === 0 ? {} : { type: 'object', properties: { in: nested(levels - 1) } };
}

describe('DataSchema', () => {
  const schema = new DataSchema(PAYOUT);

  it('takes what fits', () => {
    expect(schemaProblems(PAYOUT)).toEqual([]);
    expect(schema.errorsOf({ amount: 1, to: { iban: 'BJ66' }, tags: ['a', 'b'], due: '2026-11-02' })).toEqual([]);
  });

  it('names every wrong field under data', () => {
    const errors = schema.errorsOf({ amount: 0, to: { iban: 'x' }, tags: ['A'], due: '2026-02-30', more: 1 });
    expect(errors.map(({ field, code }) => [field, code]).sort()).toEqual([
      ['data.amount', 'out_of_range'],
      ['data.due', 'invalid_format'],
      ['data.more', 'unknown_field'],
      ['data.tags[0]', 'invalid_format'],
      ['data.to.iban', 'invalid_format'],
    ]);
    expect(schema.errorsOf({}).map(({ field }) => field)).toEqual(['data.amount', 'data.to']);
  });

  it('tells only the first error of data that is large, so that an answer stays small', () => {
    const wrong = { amount: 1, to: {}, tags: Array.from({ length: 10_000 }, () => 7) };
    expect(schema.errorsOf(wrong)).toHaveLength(1);
  });

  it('lists the values it allows as they are written, and no more of them than someone reads', () => {
    const messageFor = (rule: object) =>
      new DataSchema({ properties: { a: rule } }).errorsOf({ a: 'x' }).map(({ message }) => message);
    expect(messageFor({ enum: ['b', null, { c: 1 }] })).toEqual(['Use one of b, null, {"c":1}.']);
    expect(messageFor({ const: 1 })).toEqual(['Use 1.']);
    const [message] = messageFor({ enum: Array.from({ length: 200 }, (_, index) => `${index}${'y'.repeat(150)}`) });
    expect(message).toMatch(/ and 180 more\.$/);
    expect(message!.length).toBeLessThan(2_200);
  });

  it("a required name is the data's own, not every object's", () => {
    expect(new DataSchema({ required: ['toString'] }).errorsOf({})).toHaveLength(1);
  });

  it('judges the largest data by the largest schema in bounded time', () => {
    const anyOf = Array.from({ length: 98 }, (_, index) => ({ const: index }));
    const heavy = { type: 'object', properties: { list: { type: 'array', items: { anyOf } } } };
    expect(schemaProblems(heavy)).toEqual([]);
    const startedUs = process.cpuUsage().user;
    expect(new DataSchema(heavy).errorsOf({ list: Array.from({ length: 80_000 }, () => 97) })).toEqual([]);
    expect((process.cpuUsage().user - startedUs) / 1_000).toBeLessThan(3_000);
  });
});

describe('a schema is refused, by its path,', () => {
  it.each([
    ['with a keyword unknown here', { properties: { a: { minLenght: 1 } } }, 'schema.properties.a.minLenght'],
    ['of another dialect', { $schema: 'http://json-schema.org/draft-07/schema#' }, 'schema.$schema'],
    ['with a base of its own', { $id: 'https://example.com/s' }, 'schema.$id'],
    ['that data, an object, can never fit', { type: 'string' }, 'schema.type'],
    ['with a type that is none', { properties: { a: { type: 'text' } } }, 'schema.properties.a.type'],
    ['with a wrong value', { properties: { a: { maxLength: -1 } } }, 'schema.properties.a.maxLength'],
    ['with a schema that is none', { properties: { a: 1 } }, 'schema.properties.a'],
    ['with a list where one schema is due', { items: [{}] }, 'schema.items'],
    ['with an unknown format', { properties: { a: { format: 'iban' } } }, 'schema.properties.a.format'],
    ['that refers elsewhere', { properties: { a: { $ref: 'https://example.com/a' } } }, 'schema.properties.a.$ref'],
    ['that refers to nothing', { properties: { a: { $ref: '#/$defs/a' } } }, 'schema.properties.a.$ref'],
    ['that refers to itself', { properties: { a: { $ref: '#' } } }, 'schema.properties.a.$ref'],
    [
      'that hides where it refers to',
      { $ref: '#/$defs/a%62', $defs: { 'a%62': {}, ab: { $ref: '#/$defs/a%62' } } },
      'schema.$ref',
    ],
    ['with definitions deep inside', { properties: { a: { $defs: {} } } }, 'schema.properties.a.$defs'],
    [
      'whose definitions lead in a circle',
      { $defs: { a: { items: { $ref: '#/$defs/b' } }, b: { items: { $ref: '#/$defs/a' } } } },
      'schema.$defs.b.items.$ref',
    ],
    ['with a look-around', { properties: { a: { pattern: '(?=a)' } } }, 'schema.properties.a.pattern'],
    ['with a pattern that is none', { patternProperties: { '(': {} } }, 'schema.patternProperties'],
    [
      'that compares all items of any list',
      { properties: { a: { uniqueItems: true } } },
      'schema.properties.a.uniqueItems',
    ],
    [
      'with an enumeration too long',
      { properties: { a: { enum: [...Array(201).keys()] } } },
      'schema.properties.a.enum',
    ],
    ['that is too large', { description: 'x'.repeat(32 * 1024) }, 'schema'],
    ['that is too deep', nested(16), 'schema'],
    ['whose branches multiply', doubling(12), 'schema'],
    ['whose branches multiply without bound', doubling(300), 'schema'],
    ['with too many branches', { anyOf: Array.from({ length: 101 }, () => ({})) }, 'schema'],
    ['with half a condition', { then: {} }, 'schema'],
  ])('%s', (_what, schema, field) => {
    expect(fields(schema)).toContain(field);
  });

  it('and not for being as deep or as shared as is allowed', () => {
    expect(codes(nested(15))).toEqual([]);
    expect(codes(doubling(5))).toEqual([]);
  });
});
