import { Body, Controller, Param, Post, Req, Res } from '@nestjs/common';
import { ApiCreatedResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { Access, SECRET_ROUTE } from '../../auth/access.decorator.js';
import type { TenantCaller } from '../../auth/caller.js';
import { ClientTokenSigner } from '../../auth/client-tokens/client-token-signer.js';
import { CurrentCaller } from '../../auth/current-caller.decorator.js';
import { Clock } from '../../common/clock.js';
import { Idempotency } from '../../database/idempotency.js';
import { ApiOperationId } from '../operation-id-param.js';
import { OperationsService } from '../operations.service.js';
import { ClientTokenResponse, CreateClientTokenBody } from './client-operations.dto.js';

@ApiTags('Operations')
@Controller('v1/operations/:id/client-token')
export class ClientTokensController {
  constructor(
    private readonly operations: OperationsService,
    private readonly signer: ClientTokenSigner,
    private readonly idempotency: Idempotency,
    private readonly clock: Clock,
  ) {}

  @Post()
  @Access({
    kinds: SECRET_ROUTE,
    scope: 'operations:write',
    errors: ['not_found', 'idempotency_key_reused', 'idempotency_in_progress'],
  })
  @ApiOperation({
    summary: 'Make a client token',
    description:
      "Lets a page read this one operation's status, with the token and the account's public key: `GET /v1/client/operations/{id}`. It cannot be revoked; let it end soon.",
  })
  @ApiOperationId()
  @ApiCreatedResponse({ type: ClientTokenResponse })
  async create(
    @CurrentCaller() caller: TenantCaller,
    @Param('id') id: string,
    @Body() body: CreateClientTokenBody,
    @Req() request: FastifyRequest,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<object> {
    await this.operations.get(caller, id);
    return this.idempotency.run(request, reply, async () => {
      const expiresAt = new Date(Math.floor(this.clock.now().getTime() / 1_000 + body.expires_in) * 1_000);
      const answer = (client_token: string | null) => ({ client_token, expires_at: expiresAt.toISOString() });
      return { status: 201, body: answer(this.signer.sign(caller, id, expiresAt)), stored: answer(null) };
    });
  }
}
