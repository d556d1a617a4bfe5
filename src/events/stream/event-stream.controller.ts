import { Controller, Get, Query, Req, Res } from '@nestjs/common';
import { ApiOperation, ApiTags } from '@nestjs/swagger';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { Access, SECRET_ROUTE } from '../../auth/access.decorator.js';
import type { TenantCaller } from '../../auth/caller.js';
import { CurrentCaller } from '../../auth/current-caller.decorator.js';
import { KeyedStreams } from '../../auth/keyed-streams.js';
import { StreamRoute } from '../../common/sse/stream-route.js';
import { EventStreamQuery, parseLastEventId } from './event-stream.dto.js';
import { EventStreamsService } from './event-streams.service.js';

@ApiTags('Events')
@Controller('v1/events/stream')
export class EventStreamController {
  constructor(
    private readonly streams: EventStreamsService,
    private readonly keyedStreams: KeyedStreams,
  ) {}

  @Get()
  @Access({ kinds: SECRET_ROUTE, scope: 'events:read', errors: ['invalid_input', 'expired'] })
  @ApiOperation({
    summary: 'Follow events live',
    description:
      'Server-sent events in the order of `sequence`, with the filters of the list. A reader that comes back with the last `id` it got misses nothing. `delivery_status` is judged as the event passes.',
  })
  @StreamRoute({
    lastEventId:
      'The `sequence` of the last event that was read: the stream goes on after it. `0`: from the oldest event that is kept. Ahead of the newest, or not sent: from now on. Older than the retention: 410 `expired`.',
    example: '42',
    shown: 'retry: 2000\n\nid: 43\ndata: {"id":"evt_01k96sd3k8e2r9wq6m4h0v5xtz","object":"event"}\n\n: heartbeat\n\n',
  })
  async stream(
    @CurrentCaller() caller: TenantCaller,
    @Query() query: EventStreamQuery,
    @Req() request: FastifyRequest,
    @Res() reply: FastifyReply,
  ): Promise<void> {
    const start = await this.streams.start(caller, query, parseLastEventId(request.headers['last-event-id']));
    const connection = await this.keyedStreams.begin(request, reply, caller);
    if (connection !== null) this.streams.follow(start, connection);
  }
}
