import { Body, Controller, HttpCode, Post, Req, Res } from '@nestjs/common';
import { ApiAcceptedResponse, ApiOkResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { Access, SECRET_ROUTE } from '../../auth/access.decorator.js';
import type { TenantCaller } from '../../auth/caller.js';
import { CurrentCaller } from '../../auth/current-caller.decorator.js';
import { IdParam } from '../../common/http/id-param.decorator.js';
import { Idempotency } from '../../database/idempotency.js';
import {
  RecoverRequest,
  RecoveryCountResponse,
  RecoveryResponse,
  toRecoveryCountResponse,
  toRecoveryResponse,
} from './recoveries.dto.js';
import { RecoveriesService } from './recoveries.service.js';

@ApiTags('Webhooks')
@Controller('v1/webhook-endpoints/:id/recover')
export class RecoverController {
  constructor(
    private readonly recoveries: RecoveriesService,
    private readonly idempotency: Idempotency,
  ) {}

  @Post()
  @HttpCode(202)
  @ApiOperation({
    summary: 'Send a range of events again',
    description:
      'Begins a job that makes a delivery, with `trigger: recovery`, of every event of the range that the endpoint ' +
      'takes by its present event types and that `only` chooses, oldest first, at a limited pace. It survives ' +
      'restarts, plans each event once, and has no limit but the retention. They stand outside the order of ' +
      'operations. With `dry_run` it is only counted, and answered with 200.',
  })
  @ApiAcceptedResponse({ type: RecoveryResponse, description: 'The recovery, which runs from now on.' })
  @ApiOkResponse({ type: RecoveryCountResponse, description: 'With `dry_run`: what a recovery would find now.' })
  @Access({
    kinds: SECRET_ROUTE,
    scope: 'deliveries:write',
    errors: ['not_found', 'endpoint_disabled', 'idempotency_key_reused', 'idempotency_in_progress'],
  })
  async recover(
    @CurrentCaller() caller: TenantCaller,
    @IdParam('we') id: string,
    @Body() body: RecoverRequest,
    @Req() request: FastifyRequest,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<object> {
    return this.idempotency.run<RecoveryCountResponse | RecoveryResponse>(request, reply, async (manager) => {
      if (body.dry_run) {
        const count = await this.recoveries.count(caller, id, body, manager);
        return { status: 200, body: toRecoveryCountResponse(count) };
      }
      const recovery = await this.recoveries.start({ caller, requestId: request.id }, id, body, manager);
      return { status: 202, body: toRecoveryResponse(recovery) };
    });
  }
}
