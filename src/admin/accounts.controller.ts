import { Body, Controller, Get, Patch, Post, Query, Req, Res } from '@nestjs/common';
import { ApiCreatedResponse, ApiOkResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { AccountsService } from '../accounts/accounts.service.js';
import { Access, ADMIN_ONLY } from '../auth/access.decorator.js';
import type { Caller } from '../auth/caller.js';
import { CurrentCaller } from '../auth/current-caller.decorator.js';
import { IdParam } from '../common/http/id-param.decorator.js';
import { ApiListResponse, type ListResponse, toList, toPage } from '../common/pagination.js';
import { Idempotency } from '../database/idempotency.js';
import { AccountAdmin } from './account-admin.service.js';
import {
  AccountResponse,
  AccountsQuery,
  ChangeAccountBody,
  CreateAccountBody,
  CreatedAccountResponse,
  toAccountResponse,
  toCreatedAccountResponse,
} from './accounts.dto.js';

@ApiTags('Admin: accounts')
@Controller('v1/admin/accounts')
export class AdminAccountsController {
  constructor(
    private readonly admin: AccountAdmin,
    private readonly accounts: AccountsService,
    private readonly idempotency: Idempotency,
  ) {}

  @Post()
  @ApiOperation({
    summary: 'Create an account',
    description: 'With a key pair for each mode. The whole secret keys are in this answer and nowhere else.',
  })
  @ApiCreatedResponse({ type: CreatedAccountResponse })
  @Access({
    kinds: ADMIN_ONLY,
    errors: ['external_id_conflict', 'idempotency_key_reused', 'idempotency_in_progress'],
  })
  async create(
    @CurrentCaller() caller: Caller,
    @Body() body: CreateAccountBody,
    @Req() request: FastifyRequest,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<object> {
    const pairs = await this.admin.issuePairs();
    return this.idempotency.run(request, reply, async (manager) => {
      const created = await this.admin.create({ caller, requestId: request.id }, body, pairs, manager);
      const stored = toCreatedAccountResponse(created, { withSecrets: false });
      return { status: 201, body: toCreatedAccountResponse(created, { withSecrets: true }), stored };
    });
  }

  @Get()
  @ApiOperation({ summary: 'List accounts' })
  @ApiListResponse(AccountResponse)
  @Access({ kinds: ADMIN_ONLY })
  async list(@Query() query: AccountsQuery): Promise<ListResponse<AccountResponse>> {
    const { limit, after, before } = toPage(query, 'acct');
    const page = { limit, startingAfter: after, endingBefore: before, externalIds: query.external_id };
    return toList(await this.accounts.list(page), limit, toAccountResponse, before !== null);
  }

  @Get(':id')
  @ApiOperation({ summary: 'Get an account' })
  @ApiOkResponse({ type: AccountResponse })
  @Access({ kinds: ADMIN_ONLY, errors: ['not_found'] })
  async get(@IdParam('acct') id: string): Promise<AccountResponse> {
    return toAccountResponse(await this.accounts.get(id));
  }

  @Patch(':id')
  @ApiOperation({
    summary: 'Change an account',
    description: 'Suspending refuses its keys within a second and pauses its deliveries; nothing is lost.',
  })
  @ApiOkResponse({ type: AccountResponse })
  @Access({ kinds: ADMIN_ONLY, errors: ['not_found', 'external_id_conflict'] })
  async change(
    @CurrentCaller() caller: Caller,
    @IdParam('acct') id: string,
    @Body() body: ChangeAccountBody,
    @Req() request: FastifyRequest,
  ): Promise<AccountResponse> {
    return toAccountResponse(await this.admin.change({ caller, requestId: request.id }, id, body));
  }
}
