import { Injectable } from '@nestjs/common';
import { isIPv4, isIPv6 } from 'node:net';
import { AppError } from '../../common/app-error.js';
import { Clock } from '../../common/clock.js';
import { AppConfig } from '../../config/app-config.js';
import { plainAddress } from '../verification/address-list.js';
import { type BucketRule, type BucketState, TokenBuckets } from './token-buckets.js';

/**
 * Actions with a limit of their own, always on, per account and mode: each costs hashing or a request to a stranger.
 */
export const ACTION_LIMITS = {
  regenerate: { burst: 30, perSecond: 0.5 },
  create_key: { burst: 30, perSecond: 0.5 },
  test_send: { burst: 30, perSecond: 0.5 },
} as const satisfies Record<string, BucketRule>;
export type LimitedAction = keyof typeof ACTION_LIMITS;

/** Wide enough for a company behind one address with a stale key in its fleet; a guess has 178 bits to find. */
export const FAILED_AUTHENTICATION_LIMIT: BucketRule = { burst: 300, perSecond: 10 };

/** An empty bucket tells the same whenever it is met; made once, for an error's stack costs more than all before it. */
export const TOO_MANY_FAILURES = refusalOf(
  'failed-authentication',
  policyOf('failed-authentication', FAILED_AUTHENTICATION_LIMIT),
  {
    remaining: 0,
    retryAfterSeconds: Math.ceil(1 / FAILED_AUTHENTICATION_LIMIT.perSecond),
    resetSeconds: Math.ceil(FAILED_AUTHENTICATION_LIMIT.burst / FAILED_AUTHENTICATION_LIMIT.perSecond),
  },
  'This address sent too many wrong keys.',
);

/** The three limits of this process: per key, per action, and on failed authentications per address. */
@Injectable()
export class RateLimits {
  private readonly perKey: TokenBuckets | null;
  private readonly perKeyPolicy: string;
  private readonly actions: Record<LimitedAction, TokenBuckets>;
  private readonly failures = new TokenBuckets(FAILED_AUTHENTICATION_LIMIT);

  constructor(
    config: AppConfig,
    private readonly clock: Clock,
  ) {
    const perSecond = config.rateLimitPerSecond;
    this.perKey = perSecond > 0 ? new TokenBuckets({ burst: Math.max(1, perSecond), perSecond }) : null;
    this.perKeyPolicy = `"key";q=${Math.max(1, perSecond)};w=1`;
    this.actions = {
      regenerate: new TokenBuckets(ACTION_LIMITS.regenerate),
      create_key: new TokenBuckets(ACTION_LIMITS.create_key),
      test_send: new TokenBuckets(ACTION_LIMITS.test_send),
    };
  }

  /**
   * Counts a request of a key; the headers are for its answer (draft-ietf-httpapi-ratelimit-headers-10).
   * @throws AppError `rate_limited` with the same headers and `Retry-After`.
   */
  countRequest(keyName: string): Record<string, string> {
    if (!this.perKey) return {};
    return headersOrRefusal('key', this.perKeyPolicy, this.perKey.take(keyName, this.clock.monotonicMs()));
  }

  /** Counts one `action` for `owner`. @throws AppError `rate_limited`. */
  countAction(action: LimitedAction, owner: string): Record<string, string> {
    const rule = ACTION_LIMITS[action];
    return headersOrRefusal(action, policyOf(action, rule), this.actions[action].take(owner, this.clock.monotonicMs()));
  }

  /** @throws AppError `rate_limited` once the address has failed too often; asked before a look-up. */
  assertMayAuthenticate(ip: string): void {
    if (!this.failures.peek(addressGroup(ip), this.clock.monotonicMs()).allowed) throw TOO_MANY_FAILURES;
  }

  /** Counts a failure of the address. @throws AppError `rate_limited` once there were too many. */
  countFailedAuthentication(ip: string): void {
    if (!this.failures.take(addressGroup(ip), this.clock.monotonicMs()).allowed) throw TOO_MANY_FAILURES;
  }
}

function policyOf(name: string, rule: BucketRule): string {
  return `"${name}";q=${rule.burst};w=${Math.ceil(rule.burst / rule.perSecond)}`;
}

function headersOrRefusal(name: string, policy: string, state: BucketState): Record<string, string> {
  if (!state.allowed) throw refusalOf(name, policy, state);
  return headersOf(name, policy, state);
}

function refusalOf(name: string, policy: string, state: Omit<BucketState, 'allowed'>, detail?: string): AppError {
  const retryAfter = String(Math.max(1, state.retryAfterSeconds));
  return new AppError('rate_limited', detail, {
    headers: { ...headersOf(name, policy, state), 'retry-after': retryAfter },
  });
}

function headersOf(
  name: string,
  policy: string,
  { remaining, resetSeconds }: Pick<BucketState, 'remaining' | 'resetSeconds'>,
): Record<string, string> {
  return { 'ratelimit-policy': policy, ratelimit: `"${name}";r=${remaining};t=${resetSeconds}` };
}

/** An IPv6 customer holds a /64 at least, so that is what is counted. */
function addressGroup(ip: string): string {
  if (isIPv4(ip)) return ip;
  const plain = plainAddress(ip);
  if (!isIPv6(plain)) return plain;
  const [head = '', tail] = plain.split('::');
  const groups = head.split(':');
  return (tail === undefined ? groups : [...groups, '0', '0', '0', '0']).slice(0, 4).join(':');
}
