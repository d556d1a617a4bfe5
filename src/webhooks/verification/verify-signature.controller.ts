import { Controller, Post, Req, Res } from '@nestjs/common';
import { ApiOkResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { Access, SECRET_ROUTE } from '../../auth/access.decorator.js';
import type { TenantCaller } from '../../auth/caller.js';
import { CurrentCaller } from '../../auth/current-caller.decorator.js';
import { IdParam } from '../../common/http/id-param.decorator.js';
import { BodyLimit, JsonBody } from '../../common/http/json-body.decorator.js';
import { DEFAULT_JSON_LIMITS } from '../../common/input/json-gate.js';
import { Idempotency } from '../../database/idempotency.js';
import { SignatureVerification } from './signature-verification.service.js';
import {
  MAX_BODY_BYTES,
  toVerifySignatureResponse,
  VERIFY_BODY_LIMIT_BYTES,
  VerifySignatureRequest,
  VerifySignatureResponse,
} from './verify-signature.dto.js';

const LIMITS = { ...DEFAULT_JSON_LIMITS, maxStringBytes: MAX_BODY_BYTES };

@ApiTags('Webhooks')
@Controller('v1/webhook-endpoints/:id')
export class VerifySignatureController {
  constructor(
    private readonly verification: SignatureVerification,
    private readonly idempotency: Idempotency,
  ) {}

  @Post('verify-signature')
  @BodyLimit(VERIFY_BODY_LIMIT_BYTES)
  @ApiOperation({
    summary: 'Find out why a signature does not verify',
    description:
      'Checks a request that you received against the secrets of the endpoint, and says in words what is wrong.',
  })
  @ApiOkResponse({ type: VerifySignatureResponse })
  @Access({
    kinds: SECRET_ROUTE,
    scope: 'webhooks:read',
    errors: ['not_found', 'idempotency_key_reused', 'idempotency_in_progress'],
  })
  async verify(
    @CurrentCaller() { accountId, mode, kind }: TenantCaller,
    @IdParam('we') id: string,
    @JsonBody(VerifySignatureRequest, LIMITS) { headers, body }: VerifySignatureRequest,
    @Req() request: FastifyRequest,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<object> {
    const apiKey = kind === 'admin' ? null : (request.headers.authorization?.split(' ').at(-1) ?? null);
    return this.idempotency.run(request, reply, async () => {
      const verdict = await this.verification.verify({ accountId, mode, id }, { headers, body, apiKey });
      return { status: 200, body: toVerifySignatureResponse(verdict) };
    });
  }
}
