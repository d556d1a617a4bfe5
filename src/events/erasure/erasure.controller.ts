import { Controller, HttpCode, Param, Post, Req, Res } from '@nestjs/common';
import { ApiOkResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { Access, ADMIN_ACTING } from '../../auth/access.decorator.js';
import type { TenantCaller } from '../../auth/caller.js';
import { CurrentCaller } from '../../auth/current-caller.decorator.js';
import { Idempotency } from '../../database/idempotency.js';
import { type LaneId, LaneSignals } from '../../deliveries/lane-signals.js';
import { ApiOperationId } from '../operation-id-param.js';
import { OperationResponse } from '../operations.dto.js';
import { ErasureService } from './erasure.service.js';

@ApiTags('Operations')
@Controller('v1/operations/:id/erase')
export class ErasureController {
  constructor(
    private readonly erasure: ErasureService,
    private readonly idempotency: Idempotency,
    private readonly signals: LaneSignals,
  ) {}

  @Post()
  @HttpCode(200)
  @Access({
    kinds: ADMIN_ACTING,
    errors: ['not_found', 'invalid_input', 'idempotency_key_reused', 'idempotency_in_progress'],
  })
  @ApiOperation({
    summary: "Erase an operation's personal data",
    description:
      'For good, in the operation and in every event of it: `customer` becomes null, `metadata` and `data` become ' +
      '`{}`, and `q` no longer finds them by the customer. In a `cause`, the customer’s name, e-mail address and ' +
      'telephone number are covered. All else stays: amounts, reference, `version`, times, statistics. Reads, streams, repeats of a publish and deliveries sent later give the erased events, whose bytes, ' +
      'and so signatures, are others than those sent before. Deliveries that are pending end as `cancelled`, ' +
      '`cancelled_by_user`; a request that is under way cannot be called back and is recorded when it ends. Events ' +
      'that were refused, or wait, in the inbox are erased too. What is published afterwards is new data and stays. ' +
      'It happens as a whole or not at all. Once more does no harm: what has nothing left to erase is answered as it ' +
      'is, without another log `operation.erased`. Answers that receivers gave to webhooks are their own text and stay.',
  })
  @ApiOperationId()
  @ApiOkResponse({ type: OperationResponse, description: 'The operation, erased.' })
  async erase(
    @CurrentCaller() caller: TenantCaller,
    @Param('id') id: string,
    @Req() request: FastifyRequest,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<object> {
    let woken: readonly LaneId[] = [];
    const answer = await this.idempotency.run(request, reply, async (manager) => {
      const { operation, lanes } = await this.erasure.erase({ caller, requestId: request.id }, id, manager);
      woken = lanes;
      return { status: 200, body: operation };
    });
    this.signals.wake(woken);
    return answer;
  }
}
