import { Controller, Get, HttpCode, Post, Query, Req, Res } from '@nestjs/common';
import { ApiOkResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { Access, SECRET_ROUTE } from '../../auth/access.decorator.js';
import type { TenantCaller } from '../../auth/caller.js';
import { CurrentCaller } from '../../auth/current-caller.decorator.js';
import { IdParam } from '../../common/http/id-param.decorator.js';
import { decodeId } from '../../common/ids.js';
import { ApiListResponse, type ListResponse, toList, toPage } from '../../common/pagination.js';
import { Idempotency } from '../../database/idempotency.js';
import { RecoveriesQuery, RecoveryResponse, toRecoveryResponse } from './recoveries.dto.js';
import { RecoveriesService } from './recoveries.service.js';

@ApiTags('Webhooks')
@Controller('v1/recoveries')
export class RecoveriesController {
  constructor(
    private readonly recoveries: RecoveriesService,
    private readonly idempotency: Idempotency,
  ) {}

  @Get()
  @ApiOperation({ summary: 'List recoveries' })
  @ApiListResponse(RecoveryResponse)
  @Access({ kinds: SECRET_ROUTE, scope: 'webhooks:read', errors: ['invalid_input'] })
  async list(
    @CurrentCaller() caller: TenantCaller,
    @Query() query: RecoveriesQuery,
  ): Promise<ListResponse<RecoveryResponse>> {
    const page = toPage(query, 'rec');
    const endpointIds = [...new Set(query.endpoint_id)].map((id) => decodeId('we', id));
    const recoveries = await this.recoveries.list(caller, endpointIds, page);
    return toList(recoveries, page.limit, toRecoveryResponse, page.before !== null);
  }

  @Get(':id')
  @ApiOperation({ summary: 'One recovery, with its progress' })
  @ApiOkResponse({ type: RecoveryResponse })
  @Access({ kinds: SECRET_ROUTE, scope: 'webhooks:read', errors: ['not_found', 'invalid_input'] })
  async get(@CurrentCaller() caller: TenantCaller, @IdParam('rec') id: string): Promise<RecoveryResponse> {
    return toRecoveryResponse(await this.recoveries.get(caller, id));
  }

  @Post(':id/cancel')
  @HttpCode(200)
  @ApiOperation({
    summary: 'Cancel a recovery',
    description:
      'It makes no more deliveries; those that it has made go on, and each can be cancelled. One that has ended stays ' +
      'as it is.',
  })
  @ApiOkResponse({ type: RecoveryResponse })
  @Access({
    kinds: SECRET_ROUTE,
    scope: 'deliveries:write',
    errors: ['not_found', 'invalid_input', 'idempotency_key_reused', 'idempotency_in_progress'],
  })
  async cancel(
    @CurrentCaller() caller: TenantCaller,
    @IdParam('rec') id: string,
    @Req() request: FastifyRequest,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<object> {
    return this.idempotency.run(request, reply, async (manager) => {
      const recovery = await this.recoveries.cancel({ caller, requestId: request.id }, id, manager);
      return { status: 200, body: toRecoveryResponse(recovery) };
    });
  }
}
