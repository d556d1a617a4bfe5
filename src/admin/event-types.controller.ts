import { Body, Controller, Delete, Get, HttpCode, Param, Patch, Post, Query, Req, Res } from '@nestjs/common';
import {
  ApiCreatedResponse,
  ApiNoContentResponse,
  ApiOkResponse,
  ApiOperation,
  ApiParam,
  ApiTags,
} from '@nestjs/swagger';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { Access, ADMIN_ONLY } from '../auth/access.decorator.js';
import type { Caller } from '../auth/caller.js';
import { CurrentCaller } from '../auth/current-caller.decorator.js';
import { ApiListResponse, type ListResponse, PageQuery } from '../common/pagination.js';
import { Idempotency } from '../database/idempotency.js';
import { EventCatalogue } from '../events/event-catalogue.js';
import { assertTypeName, pageOfTypes } from '../events/event-types.controller.js';
import { EventTypeResponse, toEventTypeResponse } from '../events/event-types.dto.js';
import { EventTypeAdmin } from './event-type-admin.service.js';
import { ChangeEventTypeBody, CreateEventTypeBody } from './event-types.dto.js';

const TypeParam = () => ApiParam({ name: 'type', schema: { type: 'string', example: 'payout.sent' } });

@ApiTags('Admin: event types')
@Controller('v1/admin/event-types')
export class AdminEventTypesController {
  constructor(
    private readonly admin: EventTypeAdmin,
    private readonly catalogue: EventCatalogue,
    private readonly idempotency: Idempotency,
  ) {}

  @Post()
  @ApiOperation({
    summary: 'Register an event type',
    description: 'It can be published, and endpoints can name it, from this answer on.',
  })
  @ApiCreatedResponse({ type: EventTypeResponse })
  @Access({
    kinds: ADMIN_ONLY,
    errors: ['event_type_exists', 'idempotency_key_reused', 'idempotency_in_progress'],
  })
  async create(
    @CurrentCaller() caller: Caller,
    @Body() body: CreateEventTypeBody,
    @Req() request: FastifyRequest,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<object> {
    const answer = await this.idempotency.run(request, reply, async (manager) => {
      const type = await this.admin.create({ caller, requestId: request.id }, body, manager);
      return { status: 201, body: toEventTypeResponse(type) };
    });
    await this.catalogue.refreshQuietly();
    return answer;
  }

  @Get()
  @ApiOperation({ summary: 'List event types', description: "Newest first. Cursors are types' names." })
  @ApiListResponse(EventTypeResponse)
  @Access({ kinds: ADMIN_ONLY })
  list(@Query() query: PageQuery): ListResponse<EventTypeResponse> {
    return pageOfTypes(this.catalogue.list(), query);
  }

  @Patch(':type')
  @TypeParam()
  @ApiOperation({
    summary: 'Change or retire an event type',
    description: 'Events that were published stay as they are. A sample that is kept must fit a new schema.',
  })
  @ApiOkResponse({ type: EventTypeResponse })
  @Access({ kinds: ADMIN_ONLY, errors: ['not_found', 'event_type_built_in'] })
  async change(
    @CurrentCaller() caller: Caller,
    @Param('type') name: string,
    @Body() body: ChangeEventTypeBody,
    @Req() request: FastifyRequest,
  ): Promise<EventTypeResponse> {
    assertTypeName(name);
    const type = await this.admin.change({ caller, requestId: request.id }, name, body);
    await this.catalogue.refreshQuietly();
    return toEventTypeResponse(type);
  }

  @Delete(':type')
  @HttpCode(204)
  @TypeParam()
  @ApiOperation({ summary: 'Delete an event type', description: 'Its events stay readable.' })
  @ApiNoContentResponse()
  @Access({ kinds: ADMIN_ONLY, errors: ['not_found', 'event_type_built_in', 'event_type_in_use'] })
  async delete(
    @CurrentCaller() caller: Caller,
    @Param('type') name: string,
    @Req() request: FastifyRequest,
  ): Promise<void> {
    assertTypeName(name);
    await this.admin.delete({ caller, requestId: request.id }, name);
    await this.catalogue.refreshQuietly();
  }
}
