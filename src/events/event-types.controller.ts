import { Controller, Get, Param, Query } from '@nestjs/common';
import { ApiOkResponse, ApiOperation, ApiParam, ApiTags } from '@nestjs/swagger';
import { Access, ANY_KEY_OR_PLATFORM } from '../auth/access.decorator.js';
import { AppError } from '../common/app-error.js';
import { EVENT_TYPE_PATTERN, MAX_EVENT_TYPE_LENGTH } from '../common/event-type-names.js';
import { ApiListResponse, assertOneCursor, type ListResponse, PageQuery, toList } from '../common/pagination.js';
import type { EventType } from './built-in-event-types.js';
import { EventCatalogue } from './event-catalogue.js';
import { EventTypeResponse, toEventTypeResponse } from './event-types.dto.js';

@ApiTags('Event types')
@Controller('v1/event-types')
export class EventTypesController {
  constructor(private readonly catalogue: EventCatalogue) {}

  @Get()
  @Access({ kinds: ANY_KEY_OR_PLATFORM, errors: ['invalid_input'] })
  @ApiOperation({ summary: 'List event types', description: "Cursors are types' names." })
  @ApiListResponse(EventTypeResponse)
  list(@Query() query: PageQuery): ListResponse<EventTypeResponse> {
    return pageOfTypes(this.catalogue.list(), query);
  }

  @Get(':type')
  @Access({ kinds: ANY_KEY_OR_PLATFORM, errors: ['not_found', 'invalid_input'] })
  @ApiOperation({ summary: 'One event type' })
  @ApiParam({ name: 'type', schema: { type: 'string', example: 'collect.failed' } })
  @ApiOkResponse({ type: EventTypeResponse })
  get(@Param('type') name: string): EventTypeResponse {
    assertTypeName(name);
    const type = this.catalogue.find(name);
    if (!type) throw new AppError('not_found', 'There is no such event type.');
    return toEventTypeResponse(type);
  }
}

/** @throws AppError 422 when `name` cannot be a type's. */
export function assertTypeName(name: string): void {
  if (name.length <= MAX_EVENT_TYPE_LENGTH && EVENT_TYPE_PATTERN.test(name)) return;
  throw AppError.invalid([{ field: 'type', code: 'invalid_format', message: 'Use a name such as payment.failed.' }]);
}

/** A page of types that lie in memory, newest first. @throws AppError 422 for a cursor that is no type. */
export function pageOfTypes(types: readonly EventType[], query: PageQuery): ListResponse<EventTypeResponse> {
  assertOneCursor(query);
  const { limit, starting_after, ending_before } = query;
  if (ending_before !== undefined) {
    const newer = types.slice(0, positionOf(types, ending_before, 'ending_before')).reverse();
    return toList(newer.slice(0, limit + 1), limit, toEventTypeResponse, true);
  }
  const start = starting_after === undefined ? 0 : positionOf(types, starting_after, 'starting_after') + 1;
  return toList(types.slice(start, start + limit + 1), limit, toEventTypeResponse);
}

function positionOf(types: readonly EventType[], name: string, field: string): number {
  const position = types.findIndex(({ type }) => type === name);
  if (position < 0) throw AppError.invalid([{ field, code: 'unknown_cursor', message: 'Use the name of a type.' }]);
  return position;
}
