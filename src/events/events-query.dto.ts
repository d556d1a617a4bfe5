import type { DeliveryStatus } from '../deliveries/delivery-rows.js';
import { DELIVERY_STATUSES } from '../deliveries/delivery-rows.js';
import { EVENT_TYPE_OR_NOUN_PATTERN, MAX_EVENT_TYPE_LENGTH } from '../common/event-type-names.js';
import { EnumField, StringField, TimeField } from '../common/fields.js';
import { toIdInterval } from '../common/id-interval.js';
import { assertInterval } from '../common/interval.js';
import { PageQuery } from '../common/pagination.js';
import { searchTerms } from '../common/search-text.js';
import { OPERATION_KINDS, OPERATION_STATUSES } from './operation-traits.js';
import type { EventFilters } from './event-filters.js';

const filter = { example: null, optional: true, isArray: true, maxItems: 20 };

/** Repeating a filter means or, different filters mean and. */
export class EventsQuery extends PageQuery {
  @StringField({
    ...filter,
    description: 'Events of this type, or of all types of a noun, as `payment.*`.',
    maxLength: MAX_EVENT_TYPE_LENGTH,
    pattern: EVENT_TYPE_OR_NOUN_PATTERN,
    patternMessage: 'Use a type such as payment.failed, or payment.* for all of a noun.',
  })
  type?: string[];

  @StringField({ ...filter, description: 'Events of this operation.', maxLength: 128 })
  operation_id?: string[];

  @EnumField({ ...filter, description: 'As the event carries it.', values: OPERATION_KINDS })
  operation_kind?: string[];

  @EnumField({ ...filter, description: 'As the event carries it.', values: OPERATION_STATUSES })
  operation_status?: string[];

  @StringField({ ...filter, description: "The operation's reference, as the event carries it.", maxLength: 200 })
  reference?: string[];

  @StringField({ ...filter, description: "The producer's own id.", maxLength: 255 })
  external_id?: string[];

  @StringField({
    description: 'Words and beginnings of words, all of which stand in the reference, ids or customer.',
    example: null,
    optional: true,
    maxLength: 500,
  })
  q?: string;

  @TimeField({ description: 'Accepted at this time or later.', example: null, optional: true })
  created_after?: string;

  @TimeField({ description: 'Accepted before this time.', example: null, optional: true })
  created_before?: string;

  @TimeField({ description: 'Happened at this time or later.', example: null, optional: true })
  occurred_after?: string;

  @TimeField({ description: 'Happened before this time.', example: null, optional: true })
  occurred_before?: string;

  @EnumField({ ...filter, description: 'At least one delivery of the event stands so.', values: DELIVERY_STATUSES })
  delivery_status?: DeliveryStatus[];
}

const NOUN_ENDING = '.*';

/**
 * The filters of a query; nothing before `startMs` is given.
 * @throws AppError 422 for a reversed interval or a `q` without a word.
 */
export function toEventFilters(query: Omit<EventsQuery, keyof PageQuery>, startMs: number): EventFilters {
  assertInterval(query.occurred_after, query.occurred_before, ['occurred_after', 'occurred_before']);
  const types = [...new Set(query.type)];
  return {
    types: types.filter((type) => !type.endsWith(NOUN_ENDING)),
    nouns: types.filter((type) => type.endsWith(NOUN_ENDING)).map((type) => type.slice(0, -NOUN_ENDING.length)),
    operationIds: [...new Set(query.operation_id)],
    operationKinds: query.operation_kind ?? [],
    operationStatuses: query.operation_status ?? [],
    references: [...new Set(query.reference)],
    externalIds: [...new Set(query.external_id)],
    terms: query.q === undefined ? [] : searchTerms(query.q),
    occurredAfter: query.occurred_after ?? null,
    occurredBefore: query.occurred_before ?? null,
    deliveryStatuses: query.delivery_status ?? [],
    ...toIdInterval(query, startMs),
  };
}
