/**
 * Durations are counted in buckets whose bounds grow by a tenth: bucket n holds what is over 1.1^(n−1) ms and at most
 * 1.1^n ms, bucket 0 all up to 1 ms. A value in the middle of a bucket (so that it is as far, in proportion, from both
 * bounds) is at most 4.8 % from any duration in it, before it is rounded to whole milliseconds. As in
 * migrations/functions/settle_deliveries.sql; the scheme is that of DDSketch (Masson, Rim, Lee: VLDB 2019).
 */
const GROWTH = 1.1;

/** How far a percentile may be from the exact one, in proportion, beside the rounding to milliseconds. */
export const LATENCY_ERROR = (GROWTH - 1) / (GROWTH + 1);

export interface BucketCount {
  readonly bucket: number;
  readonly count: number;
}

/** The duration in milliseconds that stands for a bucket. */
export function bucketMs(bucket: number): number {
  return Math.round((2 * GROWTH ** bucket) / (1 + GROWTH));
}

/**
 * Percentiles by the nearest rank, in milliseconds.
 * @param counts of one interval, in any order; a bucket may come more than once
 * @param shares such as 0.95
 */
export function percentiles(counts: readonly BucketCount[], shares: readonly number[]): (number | null)[] {
  const byBucket = [...counts].sort((one, other) => one.bucket - other.bucket);
  const total = byBucket.reduce((sum, { count }) => sum + count, 0);
  return shares.map((share) => {
    let left = Math.max(1, Math.ceil(share * total));
    for (const { bucket, count } of byBucket) {
      left -= count;
      if (left <= 0) return bucketMs(bucket);
    }
    return null;
  });
}
