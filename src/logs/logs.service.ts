import { Readable } from 'node:stream';
import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import type { TenantCaller } from '../auth/caller.js';
import { AppError } from '../common/app-error.js';
import { Clock } from '../common/clock.js';
import { encodeId, uuidTime } from '../common/ids.js';
import { type ListResponse, toList, toPage } from '../common/pagination.js';
import { retentionStartMs } from '../common/retention.js';
import { AppConfig } from '../config/app-config.js';
import { type LogFilters, type LogScope, logActorOf } from './log.js';
import { exportText } from './log-export.js';
import { toLogFilters, withCursor } from './log-filters.js';
import { LogWriter } from './log-writer.js';
import {
  type CreateLogBody,
  type LogResponse,
  type LogsExportQuery,
  type LogsQuery,
  toLogResponse,
} from './logs.dto.js';
import type { LogRow } from './log-statements.js';
import { LogsRepository } from './logs.repository.js';
import { maskJson, maskText } from '../common/masked-text.js';

const EXPORT_PAGE_ROWS = 500;

/** Logs of an account and mode, or of the platform (`PLATFORM_LOGS`), as far back as the retention goes. */
@Injectable()
export class LogsService {
  constructor(
    private readonly repository: LogsRepository,
    private readonly writer: LogWriter,
    private readonly clock: Clock,
    private readonly config: AppConfig,
  ) {}

  async list(scope: LogScope, query: LogsQuery): Promise<ListResponse<LogResponse>> {
    const page = toPage(query, 'log');
    const filters = withCursor(toLogFilters(query, this.startMs()), page);
    const upwards = page.before !== null;
    const rows = await this.repository.list(scope, filters, { count: page.limit + 1, upwards });
    return toList(rows, page.limit, toLogResponse, upwards);
  }

  /** @throws AppError 410 when the id is older than the retention, 404 when there is no such log here. */
  async get(scope: LogScope, id: string): Promise<LogResponse> {
    if (uuidTime(id) < this.startMs()) throw new AppError('expired');
    return toLogResponse(existing(await this.repository.find(scope, id), id));
  }

  /** Writes a caller's own log in `manager`'s transaction, with what it may not hold covered. */
  async create(
    caller: TenantCaller,
    requestId: string,
    body: CreateLogBody,
    manager: EntityManager,
  ): Promise<LogResponse> {
    const [id] = await this.writer.write(
      [
        {
          accountId: caller.accountId,
          mode: caller.mode,
          category: 'operation',
          action: body.action,
          status: body.status,
          description: maskText(body.description),
          operationId: body.operation_id,
          apiKeyId: caller.apiKeyId,
          requestId,
          actor: logActorOf(caller),
          metadata: maskJson(body.metadata ?? {}) as Record<string, unknown>,
          occurredAt: body.occurred_at ? new Date(body.occurred_at) : undefined,
        },
      ],
      manager,
    );
    return toLogResponse(existing(await this.repository.find(caller, id!, manager), id!));
  }

  /**
   * All logs that pass the filters, newest first, as text; read page by page as the reader takes them, until `left`
   * aborts. The first page is read before this returns, so that what is wrong is still answered as an error.
   */
  async export(scope: LogScope, query: LogsExportQuery, left: AbortSignal): Promise<Readable> {
    const filters = toLogFilters(query, this.startMs());
    const first = await this.exportedPage(scope, filters, left);
    return Readable.from(exportText(query.format, this.exportedPages(scope, filters, first, left)));
  }

  private async *exportedPages(
    scope: LogScope,
    filters: LogFilters,
    first: LogRow[],
    left: AbortSignal,
  ): AsyncGenerator<LogRow[]> {
    for (let page = first; ;) {
      yield page;
      if (page.length < EXPORT_PAGE_ROWS) return;
      page = await this.exportedPage(scope, withCursor(filters, { after: page.at(-1)!.id, before: null }), left);
    }
  }

  private async exportedPage(scope: LogScope, filters: LogFilters, signal: AbortSignal): Promise<LogRow[]> {
    signal.throwIfAborted();
    return this.repository.list(scope, filters, {
      count: EXPORT_PAGE_ROWS,
      upwards: false,
      signal,
      maxSteps: Number.POSITIVE_INFINITY,
    });
  }

  private startMs(): number {
    return retentionStartMs(this.clock.now(), this.config.retentionDays);
  }
}

function existing(row: LogRow | null, id: string): LogRow {
  if (!row) throw new AppError('not_found', `There is no log ${encodeId('log', id)} in this account and mode.`);
  return row;
}
