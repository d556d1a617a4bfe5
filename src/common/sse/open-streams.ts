import type { OutgoingHttpHeaders } from 'node:http';
import { type BeforeApplicationShutdown, Injectable } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { Counter, Gauge } from 'prom-client';
import { AppConfig } from '../../config/app-config.js';
import { AppError } from '../app-error.js';
import { callerOf, routeOf } from '../http/request.js';
import { Metrics } from '../metrics/metrics.js';
import { RECONNECT_ADVICE, SseConnection } from './sse-connection.js';

const RETRY_AFTER_SECONDS = '5';
/** What readers have to take the end message when the process ends. */
const SHUTDOWN_GRACE_MS = 2_000;

/** All streams of this process, of every kind: their limit per key, their number, and their end with the process. */
@Injectable()
export class OpenStreams implements BeforeApplicationShutdown {
  private readonly slotsByKey = new Map<string, number>();
  private readonly connections = new Map<SseConnection, Promise<unknown>>();
  private readonly open: Gauge;
  private readonly cut: Counter;
  private closing = false;

  constructor(
    private readonly config: AppConfig,
    metrics: Metrics,
  ) {
    const registers = [metrics.registry];
    this.open = new Gauge({
      name: 'signalpost_streams_open',
      help: 'Streams that are open now.',
      labelNames: ['route'],
      registers,
    });
    this.cut = new Counter({
      name: 'signalpost_stream_readers_cut_total',
      help: 'Readers of streams that were cut because they were too slow.',
      labelNames: ['route'],
      registers,
    });
  }

  /**
   * Takes one of the key's slots for as long as the answer lasts.
   * @throws AppError `rate_limited` when the key has none left, `unavailable` while the process ends.
   */
  takeSlot(request: FastifyRequest, reply: FastifyReply): void {
    if (this.closing) throw new AppError('unavailable', undefined, { headers: { 'retry-after': '1' } });
    const { apiKeyId, adminKeyName } = callerOf(request)!;
    const key = apiKeyId ?? `admin ${adminKeyName}`;
    const taken = this.slotsByKey.get(key) ?? 0;
    if (taken >= this.config.streamsPerKey) {
      throw new AppError('rate_limited', `This key has ${taken} streams open, as many as it may have.`, {
        headers: { 'retry-after': RETRY_AFTER_SECONDS },
      });
    }
    // A reader that left before its key was proved closes nothing any more.
    if (reply.raw.destroyed) return;
    this.slotsByKey.set(key, taken + 1);
    reply.raw.once('close', () => {
      const left = this.slotsByKey.get(key)! - 1;
      if (left === 0) this.slotsByKey.delete(key);
      else this.slotsByKey.set(key, left);
    });
  }

  /** Begins the stream: from here on the answer belongs to the connection. */
  begin(request: FastifyRequest, reply: FastifyReply): SseConnection {
    const { raw } = reply;
    const route = routeOf(request);
    reply.hijack();
    if (!raw.destroyed) raw.writeHead(200, reply.headers(STREAM_HEADERS).getHeaders() as OutgoingHttpHeaders);
    const connection = new SseConnection(raw, () => this.cut.inc({ route }));
    if (!connection.isOpen) return connection;
    this.open.inc({ route });
    const closed = new Promise<void>((resolve) => raw.once('close', resolve)).then(() => {
      this.open.dec({ route });
      this.connections.delete(connection);
    });
    this.connections.set(connection, closed);
    if (this.closing) this.endOf(connection);
    return connection;
  }

  async beforeApplicationShutdown(): Promise<void> {
    this.closing = true;
    const closings = [...this.connections.values()];
    for (const connection of this.connections.keys()) this.endOf(connection);
    await Promise.all(closings);
  }

  private endOf(connection: SseConnection): void {
    connection.end('shutting_down', RECONNECT_ADVICE, SHUTDOWN_GRACE_MS);
  }
}

/** Nothing between us and the reader may keep the stream, or gather it before it passes it on. */
export const STREAM_HEADERS = {
  'content-type': 'text/event-stream',
  'cache-control': 'no-store',
  'x-accel-buffering': 'no',
} as const;
