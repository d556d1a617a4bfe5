import type { AttemptCount } from './attempt-counts.repository.js';
import { percentiles } from './latency-buckets.js';

/** The attempts of one interval. Latencies in milliseconds, of all attempts; null without any. */
export interface IntervalStats {
  readonly start: Date;
  readonly attempts: number;
  readonly successes: number;
  readonly failures: number;
  readonly failureReasons: Readonly<Record<string, number>>;
  readonly latencyP50: number | null;
  readonly latencyP95: number | null;
  readonly latencyP99: number | null;
}

/** @param counts in the order of their intervals */
export function summarise(counts: readonly AttemptCount[]): IntervalStats[] {
  const byStart = new Map<number, AttemptCount[]>();
  for (const count of counts) {
    const startMs = count.start.getTime();
    const known = byStart.get(startMs);
    if (known) known.push(count);
    else byStart.set(startMs, [count]);
  }
  return [...byStart.values()].map(summariseInterval);
}

function summariseInterval(counts: readonly AttemptCount[]): IntervalStats {
  const reasons = new Map<string, number>();
  for (const { reason, count } of counts) reasons.set(reason, (reasons.get(reason) ?? 0) + count);
  const successes = reasons.get('') ?? 0;
  reasons.delete('');
  const failures = [...reasons.values()].reduce((sum, count) => sum + count, 0);
  const [latencyP50, latencyP95, latencyP99] = percentiles(counts, [0.5, 0.95, 0.99]) as [number, number, number];
  const failureReasons = Object.fromEntries([...reasons].sort(([a], [b]) => (a < b ? -1 : 1)));
  const attempts = successes + failures;
  return { start: counts[0]!.start, attempts, successes, failures, failureReasons, latencyP50, latencyP95, latencyP99 };
}
