import { searchPattern } from '../../common/search-text.js';
import type { LogFilters } from '../log.js';
import type { StreamedLogRow } from './streamed-log.js';

export type LogMatcher = (log: StreamedLogRow) => boolean;

/** The filters of the list as a test on one log, with the meaning that the statements of the list give them. */
export function logMatcher(filters: LogFilters): LogMatcher {
  const tests: LogMatcher[] = [({ id }) => id >= filters.from];
  const oneOf = (values: readonly string[], valueOf: (log: StreamedLogRow) => string | null): void => {
    if (values.length === 0) return;
    const wanted: ReadonlySet<string | null> = new Set(values);
    tests.push((log) => wanted.has(valueOf(log)));
  };

  const { until, terms, occurredAfter, occurredBefore } = filters;
  if (until !== null) tests.push(({ id }) => id < until);
  oneOf(filters.statuses, ({ status }) => status);
  oneOf(filters.categories, ({ category }) => category);
  oneOf(filters.actions, ({ action }) => action);
  oneOf(filters.operationIds, (log) => log.operation_id);
  oneOf(filters.eventIds, (log) => log.event_id);
  oneOf(filters.endpointIds, (log) => log.endpoint_id);
  oneOf(filters.apiKeyIds, (log) => log.api_key_id);
  oneOf(filters.requestIds, (log) => log.request_id);
  if (terms.length > 0) {
    const beginnings = terms.map((term) => searchPattern(term).slice(1, -1));
    tests.push(({ search }) => beginnings.every((beginning) => search.includes(beginning)));
  }
  if (occurredAfter !== null) {
    const afterMs = Date.parse(occurredAfter);
    tests.push((log) => log.occurred_at.getTime() >= afterMs);
  }
  if (occurredBefore !== null) {
    const beforeMs = Date.parse(occurredBefore);
    tests.push((log) => log.occurred_at.getTime() < beforeMs);
  }
  return (log) => tests.every((test) => test(log));
}
