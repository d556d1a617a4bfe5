import { Controller, Get } from '@nestjs/common';
import { ApiOkResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import { AccountsService } from '../accounts/accounts.service.js';
import { Access, ANY_KEY } from '../auth/access.decorator.js';
import type { TenantCaller } from '../auth/caller.js';
import { CurrentCaller } from '../auth/current-caller.decorator.js';
import { Clock } from '../common/clock.js';
import { retentionStartMs } from '../common/retention.js';
import { AppConfig } from '../config/app-config.js';
import { OwnAccountResponse, type RetentionResponse, toOwnAccountResponse } from './own-account.dto.js';

@ApiTags('Account')
@Controller('v1/account')
export class OwnAccountController {
  constructor(
    private readonly accounts: AccountsService,
    private readonly config: AppConfig,
    private readonly clock: Clock,
  ) {}

  @Get()
  @ApiOperation({ summary: 'Get the account, mode and key of this request' })
  @ApiOkResponse({ type: OwnAccountResponse })
  @Access({ kinds: ANY_KEY })
  async get(@CurrentCaller() caller: TenantCaller): Promise<OwnAccountResponse> {
    return toOwnAccountResponse(await this.accounts.get(caller.accountId), caller, this.retention());
  }

  private retention(): RetentionResponse {
    const { retentionDays: days, attemptRetentionDays: attempt_days } = this.config;
    const oldest = new Date(retentionStartMs(this.clock.now(), days));
    return { days, attempt_days, oldest_at: oldest.toISOString() };
  }
}
