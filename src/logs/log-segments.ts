import { firstUuidAt, uuidTime } from '../common/ids.js';
import { LAST_UUID } from '../common/uuid-order.js';
import type { LogFilters } from './log.js';
import { ON_TIME_MS } from './log-words.js';

/** A range of ids that a search goes through as one: at most a month, which is a partition. */
export interface LogSegment {
  readonly from: string;
  readonly until: string;
  /** Nothing in it can pass but logs recorded long before or after they happened. */
  readonly isOffTime: boolean;
}

/**
 * What the filters leave to search, oldest first: split where months begin, and where an interval of `occurred_at`
 * leaves only logs that are off time. Nothing is recorded after the month that follows that of `now`.
 */
export function logSegments(filters: LogFilters, now: Date): LogSegment[] {
  if (isEmpty(filters)) return [];
  const until = [filters.until ?? LAST_UUID, endOfRecording(now)].sort()[0]!;
  const [onTimeFrom, onTimeUntil] = onTimeRange(filters);
  const edges = [...monthStarts(uuidTime(filters.from), now), onTimeFrom, onTimeUntil]
    .filter((edge): edge is string => edge !== null && edge > filters.from && edge < until)
    .sort();
  return [filters.from, ...new Set(edges)].flatMap((from, index, all) => {
    const end = all[index + 1] ?? until;
    const isOffTime = (onTimeFrom !== null && from < onTimeFrom) || (onTimeUntil !== null && from >= onTimeUntil);
    return from < end ? [{ from, until: end, isOffTime }] : [];
  });
}

/** Where logs that happened within the interval and are on time can be. */
function onTimeRange({ occurredAfter, occurredBefore }: LogFilters): [string | null, string | null] {
  return [
    occurredAfter === null ? null : firstUuidAt(Date.parse(occurredAfter) - ON_TIME_MS),
    occurredBefore === null ? null : firstUuidAt(Date.parse(occurredBefore) + ON_TIME_MS),
  ];
}

/** The whole month that a segment lies in. */
export function monthOf({ from }: LogSegment): { from: string; until: string } {
  const date = new Date(uuidTime(from));
  const [year, month] = [date.getUTCFullYear(), date.getUTCMonth()];
  return { from: firstUuidAt(Date.UTC(year, month)), until: firstUuidAt(Date.UTC(year, month + 1)) };
}

function isEmpty({ occurredAfter, occurredBefore }: LogFilters): boolean {
  return occurredAfter !== null && occurredBefore !== null && Date.parse(occurredAfter) >= Date.parse(occurredBefore);
}

/** Where the month after that of `now` ends. */
function endOfRecording(now: Date): string {
  return firstUuidAt(Date.UTC(now.getUTCFullYear(), now.getUTCMonth() + 2));
}

/** Of the months after that of `fromMs`, up to the one that follows `now`. */
function monthStarts(fromMs: number, now: Date): string[] {
  const from = new Date(fromMs);
  const lastMs = Date.UTC(now.getUTCFullYear(), now.getUTCMonth() + 1);
  const starts: string[] = [];
  for (let month = from.getUTCMonth() + 1; ; month += 1) {
    const startMs = Date.UTC(from.getUTCFullYear(), month);
    if (startMs > lastMs) return starts;
    starts.push(firstUuidAt(startMs));
  }
}
