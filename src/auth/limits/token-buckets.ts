/** `burst` requests at once, and `perSecond` in the long run. */
export interface BucketRule {
  readonly burst: number;
  readonly perSecond: number;
}

/** How a bucket stands after a request. */
export interface BucketState {
  readonly allowed: boolean;
  /** Whole requests that would pass right now. */
  readonly remaining: number;
  /** Seconds, rounded up, until the next request passes; 0 when one would pass now. */
  readonly retryAfterSeconds: number;
  /** Seconds, rounded up, until the bucket is full again. */
  readonly resetSeconds: number;
}

/** A third of a second filled thrice is a whole token, which floating point would deny. */
const ONE_TOKEN = 1 - 1e-9;

interface Bucket {
  tokens: number;
  filledAtMs: number;
}

/** Token buckets of one rule, by name, in this process. Bounded: the one that was made first goes first. */
export class TokenBuckets {
  private readonly buckets = new Map<string, Bucket>();

  constructor(
    private readonly rule: BucketRule,
    private readonly maximumBuckets = 10_000,
  ) {}

  /** Takes one token of `name` when there is one. */
  take(name: string, nowMs: number): BucketState {
    const bucket = this.fill(name, nowMs);
    const allowed = bucket.tokens >= ONE_TOKEN;
    if (allowed) bucket.tokens = Math.max(0, bucket.tokens - 1);
    return this.stateOf(bucket, allowed);
  }

  /** Whether `take` would pass, without taking. */
  peek(name: string, nowMs: number): BucketState {
    const known = this.buckets.get(name);
    const bucket = known ? this.fill(name, nowMs) : { tokens: this.rule.burst, filledAtMs: nowMs };
    return this.stateOf(bucket, bucket.tokens >= ONE_TOKEN);
  }

  private fill(name: string, nowMs: number): Bucket {
    const known = this.buckets.get(name);
    if (known) {
      const elapsedSeconds = Math.max(0, nowMs - known.filledAtMs) / 1000;
      known.tokens = Math.min(this.rule.burst, known.tokens + elapsedSeconds * this.rule.perSecond);
      known.filledAtMs = nowMs;
      return known;
    }
    if (this.buckets.size >= this.maximumBuckets) this.buckets.delete(this.buckets.keys().next().value!);
    const fresh = { tokens: this.rule.burst, filledAtMs: nowMs };
    this.buckets.set(name, fresh);
    return fresh;
  }

  private stateOf(bucket: Bucket, allowed: boolean): BucketState {
    const untilNext = Math.max(0, ONE_TOKEN - bucket.tokens) / this.rule.perSecond;
    return {
      allowed,
      remaining: Math.floor(bucket.tokens),
      retryAfterSeconds: Math.ceil(untilNext),
      resetSeconds: Math.ceil((this.rule.burst - bucket.tokens) / this.rule.perSecond),
    };
  }
}
