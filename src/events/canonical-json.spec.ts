import fc from 'fast-check';
import { canonicalJson, contentHash } from './canonical-json.js';

describe('canonicalJson', () => {
  it('puts the keys of every object in order and leaves the order of lists alone', () => {
    expect(canonicalJson({ b: [{ d: 1, c: 2 }, 1], a: null, 10: 'é' })).toBe(
      '{"10":"é","a":null,"b":[{"c":2,"d":1},1]}',
    );
  });

  it('is JSON of the same value, whatever the value', () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        const plain = JSON.parse(JSON.stringify(value)) as unknown;
        expect(JSON.parse(canonicalJson(plain))).toEqual(plain);
      }),
    );
  });
});

describe('contentHash', () => {
  const parsed = (text: string): string => contentHash(JSON.parse(text)).toString('hex');

  it('does not see the order of keys, white space, escapes, or how a number is written', () => {
    expect(parsed('{"a":1,"b":{"c":"é","d":[1.0,2e0]}}')).toBe(parsed(' {"b" : {"d":[1, 2],\n"c":"\\u00e9"}, "a":1}'));
  });

  it.each([
    ['{"a":1}', '{"a":"1"}'],
    ['{"a":null}', '{}'],
    ['{"a":[1,2]}', '{"a":[2,1]}'],
    ['{"a":{}}', '{"a":[]}'],
    ['{"a":"x,y"}', '{"a":["x","y"]}'],
  ])('tells %s from %s', (one, other) => {
    expect(parsed(one)).not.toBe(parsed(other));
  });
});
