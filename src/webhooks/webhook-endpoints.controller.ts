import { Body, Controller, Delete, Get, HttpCode, Patch, Post, Query, Req, Res } from '@nestjs/common';
import { ApiCreatedResponse, ApiNoContentResponse, ApiOkResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { Access, SECRET_ROUTE } from '../auth/access.decorator.js';
import type { TenantCaller } from '../auth/caller.js';
import { CurrentCaller } from '../auth/current-caller.decorator.js';
import { IdParam } from '../common/http/id-param.decorator.js';
import { ApiListResponse, type ListResponse, PageQuery, toList, toPage } from '../common/pagination.js';
import { Database } from '../database/database.js';
import { Idempotency } from '../database/idempotency.js';
import { EndpointInput } from './endpoint-input.js';
import { WebhookEndpointsService } from './webhook-endpoints.service.js';
import {
  CreatedWebhookEndpointResponse,
  CreateWebhookEndpointRequest,
  toWebhookEndpointResponse,
  UpdatedWebhookEndpointResponse,
  UpdateWebhookEndpointRequest,
  WebhookEndpointResponse,
} from './webhook-endpoints.dto.js';

@ApiTags('Webhooks')
@Controller('v1/webhook-endpoints')
export class WebhookEndpointsController {
  constructor(
    private readonly endpoints: WebhookEndpointsService,
    private readonly input: EndpointInput,
    private readonly idempotency: Idempotency,
    private readonly database: Database,
  ) {}

  @Post()
  @ApiOperation({
    summary: 'Create a webhook endpoint',
    description: 'The signing secret is in this answer. A name that has no address yet is taken, with a warning.',
  })
  @ApiCreatedResponse({ type: CreatedWebhookEndpointResponse })
  @Access({
    kinds: SECRET_ROUTE,
    scope: 'webhooks:write',
    errors: ['limit_reached', 'idempotency_key_reused', 'idempotency_in_progress'],
  })
  async create(
    @CurrentCaller() caller: TenantCaller,
    @Body() body: CreateWebhookEndpointRequest,
    @Req() request: FastifyRequest,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<object> {
    const input = await this.input.forCreation(body, caller.mode);
    return this.idempotency.run(request, reply, async (manager) => {
      const act = { caller, requestId: request.id };
      const { endpoint, secret, warnings } = await this.endpoints.create(act, input, manager);
      const answer = { ...toWebhookEndpointResponse(endpoint), secret, warnings };
      return { status: 201, body: answer, stored: { ...answer, secret: null } };
    });
  }

  @Get()
  @ApiOperation({ summary: 'List webhook endpoints' })
  @ApiListResponse(WebhookEndpointResponse)
  @Access({ kinds: SECRET_ROUTE, scope: 'webhooks:read', errors: ['invalid_input'] })
  async list(
    @CurrentCaller() caller: TenantCaller,
    @Query() query: PageQuery,
  ): Promise<ListResponse<WebhookEndpointResponse>> {
    const page = toPage(query, 'we');
    const endpoints = await this.endpoints.list(caller, page);
    return toList(endpoints, page.limit, toWebhookEndpointResponse, page.before !== null);
  }

  @Get(':id')
  @ApiOperation({ summary: 'Get a webhook endpoint' })
  @ApiOkResponse({ type: WebhookEndpointResponse })
  @Access({ kinds: SECRET_ROUTE, scope: 'webhooks:read', errors: ['not_found', 'invalid_input'] })
  async get(@CurrentCaller() { accountId, mode }: TenantCaller, @IdParam('we') id: string) {
    return toWebhookEndpointResponse(await this.endpoints.get({ accountId, mode, id }));
  }

  @Patch(':id')
  @ApiOperation({
    summary: 'Change a webhook endpoint',
    description:
      'Arrays and objects are replaced whole; null clears. Enabling sends nothing by itself. Disabling by hand makes a ' +
      'log and no event: `webhook_endpoint.disabled` tells of what the service decides.',
  })
  @ApiOkResponse({ type: UpdatedWebhookEndpointResponse })
  @Access({ kinds: SECRET_ROUTE, scope: 'webhooks:write', errors: ['not_found'] })
  async update(
    @CurrentCaller() caller: TenantCaller,
    @IdParam('we') id: string,
    @Body() body: UpdateWebhookEndpointRequest,
    @Req() request: FastifyRequest,
  ): Promise<UpdatedWebhookEndpointResponse> {
    const input = await this.input.forUpdate(body, caller.mode);
    const act = { caller, requestId: request.id };
    const { endpoint, recoverable } = await this.database.transaction((manager) =>
      this.endpoints.update(act, id, input, manager),
    );
    const answer = toWebhookEndpointResponse(endpoint);
    if (recoverable === null) return answer;
    const { count, since } = recoverable;
    return { ...answer, recoverable_count: count, recoverable_since: since?.toISOString() ?? null };
  }

  @Delete(':id')
  @HttpCode(204)
  @ApiOperation({
    summary: 'Delete a webhook endpoint',
    description: 'Its unfinished deliveries become `cancelled`; its history stays.',
  })
  @ApiNoContentResponse({ description: 'Deleted.' })
  @Access({ kinds: SECRET_ROUTE, scope: 'webhooks:write', errors: ['not_found', 'invalid_input'] })
  async delete(
    @CurrentCaller() caller: TenantCaller,
    @IdParam('we') id: string,
    @Req() request: FastifyRequest,
  ): Promise<void> {
    const act = { caller, requestId: request.id };
    await this.database.transaction((manager) => this.endpoints.delete(act, id, manager));
  }
}
