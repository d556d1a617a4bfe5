import { Injectable, Logger, type OnApplicationShutdown } from '@nestjs/common';
import { Interval } from '@nestjs/schedule';
import { type Tenant, tenantKey } from '../../auth/caller.js';
import { Clock } from '../../common/clock.js';
import { RepeatedWarning } from '../../common/repeated-warning.js';
import { Listener } from '../../database/listener.js';
import { PUBLISH_CHANNEL, tenantKeysIn } from '../../database/publish-notice.js';
import { type LogPageRead, type LogPosition, LogStreamRepository } from './log-stream.repository.js';
import type { StreamedLog } from './streamed-log.js';

const TICK_MS = 250;
/** Publishing sends notices; other writers of logs do not, and are found within a second. */
const TICKS_A_LOOK = 4;
const COHORTS_A_READ = 50;

/** A stream that lives on the tail. */
export interface LogFollower {
  readonly tenant: Tenant;
  /** New logs in the order of their ids. `isComplete`: all there was to read. */
  take(logs: readonly StreamedLog[], isComplete: boolean): void;
}

/** Followers of one account and mode that have seen the same. */
interface Cohort {
  readonly tenant: Tenant;
  position: LogPosition;
  readonly followers: Set<LogFollower>;
}

/**
 * Reads new logs once for all streams of this process. Streams that join have each seen something else; the first read
 * that takes them in, together with all others, makes them see the same.
 */
@Injectable()
export class LogTail implements OnApplicationShutdown {
  private readonly warning: RepeatedWarning;
  private cohorts: Cohort[] = [];
  /** Accounts and modes that may have something new; null: all. */
  private awake: Set<string> | null = new Set();
  private reading: Promise<void> | null = null;
  private ticks = 0;

  constructor(
    private readonly repository: LogStreamRepository,
    listener: Listener,
    clock: Clock,
  ) {
    const logger = new Logger(LogTail.name);
    this.warning = new RepeatedWarning((message) => logger.warn(message), clock);
    listener.on(PUBLISH_CHANNEL, (notice) => this.hear(notice));
    // Lost or back: what was published around that moment was not heard.
    listener.onConnectionChange(() => this.wakeAll());
  }

  join(follower: LogFollower, position: LogPosition): void {
    this.cohorts.push({ tenant: follower.tenant, position, followers: new Set([follower]) });
    this.awake?.add(tenantKey(follower.tenant));
  }

  leave(follower: LogFollower): void {
    for (const cohort of this.cohorts) cohort.followers.delete(follower);
    this.cohorts = this.cohorts.filter(({ followers }) => followers.size > 0);
  }

  @Interval(TICK_MS)
  tick(): void {
    this.ticks += 1;
    if (this.ticks % TICKS_A_LOOK === 0) this.wakeAll();
    if (this.reading !== null || this.cohorts.length === 0) return;
    this.reading = this.readAwake().finally(() => {
      this.reading = null;
    });
  }

  async onApplicationShutdown(): Promise<void> {
    this.cohorts = [];
    await this.reading;
  }

  private hear(notice: string): void {
    if (this.cohorts.length === 0) return;
    const keys = tenantKeysIn(notice);
    if (keys === null) this.wakeAll();
    else for (const key of keys) this.awake?.add(key);
  }

  private wakeAll(): void {
    this.awake = null;
  }

  private async readAwake(): Promise<void> {
    const { awake } = this;
    this.awake = new Set();
    let left = this.cohorts.filter(({ tenant }) => awake === null || awake.has(tenantKey(tenant)));
    try {
      while (left.length > 0) {
        const now = left.splice(0, COHORTS_A_READ);
        const incomplete = await this.readOnce(now);
        left = [...left, ...incomplete].filter(({ followers }) => followers.size > 0);
      }
      this.warning.clear();
    } catch (error) {
      this.wakeAll();
      this.warning.warn(`New logs could not be read; it is tried again: ${(error as Error).message}`);
    }
    this.cohorts = merge(this.cohorts);
  }

  /** Reads a page for each; those that have more to read. */
  private async readOnce(cohorts: readonly Cohort[]): Promise<Cohort[]> {
    const pages = await this.repository.read(cohorts);
    cohorts.forEach((cohort, index) => {
      const page = pages[index]!;
      cohort.position = nextPosition(cohort.position, page);
      for (const follower of [...cohort.followers]) follower.take(page.logs, page.isComplete);
    });
    return cohorts.filter((_cohort, index) => !pages[index]!.isComplete);
  }
}

/** A read of several pages has seen what its first page could see: later pages go on within that. */
function nextPosition(position: LogPosition, { logs, isComplete, horizon }: LogPageRead): LogPosition {
  const first = position.first ?? horizon;
  if (!isComplete) return { ...position, after: logs.at(-1)!.row.id, upTo: first.seen, first };
  return { seen: first.seen, after: first.after, upTo: null, first: null };
}

/** Puts followers together that have come to see the same. */
function merge(cohorts: readonly Cohort[]): Cohort[] {
  const merged = new Map<string, Cohort>();
  for (const cohort of cohorts) {
    const { seen, after, upTo } = cohort.position;
    const key = [tenantKey(cohort.tenant), seen, after, upTo].join(';');
    const same = merged.get(key);
    if (same) for (const follower of cohort.followers) same.followers.add(follower);
    else merged.set(key, cohort);
  }
  return [...merged.values()];
}
