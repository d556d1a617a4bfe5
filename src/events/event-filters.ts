import type { IdInterval } from '../common/id-interval.js';
import { searchPattern } from '../common/search-text.js';
import type { DeliveryStatus } from '../deliveries/delivery-rows.js';

/** Values of one filter mean or, different filters mean and; an empty list filters nothing. */
export interface EventFilters extends IdInterval {
  readonly types: readonly string[];
  /** What stands before `.*`: every type of that noun. */
  readonly nouns: readonly string[];
  readonly operationIds: readonly string[];
  readonly operationKinds: readonly string[];
  readonly operationStatuses: readonly string[];
  readonly references: readonly string[];
  readonly externalIds: readonly string[];
  /** Beginnings of words, all of which must be found. */
  readonly terms: readonly string[];
  readonly occurredAfter: string | null;
  readonly occurredBefore: string | null;
  /** Events with at least one delivery that stands so. */
  readonly deliveryStatuses: readonly DeliveryStatus[];
}

/** What a filter asks for; `time` is of occurrence, for that of acceptance is a range of ids. */
export type EventCondition =
  'type' | 'kind' | 'status' | 'operation' | 'reference' | 'external' | 'words' | 'time' | 'delivery';

/** The conditions that these filters make. */
export function conditionsOf(filters: EventFilters): Set<EventCondition> {
  const used: Record<EventCondition, boolean> = {
    type: filters.types.length > 0 || filters.nouns.length > 0,
    kind: filters.operationKinds.length > 0,
    status: filters.operationStatuses.length > 0,
    operation: filters.operationIds.length > 0,
    reference: filters.references.length > 0,
    external: filters.externalIds.length > 0,
    words: filters.terms.length > 0,
    time: filters.occurredAfter !== null || filters.occurredBefore !== null,
    delivery: filters.deliveryStatuses.length > 0,
  };
  return new Set((Object.keys(used) as EventCondition[]).filter((condition) => used[condition]));
}

/** The values of the statements on events; null: not asked for. */
export function filterValues(filters: EventFilters) {
  return {
    types: filters.types,
    nouns: filters.nouns,
    hasTypes: filters.types.length > 0 || filters.nouns.length > 0,
    kinds: orNull(filters.operationKinds),
    statuses: orNull(filters.operationStatuses),
    operationIds: orNull(filters.operationIds),
    references: orNull(filters.references),
    externalIds: orNull(filters.externalIds),
    patterns: filters.terms.map(searchPattern),
    occurredAfter: filters.occurredAfter,
    occurredBefore: filters.occurredBefore,
    deliveryStatuses: filters.deliveryStatuses,
  };
}

function orNull(values: readonly string[]): readonly string[] | null {
  return values.length > 0 ? values : null;
}
