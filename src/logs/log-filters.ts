import { toIdInterval } from '../common/id-interval.js';
import { decodeId, type IdPrefix } from '../common/ids.js';
import { assertInterval } from '../common/interval.js';
import type { Page } from '../common/pagination.js';
import { searchTerms } from '../common/search-text.js';
import { uuidAfter } from '../common/uuid-order.js';
import type { LogFilterQuery } from './logs.dto.js';
import { keptRequestId, type LogFilters } from './log.js';

/**
 * The filters of a query; nothing before `startMs` is given.
 * @throws AppError 422 for a reversed interval, or a `q` without a word.
 */
export function toLogFilters(query: LogFilterQuery, startMs: number): LogFilters {
  assertInterval(query.occurred_after, query.occurred_before, ['occurred_after', 'occurred_before']);
  return {
    ...toIdInterval(query, startMs),
    statuses: unique(query.status),
    categories: unique(query.category),
    actions: unique(query.action),
    operationIds: unique(query.operation_id),
    eventIds: decodeAll('evt', query.event_id),
    endpointIds: decodeAll('we', query.endpoint_id),
    apiKeyIds: decodeAll('key', query.api_key_id),
    requestIds: unique(query.request_id?.map(keptRequestId)),
    occurredAfter: query.occurred_after ?? null,
    occurredBefore: query.occurred_before ?? null,
    terms: query.q === undefined ? [] : searchTerms(query.q),
  };
}

/** The filters with the cursor's bound, which is never included. */
export function withCursor(filters: LogFilters, { after, before }: Pick<Page, 'after' | 'before'>): LogFilters {
  const above = before === null ? filters.from : uuidAfter(before);
  return {
    ...filters,
    from: above > filters.from ? above : filters.from,
    until: after !== null && (filters.until === null || after < filters.until) ? after : filters.until,
  };
}

function unique<T>(values: readonly T[] | undefined): T[] {
  return [...new Set(values)];
}

function decodeAll(prefix: IdPrefix, ids: readonly string[] | undefined): string[] {
  return unique(ids).map((id) => decodeId(prefix, id));
}
