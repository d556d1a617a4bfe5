import fc from 'fast-check';
import { statsParts, type TimeRange } from './stats-parts.js';
import { PERIOD_MS, STATS_PERIODS } from './stats-periods.js';

const DAY = Date.UTC(2026, 10, 2);
const at = (days: number, hours = 0, minutes = 0): number => DAY + ((days * 24 + hours) * 60 + minutes) * 60_000;
const range = (fromMs: number, untilMs: number): TimeRange => ({ fromMs, untilMs });
const isFull = ({ fromMs, untilMs }: TimeRange): boolean => fromMs < untilMs;

describe('the parts of an interval', () => {
  it('cover every moment of it once, are full periods, and leave less than an hour at either end', () => {
    const timeMs = fc.integer({ min: at(-3), max: at(3) });
    fc.assert(
      fc.property(timeMs, timeMs, fc.constantFrom(...STATS_PERIODS), (one, other, period) => {
        const whole = range(Math.min(one, other), Math.max(one, other));
        const { days, hours, operations } = statsParts(period, whole);
        const parts = [days, ...hours, ...operations].filter(isFull).sort((a, b) => a.fromMs - b.fromMs);
        const ends = [...parts.map(({ fromMs }) => fromMs), whole.untilMs];
        expect(ends[0]).toBe(whole.fromMs);
        parts.forEach(({ untilMs }, n) => expect(untilMs).toBe(ends[n + 1]));
        for (const part of hours.filter(isFull)) {
          expect([part.fromMs % PERIOD_MS.hour, part.untilMs % PERIOD_MS.hour]).toEqual([0, 0]);
        }
        expect([days.fromMs % PERIOD_MS.day, days.untilMs % PERIOD_MS.day]).toEqual([0, 0]);
        for (const { fromMs, untilMs } of operations) expect(untilMs - fromMs).toBeLessThan(2 * PERIOD_MS.hour);
      }),
    );
  });

  it('of full days are those days, by the day, and their hours, by the hour', () => {
    const week = range(at(0), at(7));
    expect([statsParts('day', week).days, statsParts('hour', week).hours[0]]).toEqual([week, week]);
    const parts = [...statsParts('day', week).hours, ...statsParts('day', week).operations];
    expect(parts.filter(isFull)).toEqual([]);
  });

  it('at the ends of days are hours, and at the ends of hours the operations themselves', () => {
    const { days, hours, operations } = statsParts('day', range(at(0, 21, 30), at(2, 1, 15)));
    expect(days).toEqual(range(at(1), at(2)));
    expect(hours).toEqual([range(at(0, 22), at(1)), range(at(2), at(2, 1))]);
    expect(operations).toEqual([range(at(0, 21, 30), at(0, 22)), range(at(2, 1), at(2, 1, 15))]);
  });
});
