import { applyDecorators, type CanActivate, type ExecutionContext, Injectable, UseGuards } from '@nestjs/common';
import { ApiHeader, ApiOkResponse } from '@nestjs/swagger';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { OpenStreams } from './open-streams.js';

/** The limit of streams per key; after the guard of keys, before anything is read of the request. */
@Injectable()
export class StreamSlotGuard implements CanActivate {
  constructor(private readonly streams: OpenStreams) {}

  canActivate(context: ExecutionContext): true {
    const http = context.switchToHttp();
    const request = http.getRequest<FastifyRequest>();
    if (request.method !== 'HEAD') this.streams.takeSlot(request, http.getResponse<FastifyReply>());
    return true;
  }
}

export interface StreamRouteOptions {
  /** What `Last-Event-ID` holds, and what its ends mean. */
  readonly lastEventId: string;
  readonly example: string;
  /** A stream as a reader sees it. */
  readonly shown: string;
}

/** A route that answers with server-sent events: counted against `STREAMS_PER_KEY`, and documented. */
export function StreamRoute({ lastEventId, example, shown }: StreamRouteOptions): MethodDecorator {
  return applyDecorators(
    UseGuards(StreamSlotGuard),
    ApiHeader({
      name: 'Last-Event-ID',
      required: false,
      description: lastEventId,
      schema: { type: 'string', example },
    }),
    ApiOkResponse({
      description:
        'A stream that stays open. A comment every 15 s keeps it alive, and may carry the `id` that the stream has come to. An `end` message says why the service ends it: `slow_consumer`, `shutting_down`, or the code of the error that a new request would get.',
      content: { 'text/event-stream': { schema: { type: 'string' }, example: shown } },
    }),
  );
}
