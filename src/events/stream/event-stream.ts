import { setTimeout as pause } from 'node:timers/promises';
import { Logger } from '@nestjs/common';
import type { Tenant } from '../../auth/caller.js';
import { RECONNECT_ADVICE, type SseConnection } from '../../common/sse/sse-connection.js';
import type { EventMatcher } from './event-matcher.js';
import type { EventPages } from './event-pages.js';
import type { StreamPosition } from './event-stream.repository.js';
import type { EventTail, Follower } from './event-tail.js';
import type { StreamedEvent } from './streamed-event.js';

const RETRY_MS = 1_000;

/** Where a stream begins, and what it lets through. */
export interface StreamStart {
  readonly tenant: Tenant;
  readonly position: StreamPosition;
  /** Whether it begins at the newest event. */
  readonly isCaughtUp: boolean;
  readonly matches: EventMatcher;
  readonly needsDeliveryStatuses: boolean;
}

/**
 * One reader's stream. It reads pages by itself until it has caught up, each when the reader has room for it, and lives
 * on the tail from then on. The sequence has no gaps: an event that is not the next one sends it back to reading.
 */
export class EventStream implements Follower {
  readonly tenant: Tenant;
  readonly needsDeliveryStatuses: boolean;
  position: StreamPosition;
  isCaughtUp: boolean;
  private readonly matches: EventMatcher;

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
        const { tenant, needsDeliveryStatuses, position } = this;
        const page = await this.pages.read({ tenant, needsDeliveryStatuses, after: position.id });
        const isUnbroken = this.accept(page.events);
        this.isCaughtUp = page.isComplete && isUnbroken;
        // To have nothing to read, and yet to be behind the tail, is a gap as well.
        gaps = isUnbroken && page.events.length > 0 ? 0 : gaps + 1;
      } catch {
        await pause(RETRY_MS, undefined, { signal: this.connection.signal }).catch(() => undefined);
      }
      await this.connection.ready();
    }
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
      if (this.matches(event)) this.connection.send(event.frame);
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
