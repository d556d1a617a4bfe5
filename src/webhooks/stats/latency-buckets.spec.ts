import fc from 'fast-check';
import { bucketMs, LATENCY_ERROR, percentiles } from './latency-buckets.js';

/** As settle_deliveries.sql puts it. */
const bucketOf = (durationMs: number) => Math.ceil(Math.log(Math.max(durationMs, 1)) / Math.log(1.1));
const countsOf = (durations: readonly number[]) => durations.map((ms) => ({ bucket: bucketOf(ms), count: 1 }));

describe('latency buckets', () => {
  it('stand for every duration of an attempt within 4.8 %, and half a millisecond for the rounding', () => {
    expect(LATENCY_ERROR).toBeLessThan(0.048);
    for (let ms = 1; ms <= 30_500; ms += 1) {
      expect(Math.abs(bucketMs(bucketOf(ms)) - ms)).toBeLessThanOrEqual(ms * LATENCY_ERROR + 0.5);
    }
    expect(bucketMs(bucketOf(0))).toBe(1);
  });

  it('give percentiles by the nearest rank within the same error, however the durations lie', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 30_000 }), { minLength: 1, maxLength: 300 }), (durations) => {
        const sorted = [...durations].sort((a, b) => a - b);
        const shares = [0.5, 0.95, 0.99];
        const exact = shares.map((share) => sorted[Math.ceil(share * sorted.length) - 1]!);
        percentiles(countsOf(durations), shares).forEach((given, index) => {
          expect(Math.abs(given! - exact[index]!)).toBeLessThanOrEqual(exact[index]! * LATENCY_ERROR + 0.5);
        });
      }),
    );
  });

  it('count a bucket that comes more than once, in any order', () => {
    const counts = [
      { bucket: 48, count: 1 },
      { bucket: 24, count: 98 },
      { bucket: 24, count: 1 },
    ];
    expect(percentiles(counts, [0.5, 0.99, 1])).toEqual([bucketMs(24), bucketMs(24), bucketMs(48)]);
    expect(percentiles([], [0.5])).toEqual([null]);
  });
});
