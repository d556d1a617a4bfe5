import { AppError } from '../app-error.js';
import { DEFAULT_JSON_LIMITS, parseJsonBody, readJson, type JsonLimits } from './json-gate.js';

function refusal(
  body: string | Buffer,
  limits?: JsonLimits,
): { status: number; code: string; errors: string[]; detail: string } {
  try {
    parseJsonBody(Buffer.from(body as string), limits);
  } catch (error) {
    if (!(error instanceof AppError)) throw error;
    const errors = error.errors.map(({ field, code }) => `${field}: ${code}`);
    return { status: error.status, code: error.code, errors, detail: error.detail };
  }
  throw new Error('taken');
}

const nested = (levels: number): string => '['.repeat(levels) + ']'.repeat(levels);
const keys = (count: number): string => `{${Array.from({ length: count }, (_, index) => `"k${index}":1`).join(',')}}`;

describe('parseJsonBody', () => {
  it('gives what JSON.parse gives', () => {
    const body = '{"a":[1,-2.5e3,"\\u00e9\\n😀",null,true,{"a":{}}],"b":9007199254740991,"":0}';
    expect(parseJsonBody(Buffer.from(body))).toEqual(JSON.parse(body));
  });

  it.each(['', ' \n\t'])('asks for a body instead of %j', (body) => {
    expect(refusal(body)).toMatchObject({ status: 400, code: 'body_required' });
  });

  it.each([
    '{',
    '{"a":1,}',
    '{a:1}',
    "{'a':1}",
    '{"a":01}',
    '[1] 2',
    '// c\n{}',
    '{"a":NaN}',
    '}}]]',
    '\ufeff{}',
    '"\u0000"',
    ',',
    '{"a" 1}',
  ])('refuses %j as malformed', (body) => {
    expect(refusal(body)).toMatchObject({ status: 400, code: 'malformed_json' });
  });

  it('refuses invalid UTF-8 instead of replacing it', () => {
    expect(refusal(Buffer.from([0x22, 0xff, 0x22]))).toMatchObject({ status: 400, code: 'malformed_json' });
    expect(refusal(Buffer.from([0x22, 0xed, 0xa0, 0x80, 0x22]))).toMatchObject({ status: 400, code: 'malformed_json' });
  });

  it.each(['{"a":1,"a":1}', '{"a":1,"\\u0061":2}', '[{"a":{"b":1,"c":[{"b":2}],"b":3}}]'])(
    'refuses a key named twice and says which: %s',
    (body) => {
      const { status, code, detail } = refusal(body);
      expect([status, code]).toEqual([400, 'malformed_json']);
      expect(detail).toMatch(/key (a|\[0\]\.a\.b) twice/);
    },
  );

  it('takes one name in different objects', () => {
    expect(parseJsonBody(Buffer.from('{"a":{"a":[{"a":1},{"a":2}]}}'))).toEqual({ a: { a: [{ a: 1 }, { a: 2 }] } });
  });

  it('allows 32 levels and stops at the 33rd, however deep it goes on', () => {
    expect(parseJsonBody(Buffer.from(nested(32)))).toBeInstanceOf(Array);
    for (const levels of [33, 5_000, 1_000_000]) {
      expect(refusal(nested(levels))).toMatchObject({ status: 422, errors: [expect.stringMatching(/: too_deep$/)] });
    }
  });

  it('allows 1,000 keys and stops at the next', () => {
    expect(parseJsonBody(Buffer.from(keys(1_000)))).toBeInstanceOf(Object);
    for (const count of [1_001, 100_000]) {
      expect(refusal(keys(count))).toMatchObject({ status: 422, errors: ['k1000: too_many_keys'] });
    }
  });

  it('counts keys and levels anew in each item of a batch', () => {
    const limits = { ...DEFAULT_JSON_LIMITS, itemsIn: 'events' };
    const item = `{"a":${nested(31)},"b":${keys(990)}}`;
    expect(parseJsonBody(Buffer.from(`{"events":[${item},${item},${item}]}`), limits)).toBeInstanceOf(Object);
    expect(refusal(`{"events":[{},{"a":${nested(32)}}]}`, limits).errors).toEqual([expect.stringMatching(/too_deep/)]);
    expect(refusal(`{"events":[{},${keys(1_001)}]}`, limits).errors).toEqual(['events[1].k1000: too_many_keys']);
    const object = `{"events":{${Array.from({ length: 1_100 }, (_, index) => `"k${index}":{}`).join(',')}}}`;
    expect(refusal(object, limits).errors).toEqual(['events.k999: too_many_keys']);
    expect(refusal(`{"other":[${keys(600)},${keys(600)}]}`, limits).errors).toEqual(['other[1].k399: too_many_keys']);
  });

  it('limits strings and keys to 16 KiB of UTF-8', () => {
    expect(parseJsonBody(Buffer.from(JSON.stringify('x'.repeat(16_384))))).toHaveLength(16_384);
    expect(refusal(JSON.stringify({ a: 'x'.repeat(16_385) })).errors).toEqual(['a: too_long']);
    expect(refusal(JSON.stringify({ a: 'é'.repeat(8_193) })).errors).toEqual(['a: too_long']);
    expect(refusal(JSON.stringify({ ['k'.repeat(20_000)]: 1 })).errors).toEqual([
      expect.stringMatching(/^k{256}: too_long$/),
    ]);
  });

  it.each([
    '9007199254740992',
    '-9007199254740992',
    '9007199254740993.0',
    '1e400',
    '-1e400',
    '1e16',
    '123456789012345678901',
  ])('refuses the number %s wherever it stands', (number) => {
    const body = `{"events":[{},{"operation":{"amount":${number}}}],"n":[[1,${number}]]}`;
    expect(refusal(body)).toMatchObject({
      status: 422,
      code: 'invalid_input',
      errors: ['events[1].operation.amount: unsafe_integer', 'n[0][1]: unsafe_integer'],
    });
  });

  it.each(['9007199254740991', '-9007199254740991', '0.1', '1e15', '1.5e-7', '0.12345678901234567'])(
    'takes the number %s',
    (number) => {
      expect(parseJsonBody(Buffer.from(`[${number}]`))).toEqual([Number(number)]);
    },
  );

  it.each(['\\u0000', '\\ud800', '\\udc00', 'a\\ud83d', '\\ude00\\ud83d'])(
    'refuses %s in strings and keys',
    (escape) => {
      expect(refusal(`{"a":{"b":["x","${escape}"]}}`)).toMatchObject({
        status: 422,
        errors: ['a.b[1]: invalid_character'],
      });
      expect(refusal(`{"a":{"k${escape}":1}}`).errors).toEqual([expect.stringMatching(/^a\.k.*: invalid_character$/)]);
    },
  );

  it('takes a surrogate pair and a backslash before u0000', () => {
    expect(parseJsonBody(Buffer.from('["\\ud83d\\ude00","\\\\u0000"]'))).toEqual(['😀', '\\u0000']);
  });

  it.each(['__proto__', 'constructor', 'prototype', '\\u005f_proto__'])('refuses the key %s', (key) => {
    expect(refusal(`{"a":{"${key}":{"polluted":1}}}`)).toMatchObject({
      status: 422,
      errors: [expect.stringMatching(/forbidden_key$/)],
    });
    expect(({} as { polluted?: number }).polluted).toBeUndefined();
  });

  describe('a list whose items are judged one by one', () => {
    const limits = { ...DEFAULT_JSON_LIMITS, itemsIn: 'events' };
    const errorsOf = (items: readonly string[]): string[] =>
      readJson(Buffer.from(`{"events":[${items.join(',')}]}`), limits).errors.map(
        ({ field, code }) => `${field}: ${code}`,
      );
    const keys = (count: number): string =>
      JSON.stringify(Object.fromEntries(Array.from({ length: count }, (_, n) => [`k${n}`, n])));
    const nested = (levels: number): string => `{"a":${'['.repeat(levels)}${']'.repeat(levels)}}`;

    it('names each item that is over a limit, once, and looks at the next ones as if nothing had been', () => {
      const items = [
        nested(31),
        nested(32),
        `{"ok":1,"a":{"b":["${'x'.repeat(16_385)}",{"c":1e400,"c":2}]}}`,
        keys(1_000),
        `[${keys(1_001)},1e400]`,
        `{"${'k'.repeat(16_385)}":{"a":[]}}`,
        nested(5_000),
        '{"amount":1e400}',
        keys(100_000),
        '{}',
      ];
      const found = errorsOf(items);
      expect(found.map((error) => error.replace(/k{3,}/, 'k…'))).toEqual([
        expect.stringMatching(/^events\[1\]\.a\[0\].*: too_deep$/),
        'events[2].a.b[0]: too_long',
        'events[4][0].k1000: too_many_keys',
        'events[5].k…: too_long',
        expect.stringMatching(/^events\[6\]\.a\[0\].*: too_deep$/),
        'events[7].amount: unsafe_integer',
        'events[8].k1000: too_many_keys',
      ]);
    });

    it('is refused whole for what is wrong outside of its items, or no JSON, or nested without bound', () => {
      const read = (text: string) => () => readJson(Buffer.from(text), limits);
      expect(read(`{"events":[{}],"other":${nested(32)}}`)).toThrow(AppError);
      expect(read(`{"events":[${nested(40)},{"a":1,"a":2}]}`)).toThrow(/twice/);
      expect(read(`{"events":[${nested(40)},{"a":1]}`)).toThrow(/not valid JSON/);
      expect(read(`{"events":[{"a":${'['.repeat(40)}1 2${']'.repeat(40)}}]}`)).toThrow(/not valid JSON/);
      expect(read(`{"events":[${nested(200_000)}]}`)).toThrow(AppError);
    });
  });

  it('calls a body malformed before it calls a field wrong', () => {
    expect(refusal('{"a":1e400')).toMatchObject({ status: 400, code: 'malformed_json' });
  });
});
