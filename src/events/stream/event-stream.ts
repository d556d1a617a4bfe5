import { setTimeout as pause } from 'node:timers/promises';
import { Logger } from '@nestjs/common';
import type { Tenant } from '../../auth/caller.js';
import { RECONNECT_ADVICE, type SseConnection } from '../../common/sse/sse-connection.js';
import { dataFrame } from '../../common/sse/sse-frames.js';
import type { EventFilters } from '../event-filters.js';
import type { EventMatcher } from './event-matcher.js';
import type { EventPages } from './event-pages.js';
import type { StreamPosition } from './event-stream.repository.js';
import type { EventTail, Follower } from './event-tail.js';
import type { StreamedEvent } from './streamed-event.js';

const RETRY_MS = 1_000;
/** Where less than one event in so many passes the filters, their indexes are worth their look-ups. */
const SPARSE = 10;

/** Where a stream begins, and what it lets through. */
export interface StreamStart {
  readonly tenant: Tenant;
  readonly position: StreamPosition;
  /** Whether it begins at the newest event. */
  readonly isCaughtUp: boolean;
  readonly filters: EventFilters;
  readonly matches: EventMatcher;
  readonly needsDeliveryStatuses: boolean;
}

/**
 * One reader's stream. It reads pages by itself until it has caught up, each when the reader has room for it, and lives
 * on the tail from then on. Where little of the past passes its filters, it reads by their indexes. The sequence has no
 * gaps: an event that is not the next one sends it back to reading.
 */
export class EventStream implements Follower {
  readonly tenant: Tenant;
  readonly needsDeliveryStatuses: boolean;
  position: StreamPosition;
  isCaughtUp: boolean;
  private readonly filters: EventFilters;
  private readonly matches: EventMatcher;
  private sent = 0;
  private isSparse = false;

  constructor(
    start: StreamStart,
    private readonly connection: SseConnection,
    private readonly tail: EventTail,
    private readonly pages: EventPages,
  ) {
    this.tenant = start.tenant;
    this.needsDeliveryStatuses = start.needsDeliveryStatuses;
    this.position = start.position;
    this.isCaughtUp = start.isCaughtUp;
    this.filters = start.filters;
    this.matches = start.matches;
    connection.positionOf = () => String(this.position.sequence);
    connection.signal.addEventListener('abort', () => tail.leave(this), { once: true });
  }

  /** Goes on until the connection ends; never rejects. */
  async run(): Promise<void> {
    this.connection.tellPosition();
    await this.catchUp();
  }

  take(events: readonly StreamedEvent[]): void {
    if (this.accept(events)) return;
    this.tail.leave(this);
    this.isCaughtUp = false;
    void this.catchUp();
  }

  private async catchUp(): Promise<void> {
    let gaps = 0;
    while (this.connection.isOpen && !this.tail.join(this)) {
      if (gaps > 1) {
        this.giveUp();
        return;
      }
      try {
        const { position } = this;
        const isUnbroken = this.isSparse ? await this.readMatching() : await this.readAll();
        // To have nothing to read, and yet to be behind the tail, is a gap as well.
        gaps = isUnbroken && this.position.id !== position.id ? 0 : gaps + 1;
      } catch {
        await pause(RETRY_MS, undefined, { signal: this.connection.signal }).catch(() => undefined);
      }
      await this.connection.ready();
    }
  }

  /** Reads a page of all events; false when one is missing in it. */
  private async readAll(): Promise<boolean> {
    const { tenant, needsDeliveryStatuses, position, sent } = this;
    const { events, isComplete } = await this.pages.read({ tenant, needsDeliveryStatuses, after: position.id });
    const isUnbroken = this.accept(events);
    this.isCaughtUp = isComplete && isUnbroken;
    this.isSparse = isUnbroken && !isComplete && (this.sent - sent) * SPARSE < events.length;
    return isUnbroken;
  }

  /** Reads what passes the filters alone: the sequence then shows no gap, as in a list. */
  private async readMatching(): Promise<true> {
    const { tenant, filters, position } = this;
    const { events, reached, isComplete } = await this.pages.readMatching(tenant, filters, position);
    for (const { sequence, id, body } of events) {
      this.position = { sequence, id };
      this.connection.send(dataFrame(String(sequence), body));
      if (!this.connection.isOpen) return true;
    }
    this.position = { sequence: reached.sequence, id: reached.id };
    // Who is cut off goes on from here, though nothing was sent for long.
    this.connection.tellPosition();
    this.isCaughtUp = isComplete;
    this.isSparse = !isComplete && events.length * SPARSE < reached.sequence - position.sequence;
    return true;
  }

  /** Sends what passes the filters; false when an event is missing before one of `events`. */
  private accept(events: readonly StreamedEvent[]): boolean {
    for (const event of events) {
      const { sequence, id } = event.row;
      if (sequence <= this.position.sequence) continue;
      if (sequence !== this.position.sequence + 1) return false;
      // Read for others, before this stream asked for them.
      if (this.needsDeliveryStatuses && event.deliveryStatuses === null) return false;
      this.position = { sequence, id };
      if (this.matches(event)) {
        this.sent += 1;
        this.connection.send(event.frame);
      }
      if (!this.connection.isOpen) return true;
    }
    return true;
  }

  /** The database itself has a gap: to go on would be to hide it. */
  private giveUp(): void {
    const { tenant, position } = this;
    new Logger(EventStream.name).error(
      `Events are missing after sequence ${position.sequence} of ${tenant.accountId} ${tenant.mode}.`,
    );
    this.connection.end('internal', RECONNECT_ADVICE);
  }
}
