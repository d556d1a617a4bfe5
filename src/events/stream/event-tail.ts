import { Injectable, Logger, type OnApplicationShutdown } from '@nestjs/common';
import { Interval } from '@nestjs/schedule';
import { type Tenant, tenantKey } from '../../auth/caller.js';
import { Listener } from '../../database/listener.js';
import { PUBLISH_CHANNEL, tenantKeysIn } from '../../database/publish-notice.js';
import { EventStreamRepository, type StreamPosition } from './event-stream.repository.js';
import type { StreamedEvent } from './streamed-event.js';

const TICK_MS = 1_000;
/** Notices are heard, so this only catches what a process published that died before it told, or could not tell. */
const TICKS_A_LOOK_WHILE_HEARING = 5;
const LEDGERS_A_READ = 200;

/** A stream that lives on the tail. */
export interface Follower {
  readonly tenant: Tenant;
  readonly position: StreamPosition;
  /** Whether its last look found nothing more to read. */
  readonly isCaughtUp: boolean;
  readonly needsDeliveryStatuses: boolean;
  /** The next events of the ledger, in order; some may lie before the follower's position. */
  take(events: readonly StreamedEvent[]): void;
}

/** One account and mode that somebody follows. */
interface Feed {
  readonly key: string;
  readonly tenant: Tenant;
  position: StreamPosition;
  readonly followers: Set<Follower>;
}

/**
 * Reads new events once for all streams of this process: woken by the notices of publishes, its own process's too, and
 * by a poll each second while they cannot be heard.
 */
@Injectable()
export class EventTail implements OnApplicationShutdown {
  private readonly logger = new Logger(EventTail.name);
  private readonly feeds = new Map<string, Feed>();
  /** Feeds that may have something new, in the order in which they are read. */
  private readonly awake = new Set<Feed>();
  private reading: Promise<void> | null = null;
  private ticks = 0;

  constructor(
    private readonly repository: EventStreamRepository,
    private readonly listener: Listener,
  ) {
    listener.on(PUBLISH_CHANNEL, (notice) => this.hear(notice));
    // Lost or back: what was published around that moment was not heard.
    listener.onConnectionChange(() => this.wakeAll());
  }

  /**
   * Takes the follower in, from its own position on; false when it has to read on by itself, because the feed is ahead
   * of it, or because nobody has read the ledger yet and it is not at its end.
   */
  join(follower: Follower): boolean {
    const key = tenantKey(follower.tenant);
    const feed = this.feeds.get(key);
    if (feed) {
      if (follower.position.sequence < feed.position.sequence) return false;
      feed.followers.add(follower);
      return true;
    }
    if (!follower.isCaughtUp) return false;
    const { tenant, position } = follower;
    const made: Feed = { key, tenant, position, followers: new Set([follower]) };
    this.feeds.set(key, made);
    // What was committed since the follower looked was told to nobody.
    this.wake([made]);
    return true;
  }

  leave(follower: Follower): void {
    const feed = this.feeds.get(tenantKey(follower.tenant));
    if (!feed?.followers.delete(follower) || feed.followers.size > 0) return;
    this.feeds.delete(feed.key);
    this.awake.delete(feed);
  }

  @Interval(TICK_MS)
  tick(): void {
    this.ticks += 1;
    if (!this.listener.isConnected || this.ticks % TICKS_A_LOOK_WHILE_HEARING === 0) this.wakeAll();
    // What a failed read left awake is tried again.
    else this.wake([]);
  }

  async onApplicationShutdown(): Promise<void> {
    this.feeds.clear();
    this.awake.clear();
    await this.reading;
  }

  private hear(notice: string): void {
    if (this.feeds.size === 0) return;
    const keys = tenantKeysIn(notice);
    if (keys === null) this.wakeAll();
    else this.wake(keys.flatMap((key) => this.feeds.get(key) ?? []));
  }

  private wakeAll(): void {
    this.wake(this.feeds.values());
  }

  private wake(feeds: Iterable<Feed>): void {
    for (const feed of feeds) this.awake.add(feed);
    if (this.reading !== null || this.awake.size === 0) return;
    this.reading = this.readAwake();
  }

  private async readAwake(): Promise<void> {
    try {
      // Later, so that `reading` is set, and what is heard at the same time goes together.
      await Promise.resolve();
      while (this.awake.size > 0) await this.readOnce([...this.awake].slice(0, LEDGERS_A_READ));
    } catch (error) {
      this.logger.warn(`New events could not be read; it is tried again: ${(error as Error).message}`);
    } finally {
      this.reading = null;
    }
  }

  private async readOnce(feeds: readonly Feed[]): Promise<void> {
    // Before the read: a notice during it wakes the feed anew.
    for (const feed of feeds) this.awake.delete(feed);
    try {
      const read = await this.repository.readAfter(feeds.map(toFollowedLedger));
      feeds.forEach((feed, index) => {
        const { events, isComplete } = read[index]!;
        this.handOut(feed, events);
        if (!isComplete && this.feeds.get(feed.key) === feed) this.awake.add(feed);
      });
    } catch (error) {
      for (const feed of feeds) if (this.feeds.get(feed.key) === feed) this.awake.add(feed);
      throw error;
    }
  }

  private handOut(feed: Feed, events: readonly StreamedEvent[]): void {
    const last = events.at(-1);
    if (last === undefined) return;
    feed.position = { sequence: last.row.sequence, id: last.row.id };
    for (const follower of [...feed.followers]) follower.take(events);
  }
}

function toFollowedLedger({ tenant, position, followers }: Feed) {
  const needsDeliveryStatuses = [...followers].some((follower) => follower.needsDeliveryStatuses);
  return { tenant, after: position.id, needsDeliveryStatuses };
}
