import { Controller, Get, Query } from '@nestjs/common';
import { ApiOkResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import { Access, SECRET_ROUTE } from '../auth/access.decorator.js';
import type { TenantCaller } from '../auth/caller.js';
import { CurrentCaller } from '../auth/current-caller.decorator.js';
import { IdParam } from '../common/http/id-param.decorator.js';
import { ApiListResponse, type ListResponse } from '../common/pagination.js';
import { DeliveriesService } from './deliveries.service.js';
import { DeliveriesQuery, DeliveryResponse, DeliverySummaryResponse } from './deliveries.dto.js';

@ApiTags('Deliveries')
@Controller('v1/deliveries')
export class DeliveriesController {
  constructor(private readonly deliveries: DeliveriesService) {}

  @Get()
  @Access({ kinds: SECRET_ROUTE, scope: 'deliveries:read', errors: ['invalid_input'] })
  @ApiOperation({ summary: 'List deliveries', description: 'Without their attempts.' })
  @ApiListResponse(DeliverySummaryResponse)
  list(
    @CurrentCaller() caller: TenantCaller,
    @Query() query: DeliveriesQuery,
  ): Promise<ListResponse<DeliverySummaryResponse>> {
    return this.deliveries.list(caller, query);
  }

  @Get(':id')
  @Access({ kinds: SECRET_ROUTE, scope: 'deliveries:read', errors: ['not_found', 'invalid_input'] })
  @ApiOperation({ summary: 'One delivery with its attempts' })
  @ApiOkResponse({ type: DeliveryResponse })
  get(@CurrentCaller() caller: TenantCaller, @IdParam('del') id: string): Promise<DeliveryResponse> {
    return this.deliveries.get(caller, id);
  }
}
