import { Injectable } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { OpenStreams, STREAM_HEADERS } from '../common/sse/open-streams.js';
import type { SseConnection } from '../common/sse/sse-connection.js';
import type { Caller } from './caller.js';
import { StandingAccess } from './standing-access.js';

/** Streams of server-sent events, each for as long as its key may ask for it. */
@Injectable()
export class KeyedStreams {
  constructor(
    private readonly openStreams: OpenStreams,
    private readonly access: StandingAccess,
  ) {}

  /**
   * Answers the request with a stream, which ends with the key's right to it. Null when there is nobody to send
   * anything to: the request was HEAD, which has its headers now, or its reader has gone.
   */
  async begin(request: FastifyRequest, reply: FastifyReply, caller: Caller): Promise<SseConnection | null> {
    if (request.method === 'HEAD') {
      await reply.headers(STREAM_HEADERS).send();
      return null;
    }
    const connection = this.openStreams.begin(request, reply);
    if (!connection.isOpen) return null;
    const unwatch = this.access.watch(request, caller, ({ code, detail }) => connection.end(code, detail));
    connection.signal.addEventListener('abort', unwatch, { once: true });
    return connection;
  }
}
