import { setTimeout as pause } from 'node:timers/promises';
import type { Tenant } from '../../auth/caller.js';
import type { Clock } from '../../common/clock.js';
import { encodeId, newUuid } from '../../common/ids.js';
import type { SseConnection } from '../../common/sse/sse-connection.js';
import type { LogMatcher } from './log-matcher.js';
import type { LogPages } from './log-pages.js';
import type { LogHorizon, LogPageRead, LogPosition } from './log-stream.repository.js';
import type { LogFollower, LogTail } from './log-tail.js';
import type { StreamedLog } from './streamed-log.js';

const RETRY_MS = 1_000;

/** Where a stream begins, and what it lets through. */
export interface LogStreamStart {
  readonly tenant: Tenant;
  readonly position: LogPosition;
  /** Whether it begins now, with nothing of the past to read. */
  readonly isCaughtUp: boolean;
  readonly matches: LogMatcher;
}

/**
 * One reader's stream. It reads pages of the past by itself, each when the reader has room for it, and then lives on
 * the tail. Where the past ends, logs of transactions that had not committed may lie among what was read: the tail goes
 * on from the snapshot of the first page that such logs can belong to, and what was sent since is not sent twice.
 */
export class LogStream implements LogFollower {
  readonly tenant: Tenant;
  private readonly sentSinceHorizon = new Set<string>();
  /** Null until the past has been sent. */
  private readAllAtMs: number | null = null;

  constructor(
    private readonly start: LogStreamStart,
    private readonly connection: SseConnection,
    private readonly tail: LogTail,
    private readonly pages: LogPages,
    private readonly clock: Clock,
  ) {
    this.tenant = start.tenant;
    if (start.isCaughtUp) this.readAllAtMs = clock.now().getTime();
    connection.positionOf = () => (this.readAllAtMs === null ? null : encodeId('log', newUuid(this.readAllAtMs)));
    connection.signal.addEventListener('abort', () => tail.leave(this), { once: true });
  }

  /** Goes on until the connection ends; never rejects. */
  async run(): Promise<void> {
    this.connection.tellPosition();
    const position = this.start.isCaughtUp ? this.start.position : await this.readPast();
    if (this.connection.isOpen) this.tail.join(this, position);
  }

  take(logs: readonly StreamedLog[], isComplete: boolean): void {
    for (const log of logs) if (!this.sentSinceHorizon.has(log.row.id)) this.send(log);
    if (!isComplete) return;
    this.sentSinceHorizon.clear();
    this.readAllAtMs = this.clock.now().getTime();
  }

  /** Sends the past; from where the tail must go on. */
  private async readPast(): Promise<LogPosition> {
    let { after } = this.start.position;
    let horizon: LogHorizon | null = null;
    while (this.connection.isOpen) {
      const page = await this.readPage(after);
      if (page === null) continue;
      for (const log of page.logs) {
        if (horizon !== null) this.sentSinceHorizon.add(log.row.id);
        this.send(log);
      }
      after = page.logs.at(-1)?.row.id ?? after;
      // All before the page's horizon is final; from the first page that reaches past it on, logs may still come among.
      if (page.isComplete || after > page.horizon.after) horizon ??= page.horizon;
      if (page.isComplete) break;
      await this.connection.ready();
    }
    return { seen: horizon?.seen ?? null, after: horizon?.after ?? after, upTo: null, first: null };
  }

  private async readPage(after: string): Promise<LogPageRead | null> {
    try {
      const position = { seen: null, after, upTo: null, first: null };
      return await this.pages.read({ tenant: this.tenant, position });
    } catch {
      await pause(RETRY_MS, undefined, { signal: this.connection.signal }).catch(() => undefined);
      return null;
    }
  }

  private send(log: StreamedLog): void {
    if (this.start.matches(log.row)) this.connection.send(log.frame);
  }
}
