import { Body, Controller, Post, Req, Res } from '@nestjs/common';
import { ApiOkResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { Access, SECRET_ROUTE } from '../../auth/access.decorator.js';
import type { TenantCaller } from '../../auth/caller.js';
import { CurrentCaller } from '../../auth/current-caller.decorator.js';
import { IdParam } from '../../common/http/id-param.decorator.js';
import { Idempotency } from '../../database/idempotency.js';
import { TestSendRequest, TestSendResponse } from './test-sends.dto.js';
import { type TestSend, TestSendJournal, TestSends } from './test-sends.service.js';

@ApiTags('Webhooks')
@Controller('v1/webhook-endpoints/:id')
export class TestSendsController {
  constructor(
    private readonly sends: TestSends,
    private readonly journal: TestSendJournal,
    private readonly idempotency: Idempotency,
  ) {}

  @Post('test')
  @ApiOperation({
    summary: 'Send a signed sample now',
    description:
      'Sends the sample of an event type once, signed and sent like a delivery, and answers with what happened. It ' +
      'works for a disabled endpoint too. Nothing is kept but a log; `sequence` is 0, and the header `webhook-test` is ' +
      '`true`. 30 at once and one each 2 s after that, per account and mode.',
  })
  @ApiOkResponse({ type: TestSendResponse })
  @Access({
    kinds: SECRET_ROUTE,
    scope: 'webhooks:write',
    limit: 'test_send',
    errors: ['not_found', 'idempotency_key_reused', 'idempotency_in_progress'],
  })
  test(
    @CurrentCaller() caller: TenantCaller,
    @IdParam('we') id: string,
    @Body() { type }: TestSendRequest,
    @Req() request: FastifyRequest,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<object> {
    const ref = { accountId: caller.accountId, mode: caller.mode, id };
    const act = { caller, requestId: request.id };
    return this.idempotency.runOutside(request, reply, {
      work: () => this.sends.send(ref, type ?? null),
      keep: (send, manager) => this.journal.record(act, send, manager),
      answer: (send) => ({ status: 200, body: toTestSendResponse(send) }),
    });
  }
}

function toTestSendResponse({ result, error }: TestSend): TestSendResponse {
  return {
    delivered: error === null,
    status_code: result.statusCode,
    duration_ms: result.durationMs,
    response_body: result.responseBody,
    error,
  };
}
