import { PERIOD_MS, periodStartMs, type StatsPeriod } from './stats-periods.js';

/** Milliseconds since 1970: `fromMs` ≤ time < `untilMs`. */
export interface TimeRange {
  readonly fromMs: number;
  readonly untilMs: number;
}

/** From where each part of an interval is summed: whole days and hours are summed up already, the rest is counted. */
export interface StatsParts {
  readonly days: TimeRange;
  readonly hours: readonly [TimeRange, TimeRange];
  /** Less than an hour each. */
  readonly operations: readonly [TimeRange, TimeRange];
}

const NOTHING: TimeRange = { fromMs: 0, untilMs: 0 };

/** Divides an interval so that every moment of it lies in one part; days serve only a question by the day. */
export function statsParts(period: StatsPeriod, { fromMs, untilMs }: TimeRange): StatsParts {
  const hours = { fromMs: nextStartMs('hour', fromMs), untilMs: periodStartMs('hour', untilMs) };
  if (hours.fromMs > hours.untilMs) {
    return { days: NOTHING, hours: [NOTHING, NOTHING], operations: [{ fromMs, untilMs }, NOTHING] };
  }
  const operations: StatsParts['operations'] = [
    { fromMs, untilMs: hours.fromMs },
    { fromMs: hours.untilMs, untilMs },
  ];
  const days = { fromMs: nextStartMs('day', hours.fromMs), untilMs: periodStartMs('day', hours.untilMs) };
  if (period === 'hour' || days.fromMs > days.untilMs) return { days: NOTHING, hours: [hours, NOTHING], operations };
  return {
    days,
    hours: [
      { fromMs: hours.fromMs, untilMs: days.fromMs },
      { fromMs: days.untilMs, untilMs: hours.untilMs },
    ],
    operations,
  };
}

/** The first start of a period at `timeMs` or later. */
function nextStartMs(period: StatsPeriod, timeMs: number): number {
  return periodStartMs(period, timeMs + PERIOD_MS[period] - 1);
}
