import { Injectable } from '@nestjs/common';
import type { Tenant } from '../../auth/caller.js';
import { AppError } from '../../common/app-error.js';
import { Clock } from '../../common/clock.js';
import { assertInterval } from '../../common/interval.js';
import {
  MAX_DAYS_BY_HOUR,
  type OperationStatsQuery,
  type OperationStatsResponse,
  toOperationStatsEntries,
} from './operation-stats.dto.js';
import { OperationStatsRepository } from './operation-stats.repository.js';
import { statsParts, type TimeRange } from './stats-parts.js';
import { PERIOD_MS, periodStartMs } from './stats-periods.js';

const MAX_MS_BY_HOUR = MAX_DAYS_BY_HOUR * PERIOD_MS.day;
const END_OF_TIME_MS = Date.UTC(9999, 0);

/** How many operations there are and what they sum up to. */
@Injectable()
export class OperationStatsService {
  constructor(
    private readonly repository: OperationStatsRepository,
    private readonly clock: Clock,
  ) {}

  /** @throws AppError 422 for a reversed interval, or one that is too long by the hour. */
  async read(tenant: Tenant, query: OperationStatsQuery): Promise<OperationStatsResponse> {
    const { interval, currency = [] } = query;
    const parts = statsParts(interval, this.rangeOf(query));
    const periods = await this.repository.read(tenant, interval, parts, currency);
    return { object: 'operation_stats', interval, data: periods.flatMap(toOperationStatsEntries) };
  }

  private rangeOf({ interval, created_after: after, created_before: before }: OperationStatsQuery): TimeRange {
    assertInterval(after, before, ['created_after', 'created_before']);
    const untilMs = before === undefined ? END_OF_TIME_MS : Date.parse(before);
    if (interval === 'day') return { fromMs: after === undefined ? 0 : Date.parse(after), untilMs };
    const lastMs = before === undefined ? this.clock.now().getTime() : untilMs;
    if (after === undefined) return { fromMs: periodStartMs('hour', lastMs - MAX_MS_BY_HOUR), untilMs };
    const fromMs = Date.parse(after);
    if (lastMs - fromMs > MAX_MS_BY_HOUR) {
      const message = `By the hour, ask for at most ${MAX_DAYS_BY_HOUR} days at a time.`;
      throw AppError.invalid([{ field: 'created_after', code: 'out_of_range', message }]);
    }
    return { fromMs, untilMs };
  }
}
