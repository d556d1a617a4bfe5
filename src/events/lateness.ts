import { firstUuidAt } from '../common/ids.js';
import { LAST_UUID } from '../common/uuid-order.js';

/** An event is late when it is accepted this long after it happened, or longer. */
const LATE_FROM_MS = 10 * 60_000;
/** The last class has no end; nothing is older than the longest retention, ten years, which is twice its beginning. */
const CLASSES = Array.from({ length: 19 }, (_, index) => index + 1);

/** The least lateness of a class. */
const firstMsOf = (lateness: number): number => LATE_FROM_MS * 2 ** (lateness - 1);

/** The predicate of the index events_late, word for word. */
export const IS_LATE = `e.occurred_at
  <= to_timestamp(('x' || translate(left(e.id::text, 13), '-', ''))::bit(48)::bigint / 1000.0 - 600)`;

/** The class of an event, which the index events_late holds; its function says where each begins. */
export const LATENESS = 'signalpost.lateness_class(e.id, e.occurred_at)';

/** In which ranges of ids the events of an interval of `occurred_at` may be; null: not asked for. */
export interface OccurredRanges {
  /** Where the events begin that happened before the interval's end only if they are late. */
  readonly nearOccurred: string | null;
  /** The classes of those, and from and until which id each class is to be looked through. */
  readonly latenesses: readonly number[] | null;
  readonly lateFrom: readonly string[] | null;
  readonly lateUntil: readonly string[] | null;
}

export function occurredRanges(occurredAfter: string | null, occurredBefore: string | null): OccurredRanges {
  if (occurredBefore === null) return { nearOccurred: null, latenesses: null, lateFrom: null, lateUntil: null };
  const afterMs = occurredAfter === null ? -Infinity : Date.parse(occurredAfter);
  const beforeMs = Date.parse(occurredBefore);
  const nearMs = beforeMs + LATE_FROM_MS;
  return {
    nearOccurred: firstUuidAt(nearMs),
    latenesses: CLASSES,
    lateFrom: CLASSES.map((lateness) => firstUuidAt(Math.max(nearMs, afterMs + firstMsOf(lateness)))),
    lateUntil: CLASSES.map((lateness) =>
      lateness === CLASSES.length ? LAST_UUID : firstUuidAt(beforeMs + firstMsOf(lateness + 1)),
    ),
  };
}
