import { Body, Controller, Get, Header, Post, Req, Res } from '@nestjs/common';
import { ApiCreatedResponse, ApiOkResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { Access, SECRET_ROUTE } from '../auth/access.decorator.js';
import type { TenantCaller } from '../auth/caller.js';
import { CurrentCaller } from '../auth/current-caller.decorator.js';
import { IdParam } from '../common/http/id-param.decorator.js';
import { Database } from '../database/database.js';
import { Idempotency } from '../database/idempotency.js';
import { EndpointSecretsService } from './endpoint-secrets.service.js';
import {
  EndpointSecretsResponse,
  RotatedWebhookEndpointResponse,
  RotateSecretRequest,
  toWebhookEndpointResponse,
} from './webhook-endpoints.dto.js';

@ApiTags('Webhooks')
@Controller('v1/webhook-endpoints/:id')
export class EndpointSecretsController {
  constructor(
    private readonly secrets: EndpointSecretsService,
    private readonly idempotency: Idempotency,
    private readonly database: Database,
  ) {}

  @Get('secret')
  @Header('cache-control', 'no-store')
  @ApiOperation({ summary: 'Get the live signing secrets', description: 'The newest first. Every reading is logged.' })
  @ApiOkResponse({ type: EndpointSecretsResponse })
  @Access({
    kinds: SECRET_ROUTE,
    scope: 'webhook_secrets:read',
    errors: ['not_found', 'no_shared_secret', 'invalid_input'],
  })
  async read(
    @CurrentCaller() caller: TenantCaller,
    @IdParam('we') id: string,
    @Req() request: FastifyRequest,
  ): Promise<EndpointSecretsResponse> {
    const act = { caller, requestId: request.id };
    const secrets = await this.database.transaction((manager) => this.secrets.read(act, id, manager));
    return {
      secrets: secrets.map(({ secret, createdAt, expiresAt }) => ({
        secret,
        created_at: createdAt.toISOString(),
        expires_at: expiresAt?.toISOString() ?? null,
      })),
    };
  }

  @Post('rotate-secret')
  @ApiOperation({
    summary: 'Rotate the signing secret',
    description: 'During the overlap every request is signed with both, so that neither is ever refused.',
  })
  @ApiCreatedResponse({ type: RotatedWebhookEndpointResponse })
  @Access({
    kinds: SECRET_ROUTE,
    scope: 'webhooks:write',
    errors: ['not_found', 'limit_reached', 'idempotency_key_reused', 'idempotency_in_progress'],
  })
  async rotate(
    @CurrentCaller() caller: TenantCaller,
    @IdParam('we') id: string,
    @Body() body: RotateSecretRequest,
    @Req() request: FastifyRequest,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<object> {
    return this.idempotency.run(request, reply, async (manager) => {
      const act = { caller, requestId: request.id };
      const rotation = { overlapSeconds: body.expire_previous_in, secret: body.secret ?? null };
      const { endpoint, secret } = await this.secrets.rotate(act, id, rotation, manager);
      const answer = { ...toWebhookEndpointResponse(endpoint), secret };
      return { status: 201, body: answer, stored: { ...answer, secret: null } };
    });
  }
}
