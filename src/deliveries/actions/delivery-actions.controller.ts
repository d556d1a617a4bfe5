import { Controller, HttpCode, Post, Req, Res } from '@nestjs/common';
import { ApiAcceptedResponse, ApiOkResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { Access, SECRET_ROUTE } from '../../auth/access.decorator.js';
import type { TenantCaller } from '../../auth/caller.js';
import { CurrentCaller } from '../../auth/current-caller.decorator.js';
import { IdParam } from '../../common/http/id-param.decorator.js';
import { Idempotency } from '../../database/idempotency.js';
import { DeliveryResponse } from '../deliveries.dto.js';
import { type LaneId, LaneSignals } from '../lane-signals.js';
import { DeliveryActionsService } from './delivery-actions.service.js';

@ApiTags('Deliveries')
@Controller('v1/deliveries/:id')
export class DeliveryActionsController {
  constructor(
    private readonly actions: DeliveryActionsService,
    private readonly idempotency: Idempotency,
    private readonly signals: LaneSignals,
  ) {}

  @Post('retry')
  @HttpCode(202)
  @ApiOperation({
    summary: 'Retry a delivery',
    description:
      'A pending delivery is made due now and answered; the attempt counts as the next of its schedule. One whose ' +
      'attempt is under way stays as it is, for that attempt is the retry, and one that waits for an earlier delivery ' +
      'of its operation keeps its turn. Of a delivery that has ended, a new one is made, with `trigger: retry` and ' +
      '`previous_delivery_id`, and answered: each call makes one, unless it repeats an `Idempotency-Key`. It stands ' +
      'outside the order of operations.',
  })
  @ApiAcceptedResponse({ type: DeliveryResponse, description: 'The delivery that will be sent.' })
  @Access({
    kinds: SECRET_ROUTE,
    scope: 'deliveries:write',
    errors: [
      'not_found',
      'endpoint_disabled',
      'expired',
      'invalid_input',
      'idempotency_key_reused',
      'idempotency_in_progress',
    ],
  })
  async retry(
    @CurrentCaller() caller: TenantCaller,
    @IdParam('del') id: string,
    @Req() request: FastifyRequest,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<object> {
    let woken: readonly LaneId[] = [];
    const answer = await this.idempotency.run(request, reply, async (manager) => {
      const { delivery, lanes } = await this.actions.retry({ caller, requestId: request.id }, id, manager);
      woken = lanes;
      return { status: 202, body: delivery };
    });
    this.signals.wake(woken);
    return answer;
  }

  @Post('cancel')
  @HttpCode(200)
  @ApiOperation({
    summary: 'Cancel a delivery',
    description:
      'A pending delivery ends as `cancelled`, `cancelled_by_user`, at once. An attempt that is under way cannot be ' +
      'called back: it is recorded when it ends, and changes nothing else. With `ordering: operation` the next ' +
      'delivery of the operation gets its turn.',
  })
  @ApiOkResponse({ type: DeliveryResponse })
  @Access({
    kinds: SECRET_ROUTE,
    scope: 'deliveries:write',
    errors: ['not_found', 'delivery_ended', 'invalid_input', 'idempotency_key_reused', 'idempotency_in_progress'],
  })
  async cancel(
    @CurrentCaller() caller: TenantCaller,
    @IdParam('del') id: string,
    @Req() request: FastifyRequest,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<object> {
    let woken: readonly LaneId[] = [];
    const answer = await this.idempotency.run(request, reply, async (manager) => {
      const { delivery, lanes } = await this.actions.cancel({ caller, requestId: request.id }, id, manager);
      woken = lanes;
      return { status: 200, body: delivery };
    });
    this.signals.wake(woken);
    return answer;
  }
}
