import { Injectable } from '@nestjs/common';
import type { Tenant } from '../../auth/caller.js';
import { uuidAfter } from '../../common/uuid-order.js';
import type { EventFilters } from '../event-filters.js';
import { type EventBody, EventsQueryRepository } from '../events-query.repository.js';
import {
  EventStreamRepository,
  type FollowedLedger,
  type LedgerEvents,
  type StreamPosition,
} from './event-stream.repository.js';

/** However many streams come back at once, publishing and reading keep most of the pool. */
const READS_AT_ONCE = 3;
/** Of up to 256 KiB each: as many bytes as a read of all events. */
const MATCHING_A_READ = 16;

/** Events that pass the filters, and how far all others were passed over. */
export interface MatchingEvents {
  readonly events: readonly EventBody[];
  readonly reached: StreamPosition;
  /** Whether there was nothing more to look at. */
  readonly isComplete: boolean;
}

/** Pages of the past, for streams that have not caught up yet: a few at a time in this process, in turn. */
@Injectable()
export class EventPages {
  private free = READS_AT_ONCE;
  private readonly waiting: (() => void)[] = [];

  constructor(
    private readonly repository: EventStreamRepository,
    private readonly lists: EventsQueryRepository,
  ) {}

  /** What comes next, whatever it is. */
  read(ledger: FollowedLedger): Promise<LedgerEvents> {
    return this.inTurn(async () => {
      const [page] = await this.repository.readAfter([ledger]);
      return page!;
    });
  }

  /** What comes next of that which passes the filters, by their indexes; it looks at a bounded number of entries. */
  readMatching(tenant: Tenant, filters: EventFilters, after: StreamPosition): Promise<MatchingEvents> {
    return this.inTurn(async () => {
      // First, so that what is committed meanwhile lies after the range.
      const { newest } = await this.repository.readEnds(tenant, null, after.id);
      if (newest.sequence <= after.sequence) return { events: [], reached: after, isComplete: true };
      const range = { from: uuidAfter(after.id), until: newest.id };
      const { rows: events, beyond } = await this.lists.readOn(tenant, filters, range, MATCHING_A_READ);
      if (events.length >= MATCHING_A_READ) return { events, reached: events.at(-1)!, isComplete: false };
      if (beyond === null) return { events, reached: newest, isComplete: true };
      const reached = await this.repository.readPlaceBefore(tenant, beyond.from, after);
      return { events, reached, isComplete: false };
    });
  }

  private async inTurn<T>(read: () => Promise<T>): Promise<T> {
    if (this.free > 0) this.free -= 1;
    else await new Promise<void>((resolve) => this.waiting.push(resolve));
    try {
      return await read();
    } finally {
      const next = this.waiting.shift();
      if (next) next();
      else this.free += 1;
    }
  }
}
