import { Controller, Get, Header, Query } from '@nestjs/common';
import { ApiOkResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import { Access, SECRET_ROUTE } from '../auth/access.decorator.js';
import type { TenantCaller } from '../auth/caller.js';
import { CurrentCaller } from '../auth/current-caller.decorator.js';
import { BOUNDED_SEARCH } from '../common/bounded-search.js';
import { IdParam } from '../common/http/id-param.decorator.js';
import { ApiListResponse, type ListResponse, PageQuery } from '../common/pagination.js';
import { DeliverySummaryResponse } from '../deliveries/deliveries.dto.js';
import { EventResponse } from './event.dto.js';
import { EventsQuery } from './events-query.dto.js';
import { EventsQueryService } from './events-query.service.js';

/** Text goes out as it is; the type says that it is JSON already. */
const SendAsJson = (): MethodDecorator => Header('content-type', 'application/json; charset=utf-8');

/** Reading events. Publishing has a controller of its own. */
@ApiTags('Events')
@Controller('v1/events')
export class EventsController {
  constructor(private readonly events: EventsQueryService) {}

  @Get()
  @Access({ kinds: SECRET_ROUTE, scope: 'events:read', errors: ['invalid_input'] })
  @ApiOperation({
    summary: 'List events',
    description: `Those that pass all filters, newest first. ${BOUNDED_SEARCH}`,
  })
  @ApiListResponse(EventResponse)
  @SendAsJson()
  list(@CurrentCaller() caller: TenantCaller, @Query() query: EventsQuery): Promise<string> {
    return this.events.list(caller, query);
  }

  @Get(':id')
  @Access({ kinds: SECRET_ROUTE, scope: 'events:read', errors: ['not_found', 'expired', 'invalid_input'] })
  @ApiOperation({ summary: 'One event', description: 'Byte for byte as it is sent to webhooks.' })
  @ApiOkResponse({ type: EventResponse })
  @SendAsJson()
  get(@CurrentCaller() caller: TenantCaller, @IdParam('evt') id: string): Promise<string> {
    return this.events.get(caller, id);
  }

  @Get(':id/deliveries')
  @Access({ kinds: SECRET_ROUTE, scope: 'deliveries:read', errors: ['not_found', 'expired', 'invalid_input'] })
  @ApiOperation({ summary: "List an event's deliveries", description: 'Without their attempts.' })
  @ApiListResponse(DeliverySummaryResponse)
  listDeliveries(
    @CurrentCaller() caller: TenantCaller,
    @IdParam('evt') id: string,
    @Query() query: PageQuery,
  ): Promise<ListResponse<DeliverySummaryResponse>> {
    return this.events.listDeliveries(caller, id, query);
  }
}
