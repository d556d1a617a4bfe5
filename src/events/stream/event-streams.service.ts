import { Injectable } from '@nestjs/common';
import type { Tenant } from '../../auth/caller.js';
import { AppError } from '../../common/app-error.js';
import { Clock } from '../../common/clock.js';
import { firstUuidAt } from '../../common/ids.js';
import { retentionStartMs } from '../../common/retention.js';
import type { SseConnection } from '../../common/sse/sse-connection.js';
import { AppConfig } from '../../config/app-config.js';
import { toEventFilters } from '../events-query.dto.js';
import { eventMatcher } from './event-matcher.js';
import type { EventStreamQuery } from './event-stream.dto.js';
import { EventPages } from './event-pages.js';
import { EventStream, type StreamStart } from './event-stream.js';
import { EventStreamRepository, type LedgerEnds } from './event-stream.repository.js';
import { EventTail } from './event-tail.js';

/** Streams of events: where each begins, and on what it lives. */
@Injectable()
export class EventStreamsService {
  constructor(
    private readonly repository: EventStreamRepository,
    private readonly tail: EventTail,
    private readonly pages: EventPages,
    private readonly config: AppConfig,
    private readonly clock: Clock,
  ) {}

  /**
   * Where a stream begins: after `lastSequence`, with the oldest event that is kept for 0, now for null or for one that
   * lies ahead of the newest.
   * @throws AppError `expired` when the event of `lastSequence` is no longer kept, 422 for wrong filters.
   */
  async start(tenant: Tenant, query: EventStreamQuery, lastSequence: number | null): Promise<StreamStart> {
    const startMs = retentionStartMs(this.clock.now(), this.config.retentionDays);
    const filters = toEventFilters(query, startMs);
    const ends = await this.repository.readEnds(tenant, lastSequence, firstUuidAt(startMs));
    const position = startPosition(lastSequence, ends);
    return {
      tenant,
      position,
      isCaughtUp: position.sequence === ends.newest.sequence,
      filters,
      matches: eventMatcher(filters),
      needsDeliveryStatuses: filters.deliveryStatuses.length > 0,
    };
  }

  follow(start: StreamStart, connection: SseConnection): void {
    void new EventStream(start, connection, this.tail, this.pages).run();
  }
}

function startPosition(lastSequence: number | null, { newest, beforeOldest, asked }: LedgerEnds) {
  if (lastSequence === null || lastSequence > newest.sequence) return newest;
  if (lastSequence === 0) return beforeOldest ?? newest;
  if (asked === null) throw new AppError('expired', `Event ${lastSequence} is older than the retention; begin with 0.`);
  return asked;
}
