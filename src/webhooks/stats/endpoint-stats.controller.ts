import { Controller, Get, Query } from '@nestjs/common';
import { ApiOkResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import { Access, SECRET_ROUTE } from '../../auth/access.decorator.js';
import type { TenantCaller } from '../../auth/caller.js';
import { CurrentCaller } from '../../auth/current-caller.decorator.js';
import { IdParam } from '../../common/http/id-param.decorator.js';
import { EndpointStatsQuery, EndpointStatsResponse } from './endpoint-stats.dto.js';
import { EndpointStatsService } from './endpoint-stats.service.js';

@ApiTags('Webhooks')
@Controller('v1/webhook-endpoints/:id/stats')
export class EndpointStatsController {
  constructor(private readonly stats: EndpointStatsService) {}

  @Get()
  @Access({ kinds: SECRET_ROUTE, scope: 'stats:read', errors: ['not_found', 'invalid_input'] })
  @ApiOperation({
    summary: "Count an endpoint's attempts",
    description:
      'Per hour or day in which they began (UTC). Counts are exact; latencies within 5 %. Whole hours are counted. ' +
      'Test sends are not.',
  })
  @ApiOkResponse({ type: EndpointStatsResponse })
  read(
    @CurrentCaller() { accountId, mode }: TenantCaller,
    @IdParam('we') id: string,
    @Query() query: EndpointStatsQuery,
  ): Promise<EndpointStatsResponse> {
    return this.stats.read({ accountId, mode, id }, query);
  }
}
