import { Injectable, Logger, type OnApplicationShutdown } from '@nestjs/common';
import { Interval } from '@nestjs/schedule';
import { Counter } from 'prom-client';
import type { Caller } from '../auth/caller.js';
import { Clock } from '../common/clock.js';
import { NIL_ACCOUNT } from '../common/ids.js';
import { Metrics } from '../common/metrics/metrics.js';
import { RepeatedWarning } from '../common/repeated-warning.js';
import { isMissingPartition, isRefusedValue } from '../database/sql-errors.js';
import { describeRequest } from './descriptions.js';
import { keepFairShares } from './fair-share.js';
import { logActorOf } from './log.js';
import { LogWriter, type NewLog } from './log-writer.js';

/** Who made a request: a caller, or a key that proved right and was refused. */
export type RequestMaker = Pick<
  Caller,
  'accountId' | 'mode' | 'apiKeyId' | 'adminKeyName' | 'actorName' | 'locale' | 'ip'
>;

export interface RecordedRequest {
  readonly caller: RequestMaker;
  readonly method: string;
  /** The route's pattern. */
  readonly route: string;
  readonly status: number;
  /** The problem's code, when the answer was one. */
  readonly code: string | null;
  /** Until the answer was made. */
  readonly durationMs: number;
  readonly requestId: string;
  /** No client was there any more to take the answer. */
  readonly hasClientLeft?: boolean;
  /** How many refusals of the key had no log of their own since the last one that had. */
  readonly leftOut?: number;
}

const FLUSH_MS = 1_000;
const BATCH_LOGS = 500;
/** How many logs wait for the database at the most, of all accounts together. */
export const MOST_LOGS_HELD = 10_000;
/** Batches of one tick: what is held at most, so that a slow database is not asked for ever. */
const MOST_BATCHES = MOST_LOGS_HELD / BATCH_LOGS;

/** Everything else was written, or is held. */
class RefusedLogsError extends Error {
  constructor(refusals: readonly unknown[]) {
    super(`Request logs that the database refused were dropped: ${refusals.length}, ${(refusals[0] as Error).message}`);
  }
}

/**
 * Request logs are gathered in memory and written in batches, off the requests' path. While the database is away, or
 * has no partition for them, they wait, up to a bound; then the oldest of those accounts that hold the most are
 * dropped, and counted. So is one whose values the database refuses, and that one alone.
 */
@Injectable()
export class RequestLogger implements OnApplicationShutdown {
  private readonly warning: RepeatedWarning;
  private held: NewLog[] = [];
  private flushing: Promise<number> | null = null;
  private readonly dropped: Counter;

  constructor(
    private readonly writer: LogWriter,
    private readonly clock: Clock,
    metrics: Metrics,
  ) {
    const logger = new Logger(RequestLogger.name);
    this.warning = new RepeatedWarning((message) => logger.warn(message), clock);
    this.dropped = new Counter({
      name: 'signalpost_request_logs_dropped_total',
      help: 'Request logs that were not kept, because too many waited for the database or it refused a value of theirs.',
      registers: [metrics.registry],
    });
  }

  /** Returns at once. */
  record(request: RecordedRequest): void {
    this.hold(toNewLog(request, this.clock.now()));
  }

  /** A log that may wait like those of requests. Returns at once. */
  hold(log: NewLog): void {
    this.held.push(log);
    // Twice the bound is trimmed to it, so that a full buffer does not move all of itself for every request.
    if (this.held.length >= MOST_LOGS_HELD * 2) this.trim();
  }

  /** Writes what is held; how many logs that were. What cannot be written now stays held, up to the bound. */
  runOnce(): Promise<number> {
    this.flushing ??= this.flush().finally(() => {
      this.flushing = null;
    });
    return this.flushing;
  }

  @Interval('request-logs', FLUSH_MS)
  async tick(): Promise<void> {
    try {
      await this.runOnce();
      this.warning.clear();
    } catch (error) {
      const { message } = error as Error;
      this.warning.warn(error instanceof RefusedLogsError ? message : `Request logs wait for the database: ${message}`);
    }
  }

  async onApplicationShutdown(): Promise<void> {
    await this.tick();
    // Those that came while a tick was under way.
    await this.tick();
  }

  private async flush(): Promise<number> {
    this.trim();
    const refusals: unknown[] = [];
    let written = 0;
    for (let batches = 0; batches < MOST_BATCHES && this.held.length > 0; batches += 1) {
      written += await this.write(this.held.splice(0, BATCH_LOGS), refusals);
    }
    if (refusals.length > 0) throw new RefusedLogsError(refusals);
    return written;
  }

  /**
   * How many logs of the batch were written; why others were dropped is added to `refusals`. What the database refuses
   * is written in halves until the log that it refuses stands alone: at worst two statements a log.
   */
  private async write(batch: readonly NewLog[], refusals: unknown[]): Promise<number> {
    const parts = [batch];
    let written = 0;
    for (let part = parts.shift(); part !== undefined; part = parts.shift()) {
      try {
        await this.writer.write(part);
        written += part.length;
      } catch (error) {
        if (!isRefusedValue(error) || isMissingPartition(error)) {
          this.held.unshift(...part, ...parts.flat());
          throw error;
        }
        if (part.length === 1) {
          this.dropped.inc();
          refusals.push(error);
        } else {
          const half = Math.ceil(part.length / 2);
          parts.unshift(part.slice(0, half), part.slice(half));
        }
      }
    }
    return written;
  }

  private trim(): void {
    const excess = this.held.length - MOST_LOGS_HELD;
    if (excess <= 0) return;
    this.held = keepFairShares(this.held, MOST_LOGS_HELD);
    this.dropped.inc(excess);
  }
}

function toNewLog(request: RecordedRequest, now: Date): NewLog {
  const { caller, method, route, status, code, requestId, hasClientLeft = false, leftOut = 0 } = request;
  return {
    accountId: caller.accountId ?? NIL_ACCOUNT,
    mode: caller.accountId === null ? null : caller.mode,
    category: 'api',
    action: status < 400 ? 'request.succeeded' : status < 500 ? 'request.refused' : 'request.failed',
    status: status < 400 ? 'succeeded' : 'failed',
    description: describeRequest(caller.locale, { method, route, status, code }),
    apiKeyId: caller.apiKeyId,
    requestId,
    actor: logActorOf(caller),
    http: { method, route, status, code, duration_ms: Math.round(request.durationMs) },
    metadata: { ...(hasClientLeft && { client_left: true }), ...(leftOut > 0 && { left_out: leftOut }) },
    occurredAt: now,
  };
}
