import { parseQueryString } from './query-string.js';

const parsed = (text: string): object => ({ ...parseQueryString(text) });

describe('parseQueryString', () => {
  it('decodes names and values, and gathers repeats in their order', () => {
    expect(parsed('a=1&b=x%20y+z&a=2&%61=3&c&d=&e==&&')).toEqual({
      a: ['1', '2', '3'],
      b: 'x y z',
      c: '',
      d: '',
      e: '=',
    });
    expect(parsed('')).toEqual({});
  });

  it.each(['%', '%zz', '%ff', '%ed%a0%80', '%c3'])('reads %s as text that every field refuses', (text) => {
    expect(parsed(`a=${text}`)).toEqual({ a: '\ud800' });
  });

  it('keeps __proto__ as a name', () => {
    const parameters = parseQueryString('__proto__=1&__proto__=2&constructor=3');
    expect(Object.keys(parameters)).toEqual(['__proto__', 'constructor']);
    expect(({} as { length?: number }).length).toBeUndefined();
  });
});
