import { Body, Controller, HttpCode, HttpStatus, Post, Req, Res } from '@nestjs/common';
import { ApiOperation, ApiTags } from '@nestjs/swagger';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { Access, SECRET_ROUTE } from '../auth/access.decorator.js';
import type { TenantCaller } from '../auth/caller.js';
import { CurrentCaller } from '../auth/current-caller.decorator.js';
import { IdParam } from '../common/http/id-param.decorator.js';
import { ApiListResponse } from '../common/pagination.js';
import { Idempotency } from '../database/idempotency.js';
import { DeliverySummaryResponse } from '../deliveries/deliveries.dto.js';
import { type LaneId, LaneSignals } from '../deliveries/lane-signals.js';
import { RedeliverRequest } from './redeliver.dto.js';
import { RedeliveryService } from './redelivery.service.js';

@ApiTags('Events')
@Controller('v1/events/:id/redeliver')
export class RedeliverController {
  constructor(
    private readonly redelivery: RedeliveryService,
    private readonly idempotency: Idempotency,
    private readonly signals: LaneSignals,
  ) {}

  @Post()
  @HttpCode(HttpStatus.ACCEPTED)
  @ApiOperation({
    summary: 'Send an event again',
    description:
      'Makes a new delivery, with `trigger: redeliver`, to the endpoint named, whatever event types it takes, or to ' +
      "every enabled endpoint whose present event types take the event's type, whether or not it had the event " +
      "before. `previous_delivery_id` is the event's last delivery to that endpoint, null when it had none. Each call " +
      'makes new ones, also while others are pending, unless it repeats an `Idempotency-Key`. They stand outside the ' +
      'order of operations; receivers tell repeats by `webhook-id`.',
  })
  @ApiListResponse(
    DeliverySummaryResponse,
    'The deliveries made, all of them: at most 50, none when no endpoint takes the type.',
    HttpStatus.ACCEPTED,
  )
  @Access({
    kinds: SECRET_ROUTE,
    scope: 'deliveries:write',
    errors: ['not_found', 'endpoint_disabled', 'expired', 'idempotency_key_reused', 'idempotency_in_progress'],
  })
  async redeliver(
    @CurrentCaller() caller: TenantCaller,
    @IdParam('evt') id: string,
    @Body() body: RedeliverRequest,
    @Req() request: FastifyRequest,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<object> {
    let woken: readonly LaneId[] = [];
    const answer = await this.idempotency.run(request, reply, async (manager) => {
      const { list, lanes } = await this.redelivery.redeliver({ caller, requestId: request.id }, id, body, manager);
      woken = lanes;
      return { status: 202, body: list };
    });
    this.signals.wake(woken);
    return answer;
  }
}
