import { Controller, Get, Post, Query, Req, Res } from '@nestjs/common';
import { ApiCreatedResponse, ApiOkResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { Access, SECRET_ROUTE } from '../auth/access.decorator.js';
import type { TenantCaller } from '../auth/caller.js';
import { CurrentCaller } from '../auth/current-caller.decorator.js';
import { AppError } from '../common/app-error.js';
import { BOUNDED_SEARCH } from '../common/bounded-search.js';
import { Clock } from '../common/clock.js';
import { IdParam } from '../common/http/id-param.decorator.js';
import { JsonBody } from '../common/http/json-body.decorator.js';
import { ApiListResponse, type ListResponse } from '../common/pagination.js';
import { Idempotency } from '../database/idempotency.js';
import { EXPORT_MEDIA_TYPES } from './log-export.js';
import { CreateLogBody, LogResponse, LogsExportQuery, LogsQuery } from './logs.dto.js';
import { LogsService } from './logs.service.js';

@ApiTags('Logs')
@Controller('v1/logs')
export class LogsController {
  constructor(
    private readonly logs: LogsService,
    private readonly idempotency: Idempotency,
    private readonly clock: Clock,
  ) {}

  @Get()
  @Access({ kinds: SECRET_ROUTE, scope: 'logs:read', errors: ['invalid_input'] })
  @ApiOperation({
    summary: 'List and search logs',
    description: `Every action and its outcome, newest first, by words, status, object and time, together. ${BOUNDED_SEARCH}`,
  })
  @ApiListResponse(LogResponse)
  list(@CurrentCaller() caller: TenantCaller, @Query() query: LogsQuery): Promise<ListResponse<LogResponse>> {
    return this.logs.list(caller, query);
  }

  @Get('export')
  @Access({ kinds: SECRET_ROUTE, scope: 'logs:read', errors: ['invalid_input'] })
  @ApiOperation({
    summary: 'Export logs',
    description:
      'All logs that pass the filters, as a file, newest first. In CSV, a cell that a spreadsheet would run as a formula gets an apostrophe in front.',
  })
  @ApiOkResponse({
    description: 'The file.',
    content: {
      'text/csv': { schema: { type: 'string' } },
      'application/x-ndjson': { schema: { type: 'string' } },
    },
  })
  async export(
    @CurrentCaller() caller: TenantCaller,
    @Query() query: LogsExportQuery,
    @Res() reply: FastifyReply,
  ): Promise<void> {
    const left = new AbortController();
    const leave = () => left.abort(new AppError('unavailable', 'The reader has left.'));
    // A reader that left before its key was proved closes nothing any more.
    if (reply.raw.destroyed) leave();
    else reply.raw.once('close', leave);
    const stream = await this.logs.export(caller, query, left.signal);
    const name = `logs-${caller.mode}-${this.clock.now().toISOString().slice(0, 10)}.${query.format}`;
    await reply
      .header('content-type', EXPORT_MEDIA_TYPES[query.format])
      .header('content-disposition', `attachment; filename="${name}"`)
      .send(stream);
  }

  @Get(':id')
  @Access({ kinds: SECRET_ROUTE, scope: 'logs:read', errors: ['not_found', 'expired', 'invalid_input'] })
  @ApiOperation({ summary: 'One log' })
  @ApiOkResponse({ type: LogResponse })
  get(@CurrentCaller() caller: TenantCaller, @IdParam('log') id: string): Promise<LogResponse> {
    return this.logs.get(caller, id);
  }

  @Post()
  @Access({
    kinds: SECRET_ROUTE,
    scope: 'logs:write',
    errors: [
      'body_required',
      'malformed_json',
      'body_too_large',
      'unsupported_media_type',
      'invalid_input',
      'idempotency_key_reused',
      'idempotency_in_progress',
    ],
  })
  @ApiOperation({
    summary: 'Write a log',
    description: 'An action of your own, beside what the platform reports, in the history of an operation.',
  })
  @ApiCreatedResponse({ type: LogResponse })
  create(
    @CurrentCaller() caller: TenantCaller,
    @JsonBody(CreateLogBody) body: CreateLogBody,
    @Req() request: FastifyRequest,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<object> {
    return this.idempotency.run(request, reply, async (manager) => ({
      status: 201,
      body: await this.logs.create(caller, request.id, body, manager),
    }));
  }
}
