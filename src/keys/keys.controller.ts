import { Body, Controller, Delete, Get, HttpCode, Patch, Post, Query, Req, Res } from '@nestjs/common';
import { ApiCreatedResponse, ApiOkResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { Access, SECRET_KEY_ONLY } from '../auth/access.decorator.js';
import type { TenantCaller } from '../auth/caller.js';
import { CurrentCaller } from '../auth/current-caller.decorator.js';
import { IdParam } from '../common/http/id-param.decorator.js';
import { ApiListResponse, type ListResponse, PageQuery, toList, toPage } from '../common/pagination.js';
import { Idempotency } from '../database/idempotency.js';
import { KeyIssuer } from './key-issuer.js';
import { toKeyChange, toKeyRules } from './key-input.js';
import {
  ApiKeyResponse,
  ChangeKeyBody,
  CreateRestrictedKeyBody,
  KeyPairResponse,
  RegenerateKeysBody,
  toApiKeyResponse,
} from './keys.dto.js';
import { KeysRepository } from './keys.repository.js';
import { KeysService } from './keys.service.js';

@ApiTags('API keys')
@Controller('v1/api-keys')
export class KeysController {
  constructor(
    private readonly keys: KeysService,
    private readonly repository: KeysRepository,
    private readonly issuer: KeyIssuer,
    private readonly idempotency: Idempotency,
  ) {}

  @Get()
  @ApiOperation({ summary: 'List API keys', description: 'Also the ones that ended. Secrets are never shown again.' })
  @ApiListResponse(ApiKeyResponse)
  @Access({ kinds: SECRET_KEY_ONLY })
  async list(@CurrentCaller() caller: TenantCaller, @Query() query: PageQuery): Promise<ListResponse<ApiKeyResponse>> {
    const { limit, after, before } = toPage(query, 'key');
    const rows = await this.repository.list(caller, { startingAfter: after, endingBefore: before, count: limit + 1 });
    return toList(rows, limit, (row) => toApiKeyResponse(row), before !== null);
  }

  @Get(':id')
  @ApiOperation({ summary: 'Get an API key' })
  @ApiOkResponse({ type: ApiKeyResponse })
  @Access({ kinds: SECRET_KEY_ONLY, errors: ['not_found'] })
  async get(@CurrentCaller() caller: TenantCaller, @IdParam('key') id: string): Promise<ApiKeyResponse> {
    return toApiKeyResponse(await this.keys.get(caller, id));
  }

  @Post('regenerate')
  @ApiOperation({
    summary: 'Regenerate the key pair',
    description:
      'Gives a new public and secret key for the mode of the caller. The present pair ends now, or after `expire_previous_in` seconds; its row then tells who still uses it. The whole secret key is in this answer and nowhere else. 30 at once and then one every two seconds, for an account and mode.',
  })
  @ApiCreatedResponse({ type: KeyPairResponse })
  @Access({
    kinds: SECRET_KEY_ONLY,
    limit: 'regenerate',
    errors: ['idempotency_key_reused', 'idempotency_in_progress'],
  })
  async regenerate(
    @CurrentCaller() caller: TenantCaller,
    @Body() body: RegenerateKeysBody,
    @Req() request: FastifyRequest,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<object> {
    const issued = await this.issuer.issuePair(caller.mode);
    const answered = await this.idempotency.run(request, reply, async (manager) => {
      const action = { caller, requestId: request.id };
      const { publicKey, secretKey } = await this.keys.regenerate(action, issued, body.expire_previous_in, manager);
      const answer = (whole: boolean): KeyPairResponse => ({
        public_key: toApiKeyResponse(publicKey),
        secret_key: toApiKeyResponse(secretKey, whole ? issued.secretKey.wholeKey : null),
      });
      return { status: 201, body: answer(true), stored: answer(false) };
    });
    this.keys.applyChange(caller);
    return answered;
  }

  @Post()
  @ApiOperation({
    summary: 'Create a restricted key',
    description:
      'A key with scopes. The whole key is in this answer and nowhere else. An account has at most 100 in each mode, and may make 30 at once and then one every two seconds.',
  })
  @ApiCreatedResponse({ type: ApiKeyResponse })
  @Access({
    kinds: SECRET_KEY_ONLY,
    limit: 'create_key',
    errors: ['limit_reached', 'idempotency_key_reused', 'idempotency_in_progress'],
  })
  async create(
    @CurrentCaller() caller: TenantCaller,
    @Body() body: CreateRestrictedKeyBody,
    @Req() request: FastifyRequest,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<object> {
    const issued = await this.issuer.issue('restricted', caller.mode, toKeyRules(body));
    return this.idempotency.run(request, reply, async (manager) => {
      const row = await this.keys.createRestricted({ caller, requestId: request.id }, issued, manager);
      return { status: 201, body: toApiKeyResponse(row, issued.wholeKey), stored: toApiKeyResponse(row) };
    });
  }

  @Patch(':id')
  @ApiOperation({ summary: 'Rename an API key, or change from where it may be used' })
  @ApiOkResponse({ type: ApiKeyResponse })
  @Access({ kinds: SECRET_KEY_ONLY, errors: ['not_found'] })
  async change(
    @CurrentCaller() caller: TenantCaller,
    @IdParam('key') id: string,
    @Body() body: ChangeKeyBody,
    @Req() request: FastifyRequest,
  ): Promise<ApiKeyResponse> {
    const change = toKeyChange(body);
    return toApiKeyResponse(await this.keys.change({ caller, requestId: request.id }, id, change));
  }

  @Delete(':id')
  @HttpCode(200)
  @ApiOperation({
    summary: 'Revoke an API key',
    description: 'Ends a restricted key, or one of a replaced pair, everywhere within a second.',
  })
  @ApiOkResponse({ type: ApiKeyResponse })
  @Access({ kinds: SECRET_KEY_ONLY, errors: ['not_found', 'use_regenerate'] })
  async revoke(
    @CurrentCaller() caller: TenantCaller,
    @IdParam('key') id: string,
    @Req() request: FastifyRequest,
  ): Promise<ApiKeyResponse> {
    return toApiKeyResponse(await this.keys.revoke({ caller, requestId: request.id }, id));
  }
}
