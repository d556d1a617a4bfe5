import { Injectable } from '@nestjs/common';
import { AppError } from '../../common/app-error.js';
import { Clock } from '../../common/clock.js';
import { assertInterval } from '../../common/interval.js';
import type { EndpointRef } from '../webhook-endpoint.js';
import { WebhookEndpointsService } from '../webhook-endpoints.service.js';
import { AttemptCountsRepository } from './attempt-counts.repository.js';
import {
  type EndpointStatsQuery,
  type EndpointStatsResponse,
  MAX_DAYS_BY_HOUR,
  toEndpointStatsResponse,
} from './endpoint-stats.dto.js';
import { summarise } from './endpoint-stats.js';

const HOUR_MS = 3_600_000;
const MAX_MS_BY_HOUR = MAX_DAYS_BY_HOUR * 24 * HOUR_MS;
const END_OF_TIME_MS = Date.UTC(9999, 0);

/** How an endpoint's attempts went, and what waits for it. */
@Injectable()
export class EndpointStatsService {
  constructor(
    private readonly endpoints: WebhookEndpointsService,
    private readonly counts: AttemptCountsRepository,
    private readonly clock: Clock,
  ) {}

  /** @throws AppError `not_found`; 422 for a reversed interval, or one that is too long by the hour. */
  async read(ref: EndpointRef, query: EndpointStatsQuery): Promise<EndpointStatsResponse> {
    const { from, until } = this.rangeOf(query);
    const { epoch } = await this.endpoints.get(ref);
    const [backlog, counts] = await Promise.all([
      this.counts.readBacklog(ref, epoch),
      this.counts.read(ref, from, until, query.interval),
    ]);
    return toEndpointStatsResponse(ref.id, query.interval, backlog, summarise(counts));
  }

  /** Whole hours, for so attempts are counted. */
  private rangeOf({ interval, after, before }: EndpointStatsQuery): { from: Date; until: Date } {
    assertInterval(after, before, ['after', 'before']);
    const untilMs = before === undefined ? END_OF_TIME_MS : Math.ceil(Date.parse(before) / HOUR_MS) * HOUR_MS;
    const given = after === undefined ? null : Math.floor(Date.parse(after) / HOUR_MS) * HOUR_MS;
    const until = new Date(untilMs);
    if (interval === 'day') return { from: new Date(given ?? 0), until };
    const lastMs = before === undefined ? this.clock.now().getTime() : untilMs;
    const earliestMs = Math.floor((lastMs - MAX_MS_BY_HOUR) / HOUR_MS) * HOUR_MS;
    if (given !== null && given < earliestMs) {
      const message = `By the hour, ask for at most ${MAX_DAYS_BY_HOUR} days at a time.`;
      throw AppError.invalid([{ field: 'after', code: 'out_of_range', message }]);
    }
    return { from: new Date(given ?? earliestMs), until };
  }
}
