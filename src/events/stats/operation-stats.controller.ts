import { Controller, Get, Query } from '@nestjs/common';
import { ApiOkResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import { Access, SECRET_ROUTE } from '../../auth/access.decorator.js';
import type { TenantCaller } from '../../auth/caller.js';
import { CurrentCaller } from '../../auth/current-caller.decorator.js';
import { OperationStatsQuery, OperationStatsResponse } from './operation-stats.dto.js';
import { OperationStatsService } from './operation-stats.service.js';

@ApiTags('Operations')
@Controller('v1/stats/operations')
export class OperationStatsController {
  constructor(private readonly stats: OperationStatsService) {}

  @Get()
  @Access({ kinds: SECRET_ROUTE, scope: 'stats:read', errors: ['invalid_input'] })
  @ApiOperation({
    summary: 'Count and sum up operations',
    description:
      'Per hour or day in which they began (UTC), kind, current status and currency. Exact at every moment: an ' +
      'operation that is refunded later moves from `succeeded` to `refunded` in the interval in which it began.',
  })
  @ApiOkResponse({ type: OperationStatsResponse })
  read(@CurrentCaller() caller: TenantCaller, @Query() query: OperationStatsQuery): Promise<OperationStatsResponse> {
    return this.stats.read(caller, query);
  }
}
