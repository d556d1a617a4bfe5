import { Injectable, Logger, type OnApplicationShutdown } from '@nestjs/common';
import { Interval } from '@nestjs/schedule';
import { Counter } from 'prom-client';
import type { Caller } from '../auth/caller.js';
import { Clock } from '../common/clock.js';
import { NIL_ACCOUNT } from '../common/ids.js';
import { Metrics } from '../common/metrics/metrics.js';
import { RepeatedWarning } from '../common/repeated-warning.js';
import { describeRequest } from './descriptions.js';
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
  readonly durationMs: number;
  readonly requestId: string;
}

const FLUSH_MS = 1_000;
const BATCH_LOGS = 500;
export const MOST_LOGS_HELD = 10_000;
/** Batches of one tick: what is held at most, so that a slow database is not asked for ever. */
const MOST_BATCHES = MOST_LOGS_HELD / BATCH_LOGS;
/** Data exceptions and violated constraints: the same batch would fail again. */
const WRONG_DATA = /^2[23]/;

/**
 * Request logs are gathered in memory and written in batches, off the requests' path. While the database is away they
 * wait, up to a bound; then the oldest are dropped, and counted.
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
      help: 'Request logs that were not kept, because too many waited for the database.',
      registers: [metrics.registry],
    });
  }

  /** Returns at once. */
  record(request: RecordedRequest): void {
    this.held.push(toNewLog(request, this.clock.now()));
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
      this.warning.warn(`Request logs wait for the database: ${(error as Error).message}`);
    }
  }

  async onApplicationShutdown(): Promise<void> {
    await this.tick();
    // Those that came while a tick was under way.
    await this.tick();
  }

  private async flush(): Promise<number> {
    this.trim();
    let written = 0;
    for (let batches = 0; batches < MOST_BATCHES && this.held.length > 0; batches += 1) {
      const batch = this.held.splice(0, BATCH_LOGS);
      try {
        await this.writer.write(batch);
        written += batch.length;
      } catch (error) {
        if (WRONG_DATA.test(String((error as { code?: unknown }).code))) this.dropped.inc(batch.length);
        else this.held.unshift(...batch);
        throw error;
      }
    }
    return written;
  }

  private trim(): void {
    const excess = this.held.length - MOST_LOGS_HELD;
    if (excess <= 0) return;
    this.held.splice(0, excess);
    this.dropped.inc(excess);
  }
}

function toNewLog(request: RecordedRequest, now: Date): NewLog {
  const { caller, method, route, status, code, requestId } = request;
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
    occurredAt: now,
  };
}
