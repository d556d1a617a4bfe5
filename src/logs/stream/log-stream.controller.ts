import { Controller, Get, Query, Req, Res } from '@nestjs/common';
import { ApiOperation, ApiTags } from '@nestjs/swagger';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { Access, SECRET_ROUTE } from '../../auth/access.decorator.js';
import type { TenantCaller } from '../../auth/caller.js';
import { CurrentCaller } from '../../auth/current-caller.decorator.js';
import { KeyedStreams } from '../../auth/keyed-streams.js';
import { StreamRoute } from '../../common/sse/stream-route.js';
import { LogStreamQuery, parseLastLogId } from './log-stream.dto.js';
import { LogStreamsService } from './log-streams.service.js';

@ApiTags('Logs')
@Controller('v1/logs/stream')
export class LogStreamController {
  constructor(
    private readonly streams: LogStreamsService,
    private readonly keyedStreams: KeyedStreams,
  ) {}

  @Get()
  @Access({ kinds: SECRET_ROUTE, scope: 'logs:read', errors: ['invalid_input', 'expired'] })
  @ApiOperation({
    summary: 'Follow logs live',
    description:
      'Server-sent events with the filters of the list. Logs come as they are committed, so nearly, but not always, in the order of their ids. A reader that comes back with the last `id` it got may get logs of the minute before it again, and misses nothing.',
  })
  @StreamRoute({
    lastEventId:
      'The id of the last log that was read: the stream goes on from a little before it. `0`: from the oldest log that is kept. Ahead of now, or not sent: from now on. Older than the retention: 410 `expired`.',
    example: 'log_01k96sd3k8e2r9wq6m4h0v5xtz',
    shown:
      'retry: 2000\n\nid: log_01k96sd3k8e2r9wq6m4h0v5xtz\ndata: {"id":"log_01k96sd3k8e2r9wq6m4h0v5xtz","object":"log"}\n\n: heartbeat\n\n',
  })
  async stream(
    @CurrentCaller() caller: TenantCaller,
    @Query() query: LogStreamQuery,
    @Req() request: FastifyRequest,
    @Res() reply: FastifyReply,
  ): Promise<void> {
    const start = await this.streams.start(caller, query, parseLastLogId(request.headers['last-event-id']));
    const connection = await this.keyedStreams.begin(request, reply, caller);
    if (connection !== null) this.streams.follow(start, connection);
  }
}
