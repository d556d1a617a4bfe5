import { applyDecorators, Controller, Get, Header, Param, Query } from '@nestjs/common';
import { ApiExtraModels, ApiOkResponse, ApiOperation, ApiTags, getSchemaPath } from '@nestjs/swagger';
import { Access, SECRET_ROUTE } from '../auth/access.decorator.js';
import type { TenantCaller } from '../auth/caller.js';
import { CurrentCaller } from '../auth/current-caller.decorator.js';
import { BOUNDED_SEARCH } from '../common/bounded-search.js';
import { ApiListResponse, type ListResponse, PageQuery } from '../common/pagination.js';
import { DeliveryResponse } from '../deliveries/deliveries.dto.js';
import { LogResponse } from '../logs/logs.dto.js';
import { EventResponse } from './event.dto.js';
import { ApiOperationId } from './operation-id-param.js';
import { OperationResponse, OperationsQuery } from './operations.dto.js';
import { OperationsService } from './operations.service.js';
import { TimelineService } from './timeline.service.js';

@ApiTags('Operations')
@Controller('v1/operations')
export class OperationsController {
  constructor(
    private readonly operations: OperationsService,
    private readonly timeline: TimelineService,
  ) {}

  @Get()
  @Access({ kinds: SECRET_ROUTE, scope: 'operations:read', errors: ['invalid_input'] })
  @ApiOperation({
    summary: 'List operations',
    description: `Those that pass all filters, newest first. Cursors are ids of operations; an unknown one is 422. ${BOUNDED_SEARCH}`,
  })
  @ApiListResponse(OperationResponse)
  list(
    @CurrentCaller() caller: TenantCaller,
    @Query() query: OperationsQuery,
  ): Promise<ListResponse<OperationResponse>> {
    return this.operations.list(caller, query);
  }

  @Get(':id')
  @Access({ kinds: SECRET_ROUTE, scope: 'operations:read', errors: ['not_found', 'invalid_input'] })
  @ApiOperation({ summary: 'One operation' })
  @ApiOperationId()
  @ApiOkResponse({ type: OperationResponse })
  get(@CurrentCaller() caller: TenantCaller, @Param('id') id: string): Promise<OperationResponse> {
    return this.operations.get(caller, id);
  }

  @Get(':id/timeline')
  @Access({ kinds: SECRET_ROUTE, scope: 'operations:read', errors: ['not_found', 'invalid_input'] })
  @ApiOperation({
    summary: "An operation's timeline",
    description: 'Events, logs and deliveries with their attempts in one order, oldest first.',
  })
  @ApiOperationId()
  @ApiTimelineResponse()
  @Header('content-type', 'application/json; charset=utf-8')
  listTimeline(
    @CurrentCaller() caller: TenantCaller,
    @Param('id') id: string,
    @Query() query: PageQuery,
  ): Promise<string> {
    return this.timeline.list(caller, id, query);
  }
}

function ApiTimelineResponse(): MethodDecorator {
  const types = [EventResponse, LogResponse, DeliveryResponse];
  return applyDecorators(
    ApiExtraModels(...types),
    ApiOkResponse({
      description: 'A page, oldest first; `object` tells the entries apart.',
      schema: {
        type: 'object',
        required: ['object', 'data', 'has_more'],
        properties: {
          object: { type: 'string', enum: ['list'] },
          data: { type: 'array', items: { oneOf: types.map((type) => ({ $ref: getSchemaPath(type) })) } },
          has_more: { type: 'boolean', description: 'Whether there is more in this direction.' },
        },
      },
    }),
  );
}
