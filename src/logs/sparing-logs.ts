import { Injectable } from '@nestjs/common';
import { Counter } from 'prom-client';
import { type BucketRule, TokenBuckets } from '../auth/limits/token-buckets.js';
import { Clock } from '../common/clock.js';
import { Metrics } from '../common/metrics/metrics.js';

/**
 * How many refused requests of one public key a process logs. Such a key stands in a page for everybody to copy, so it
 * proves nobody: a page that goes wrong shows at once, and no stranger fills the log of a merchant.
 */
export const PUBLIC_KEY_REFUSALS: BucketRule = { burst: 60, perSecond: 0.1 };

/** What strangers can have refused as often as they like; `burst` logs of a key, then `perSecond`, in each process. */
const RULES = {
  public_key: PUBLIC_KEY_REFUSALS,
  /** A key that was ended, or bound to addresses, is one that strangers may have found. */
  unusable_key: PUBLIC_KEY_REFUSALS,
  /** A page has many visitors. */
  secret_key_in_browser: { burst: 20, perSecond: 0.2 },
} as const satisfies Record<string, BucketRule>;
export type SparingReason = keyof typeof RULES;

const MOST_KEYS = 10_000;

/** Keeps what strangers can cause from filling a log: some refusals of a key are logged, the others are counted. */
@Injectable()
export class SparingLogs {
  private readonly buckets: Record<SparingReason, TokenBuckets>;
  /** By key; bounded like the buckets. */
  private readonly leftOut = new Map<string, number>();
  private readonly counter: Counter<'reason'>;

  constructor(
    private readonly clock: Clock,
    metrics: Metrics,
  ) {
    this.buckets = {
      public_key: new TokenBuckets(RULES.public_key, MOST_KEYS),
      unusable_key: new TokenBuckets(RULES.unusable_key, MOST_KEYS),
      secret_key_in_browser: new TokenBuckets(RULES.secret_key_in_browser, MOST_KEYS),
    };
    this.counter = new Counter({
      name: 'signalpost_request_logs_left_out_total',
      help: 'Refused requests that were not logged, because the same key had too many that strangers can cause.',
      labelNames: ['reason'],
      registers: [metrics.registry],
    });
    for (const reason of Object.keys(RULES)) this.counter.inc({ reason }, 0);
  }

  /** Null when the refusal is to have no log; else how many of its key had none since the last one that had. */
  take(reason: SparingReason, key: string): number | null {
    const name = `${reason} ${key}`;
    const leftOut = this.leftOut.get(name) ?? 0;
    if (this.buckets[reason].take(key, this.clock.monotonicMs()).allowed) {
      this.leftOut.delete(name);
      return leftOut;
    }
    if (leftOut === 0 && this.leftOut.size >= MOST_KEYS) this.leftOut.delete(this.leftOut.keys().next().value!);
    this.leftOut.set(name, leftOut + 1);
    this.counter.inc({ reason });
    return null;
  }
}
