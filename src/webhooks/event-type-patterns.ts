import { BUILT_IN_EVENT_TYPES } from '../common/event-type-names.js';

/** What an endpoint may name: a type, every type of a noun (`payment.*`), or `*`. */
export const ENDPOINT_EVENT_TYPE_PATTERN = /^(\*|[a-z][a-z0-9_]*\.([a-z][a-z0-9_]*|\*))$/;

/** Whether `pattern` stands for `type`; the same rule as that of the statement that plans deliveries. */
export function matchesType(pattern: string, type: string): boolean {
  if (pattern === '*' || pattern === type) return true;
  return pattern.endsWith('.*') && type.startsWith(pattern.slice(0, -1));
}

/**
 * The positions of patterns that stand for no type at all.
 * @param customTypes the registered types beside the built-in ones
 */
export function positionsWithoutType(patterns: readonly string[], customTypes: readonly string[]): number[] {
  const types = [...BUILT_IN_EVENT_TYPES, ...customTypes];
  return patterns.flatMap((pattern, index) => (types.some((type) => matchesType(pattern, type)) ? [] : [index]));
}
