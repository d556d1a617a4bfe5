import { RefusedKeys } from './refused-keys.js';

describe('RefusedKeys', () => {
  it('remembers a key for a minute', () => {
    const refused = new RefusedKeys();
    refused.add('a', 1_000);
    expect([refused.has('a', 60_999), refused.has('a', 61_000), refused.has('b', 1_000)]).toEqual([true, false, false]);
  });

  it('forgets the oldest key when there are too many', () => {
    const refused = new RefusedKeys(2);
    for (const key of ['a', 'b', 'c']) refused.add(key, 0);
    expect(['a', 'b', 'c'].map((key) => refused.has(key, 1))).toEqual([false, true, true]);
  });
});
