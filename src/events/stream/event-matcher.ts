import type { EventFilters } from '../event-filters.js';
import type { StreamedEvent } from './streamed-event.js';

export type EventMatcher = (event: StreamedEvent) => boolean;

/**
 * The filters of the list as a test on one event, with the meaning that `EventsQueryRepository` gives them in SQL:
 * values of one filter mean or, filters mean and, and what an event does not have matches nothing.
 */
export function eventMatcher(filters: EventFilters): EventMatcher {
  const tests: EventMatcher[] = [];
  const oneOf = (values: readonly string[], valueOf: (event: StreamedEvent) => string | null): void => {
    if (values.length === 0) return;
    const wanted: ReadonlySet<string | null> = new Set(values);
    tests.push((event) => wanted.has(valueOf(event)));
  };

  const { from, until, types, nouns, terms, deliveryStatuses } = filters;
  tests.push(({ row }) => row.id >= from);
  if (until !== null) tests.push(({ row }) => row.id < until);
  if (types.length > 0 || nouns.length > 0) {
    tests.push(({ row }) => types.includes(row.type) || nouns.includes(nounOf(row.type)));
  }
  oneOf(filters.operationIds, ({ row }) => row.operationId);
  oneOf(filters.operationKinds, ({ row }) => row.operationKind);
  oneOf(filters.operationStatuses, ({ row }) => row.operationStatus);
  oneOf(filters.references, ({ row }) => row.reference);
  oneOf(filters.externalIds, ({ row }) => row.externalId);
  if (terms.length > 0) tests.push(({ row }) => terms.every((term) => row.search.includes(` ${term}`)));
  if (filters.occurredAfter !== null) {
    const afterMs = Date.parse(filters.occurredAfter);
    tests.push(({ row }) => row.occurredAtMs >= afterMs);
  }
  if (filters.occurredBefore !== null) {
    const beforeMs = Date.parse(filters.occurredBefore);
    tests.push(({ row }) => row.occurredAtMs < beforeMs);
  }
  if (deliveryStatuses.length > 0) {
    tests.push((event) => deliveryStatuses.some((status) => event.deliveryStatuses?.has(status)));
  }
  return (event) => tests.every((test) => test(event));
}

function nounOf(type: string): string {
  return type.slice(0, type.indexOf('.'));
}
