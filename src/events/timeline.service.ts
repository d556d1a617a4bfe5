import { Injectable } from '@nestjs/common';
import type { Tenant } from '../auth/caller.js';
import { AppError } from '../common/app-error.js';
import { Clock } from '../common/clock.js';
import { firstUuidAt, tryDecodeId } from '../common/ids.js';
import { assertOneCursor, type PageQuery } from '../common/pagination.js';
import { retentionStartMs } from '../common/retention.js';
import { AppConfig } from '../config/app-config.js';
import { toDeliveryResponse } from '../deliveries/deliveries.dto.js';
import { toLogResponse } from '../logs/logs.dto.js';
import type { LogRow } from '../logs/log-statements.js';
import { OperationsService } from './operations.service.js';
import { rawList } from './raw-list.js';
import {
  TIMELINE_PREFIXES,
  type TimelineLog,
  type TimelinePosition,
  TimelineRepository,
  type TimelineRow,
} from './timeline.repository.js';

/** Everything that happened to an operation in one order: events, logs, deliveries with their attempts. */
@Injectable()
export class TimelineService {
  constructor(
    private readonly repository: TimelineRepository,
    private readonly operations: OperationsService,
    private readonly config: AppConfig,
    private readonly clock: Clock,
  ) {}

  /** A list as JSON text. @throws AppError `not_found`, 422 for a wrong cursor. */
  async list(tenant: Tenant, operationId: string, query: PageQuery): Promise<string> {
    assertOneCursor(query);
    const page = {
      limit: query.limit,
      after: toPosition(query.starting_after, 'starting_after'),
      before: toPosition(query.ending_before, 'ending_before'),
    };
    await this.operations.get(tenant, operationId);
    const now = this.clock.now();
    const from = firstUuidAt(retentionStartMs(now, this.config.retentionDays));
    const attemptsFrom = new Date(retentionStartMs(now, this.config.attemptRetentionDays));
    const rows = await this.repository.list(tenant, operationId, from, attemptsFrom, page);
    return rawList(
      rows.map((row) => toJson(row, tenant)),
      page.limit,
      page.before !== null,
    );
  }
}

function toPosition(cursor: string | undefined, field: string): TimelinePosition | null {
  if (cursor === undefined) return null;
  for (const [rank, prefix] of TIMELINE_PREFIXES.entries()) {
    const id = tryDecodeId(prefix, cursor);
    if (id !== null) return { rank, id };
  }
  const message = 'Use the id of an event, a log or a delivery, as this API gave it.';
  throw AppError.invalid([{ field, code: 'invalid_id', message }]);
}

function toJson({ body, log, delivery }: TimelineRow, tenant: Tenant): string {
  if (body !== null) return body;
  return JSON.stringify(log === null ? toDeliveryResponse(delivery!, tenant.mode) : toLogResponse(toLogRow(log)));
}

function toLogRow(log: TimelineLog): LogRow {
  return { ...log, occurred_at: new Date(log.occurred_at) };
}
