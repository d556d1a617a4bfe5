import { TokenBuckets } from './token-buckets.js';

describe('TokenBuckets', () => {
  it('passes the burst, refuses the next and says when it would pass', () => {
    const buckets = new TokenBuckets({ burst: 3, perSecond: 0.5 });
    const states = [1, 2, 3, 4].map(() => buckets.take('key', 0));
    expect(states.map((state) => state.allowed)).toEqual([true, true, true, false]);
    expect(states.map((state) => state.remaining)).toEqual([2, 1, 0, 0]);
    expect(states[3]).toEqual({ allowed: false, remaining: 0, retryAfterSeconds: 2, resetSeconds: 6 });
  });

  it('passes again exactly when it said so, and not before', () => {
    const buckets = new TokenBuckets({ burst: 1, perSecond: 0.5 });
    buckets.take('key', 0);
    expect(buckets.take('key', 1_999).allowed).toBe(false);
    expect(buckets.take('key', 2_000).allowed).toBe(true);
  });

  it('never holds more than the burst, however long it rested', () => {
    const buckets = new TokenBuckets({ burst: 2, perSecond: 10 });
    buckets.take('key', 0);
    const allowed = [1, 2, 3].map(() => buckets.take('key', 3_600_000).allowed);
    expect(allowed).toEqual([true, true, false]);
  });

  it('a refused request costs nothing, so a flood does not keep the owner out', () => {
    const buckets = new TokenBuckets({ burst: 1, perSecond: 1 });
    for (let ms = 0; ms < 1_000; ms += 100) buckets.take('key', ms);
    expect(buckets.take('key', 1_000).allowed).toBe(true);
  });

  it('keeps names apart, and peeks without taking', () => {
    const buckets = new TokenBuckets({ burst: 1, perSecond: 1 });
    expect(buckets.peek('one', 0).allowed).toBe(true);
    buckets.take('one', 0);
    expect(buckets.peek('one', 0).allowed).toBe(false);
    expect(buckets.take('two', 0).allowed).toBe(true);
  });

  it('stays within its bound of names', () => {
    const buckets = new TokenBuckets({ burst: 1, perSecond: 0.001 }, 2);
    for (const name of ['one', 'two', 'three']) buckets.take(name, 0);
    expect(['one', 'two', 'three'].map((name) => buckets.peek(name, 0).allowed)).toEqual([true, false, false]);
  });
});
