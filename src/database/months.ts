import { firstUuidAt, uuidTime } from '../common/ids.js';
import type { KeyRange } from './filtered-walk.js';

/**
 * The part of a range of ids that lies in one month, so in one partition: the newest, or the oldest with `upwards`.
 * What lies beyond `nowMs` goes with the present month.
 */
export function nearestMonth({ from, until }: KeyRange<string>, upwards: boolean, nowMs: number): KeyRange<string> {
  if (upwards) {
    const end = monthEdge(uuidTime(from), 1);
    return { from, until: uuidTime(from) >= monthStartMs(nowMs) || end > until ? until : end };
  }
  // The bound itself is not in the range.
  const start = monthEdge(Math.min(uuidTime(until) - (isMonthStart(until) ? 1 : 0), nowMs), 0);
  return { from: start < from ? from : start, until };
}

/** The ids of a month; without an end where it is the present one or a later one. */
export interface WholeMonth {
  readonly from: string;
  readonly until: string | null;
}

/** The month that a range of `nearestMonth` lies in. */
export function wholeMonth({ from }: KeyRange<string>, nowMs: number): WholeMonth {
  const isPresent = uuidTime(from) >= monthStartMs(nowMs);
  return { from: monthEdge(uuidTime(from), 0), until: isPresent ? null : monthEdge(uuidTime(from), 1) };
}

function isMonthStart(uuid: string): boolean {
  return uuid === monthEdge(uuidTime(uuid), 0);
}

function monthStartMs(timeMs: number, months = 0): number {
  const time = new Date(timeMs);
  return Date.UTC(time.getUTCFullYear(), time.getUTCMonth() + months);
}

function monthEdge(timeMs: number, months: number): string {
  return firstUuidAt(monthStartMs(timeMs, months));
}
