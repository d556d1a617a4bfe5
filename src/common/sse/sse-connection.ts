import type { Writable } from 'node:stream';
import { endFrame, heartbeatFrame, RETRY_FRAME } from './sse-frames.js';

export const HEARTBEAT_MS = 15_000;
/** How far a reader may be behind: the largest batch and what comes after it, or many small events. */
export const MAX_WAITING_BYTES = 8 * 1024 * 1024;
export const MAX_WAITING_FRAMES = 10_000;
/** A reader that takes nothing for so many heartbeats (60 s) while something waits is gone, or as good as gone. */
const STALLED_HEARTBEATS = 4;
/** How long a reader that was cut has to take the end message. */
const END_GRACE_MS = 30_000;

export const RECONNECT_ADVICE = 'Reconnect with Last-Event-ID.';

/**
 * One reader of a stream. Frames wait here, not in the socket's own buffer, so that they can be bounded and dropped:
 * a reader who is cut still gets the end message right after what had gone out, and resumes after its last id.
 */
export class SseConnection {
  /** Where the stream stands, for a reader who comes back without having got an event; set by the stream. */
  positionOf: () => string | null = () => null;
  private readonly ending = new AbortController();
  private readonly heartbeat: NodeJS.Timeout;
  private readonly waiting: Buffer[] = [];
  private deadline: NodeJS.Timeout | undefined;
  private waitingBytes = 0;
  private blocked = false;
  private stalledHeartbeats = 0;
  private toldPosition: string | null = null;
  private waiters: (() => void)[] = [];

  /** `onCut` is called when the reader is cut because it is too slow. */
  constructor(
    private readonly output: Writable,
    private readonly onCut: () => void = () => undefined,
  ) {
    output.on('drain', () => this.flush());
    output.on('error', () => undefined);
    output.once('close', () => this.stop());
    this.heartbeat = setInterval(() => this.beat(), HEARTBEAT_MS);
    this.write(RETRY_FRAME);
    if (output.destroyed) this.stop();
  }

  get isOpen(): boolean {
    return !this.ending.signal.aborted;
  }

  /** Aborts once, when either side ends the stream. */
  get signal(): AbortSignal {
    return this.ending.signal;
  }

  /** Sends a frame, now or when the reader takes it; cuts a reader that is too far behind. */
  send(frame: Buffer): void {
    if (!this.isOpen) return;
    if (!this.blocked) {
      this.write(frame);
      return;
    }
    if (this.waiting.length >= MAX_WAITING_FRAMES || this.waitingBytes + frame.length > MAX_WAITING_BYTES) {
      this.cut();
      return;
    }
    this.waiting.push(frame);
    this.waitingBytes += frame.length;
  }

  /** Resolves when the reader has room again, or the stream has ended. */
  async ready(): Promise<void> {
    if (this.blocked && this.isOpen) await new Promise<void>((resolve) => this.waiters.push(resolve));
  }

  /** Tells the reader where the stream stands, once for each position. */
  tellPosition(): void {
    if (this.blocked || !this.isOpen) return;
    const position = this.positionOf();
    this.write(heartbeatFrame(position === this.toldPosition ? null : position));
    this.toldPosition = position;
  }

  /**
   * Ends the stream with its last message, dropping what waits; the socket goes when it is sent, or after `graceMs`. On
   * a stream that is ending already only the time it has left changes.
   */
  end(code: string, message: string, graceMs = END_GRACE_MS): void {
    if (this.output.destroyed) return;
    if (this.isOpen) {
      this.stop();
      this.output.once('close', () => clearTimeout(this.deadline));
      this.output.end(endFrame(code, message));
    }
    clearTimeout(this.deadline);
    this.deadline = setTimeout(() => this.output.destroy(), graceMs);
  }

  private cut(): void {
    this.onCut();
    this.end('slow_consumer', RECONNECT_ADVICE);
  }

  private write(frame: Buffer): void {
    if (!this.output.write(frame)) this.blocked = true;
  }

  private flush(): void {
    this.blocked = false;
    this.stalledHeartbeats = 0;
    let sent = 0;
    while (sent < this.waiting.length && !this.blocked) {
      const frame = this.waiting[sent++]!;
      this.waitingBytes -= frame.length;
      this.write(frame);
    }
    this.waiting.splice(0, sent);
    if (!this.blocked) this.waiters.splice(0).forEach((resolve) => resolve());
  }

  private beat(): void {
    if (!this.blocked) this.tellPosition();
    else if (++this.stalledHeartbeats >= STALLED_HEARTBEATS) this.cut();
  }

  private stop(): void {
    if (!this.isOpen) return;
    clearInterval(this.heartbeat);
    this.waiting.length = 0;
    this.waitingBytes = 0;
    this.ending.abort();
    this.waiters.splice(0).forEach((resolve) => resolve());
  }
}
