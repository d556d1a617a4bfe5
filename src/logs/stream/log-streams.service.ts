import { Injectable } from '@nestjs/common';
import type { Tenant } from '../../auth/caller.js';
import { AppError } from '../../common/app-error.js';
import { Clock } from '../../common/clock.js';
import { firstUuidAt, uuidTime } from '../../common/ids.js';
import { retentionStartMs } from '../../common/retention.js';
import type { SseConnection } from '../../common/sse/sse-connection.js';
import { LAST_UUID } from '../../common/uuid-order.js';
import { AppConfig } from '../../config/app-config.js';
import { IDLE_TRANSACTION_TIMEOUT_MS } from '../../database/connection.js';
import { toLogFilters } from '../log-filters.js';
import { logMatcher } from './log-matcher.js';
import { LogPages } from './log-pages.js';
import { LogStream, type LogStreamStart } from './log-stream.js';
import type { LogStreamQuery } from './log-stream.dto.js';
import { ID_AHEAD_OF_TRANSACTION_MS, LogStreamRepository } from './log-stream.repository.js';
import { LogTail } from './log-tail.js';

/** Streams of logs: where each begins, and on what it lives. */
@Injectable()
export class LogStreamsService {
  constructor(
    private readonly repository: LogStreamRepository,
    private readonly tail: LogTail,
    private readonly pages: LogPages,
    private readonly config: AppConfig,
    private readonly clock: Clock,
  ) {}

  /**
   * Where a stream begins: with what may have been committed since the log `lastId` (a uuid) was sent, with the oldest
   * log that is kept for '0', now for null or for an id ahead of now.
   * @throws AppError `expired` when `lastId` is older than the retention, 422 for wrong filters.
   */
  async start(tenant: Tenant, query: LogStreamQuery, lastId: string | null): Promise<LogStreamStart> {
    const nowMs = this.clock.now().getTime();
    const startMs = retentionStartMs(this.clock.now(), this.config.retentionDays);
    const matches = logMatcher(toLogFilters(query, startMs));
    if (lastId !== null && lastId !== '0' && uuidTime(lastId) < startMs) {
      throw new AppError('expired', 'This log is older than the retention; begin with 0.');
    }
    if (lastId === null || (lastId !== '0' && uuidTime(lastId) > nowMs + ID_AHEAD_OF_TRANSACTION_MS)) {
      return { tenant, matches, isCaughtUp: true, position: await this.now(tenant) };
    }
    const fromMs = lastId === '0' ? startMs : Math.max(startMs, uuidTime(lastId) - this.lateCommitMs);
    const position = { seen: null, after: firstUuidAt(fromMs), upTo: null, first: null };
    return { tenant, matches, isCaughtUp: false, position };
  }

  follow(start: LogStreamStart, connection: SseConnection): void {
    void new LogStream(start, connection, this.tail, this.pages, this.clock).run();
  }

  /**
   * How long after its id a log can commit: its own statement, and the transaction's idleness before the commit, have
   * limits, which PostgreSQL keeps.
   */
  private get lateCommitMs(): number {
    return this.config.databaseStatementTimeoutMs + IDLE_TRANSACTION_TIMEOUT_MS + ID_AHEAD_OF_TRANSACTION_MS;
  }

  private async now(tenant: Tenant) {
    // After the last id there is nothing to read but the horizon.
    const position = { seen: null, after: LAST_UUID, upTo: null, first: null };
    const [page] = await this.repository.read([{ tenant, position }]);
    return { ...page!.horizon, upTo: null, first: null };
  }
}
