import { firstUuidAt } from '../common/ids.js';
import type { LogFilters } from './log.js';
import { logSegments, monthOf } from './log-segments.js';

const NOW = new Date('2026-11-23T12:00:00Z');
const at = (date: string): string => firstUuidAt(Date.parse(date));
const ALL: LogFilters = {
  from: at('2026-09-10T00:00:00Z'),
  until: null,
  statuses: [],
  categories: [],
  actions: [],
  operationIds: [],
  eventIds: [],
  endpointIds: [],
  apiKeyIds: [],
  requestIds: [],
  terms: [],
  occurredAfter: null,
  occurredBefore: null,
};

describe('segments of a search', () => {
  it('are the months of its range, to the end of the one that comes next', () => {
    const starts = ['2026-09-10', '2026-10-01', '2026-11-01', '2026-12-01', '2027-01-01'].map((day) =>
      at(`${day}T00:00:00Z`),
    );
    const expected = starts.slice(0, -1).map((from, n) => ({ from, until: starts[n + 1], isOffTime: false }));
    expect(logSegments(ALL, NOW)).toEqual(expected);
  });

  it('are none where nothing can be recorded yet, so that no month of the future is ever asked for', () => {
    for (const date of ['2027-01-01', '2500-01-01', '9999-12-31']) {
      expect(logSegments({ ...ALL, from: at(`${date}T00:00:00Z`) }, NOW)).toEqual([]);
    }
    const months = new Set(
      logSegments({ ...ALL, until: at('9999-12-31T00:00:00Z') }, NOW).map((one) => monthOf(one).from),
    );
    expect(months.size).toBe(4);
  });

  it('are none of an interval of no length, also where a day begins', () => {
    for (const time of ['2026-10-05T00:00:00Z', '2026-10-05T10:00:00Z']) {
      expect(logSegments({ ...ALL, occurredAfter: time, occurredBefore: time }, NOW)).toEqual([]);
    }
  });

  it('are on time within ten minutes of an interval, so that one of an hour is not one of days', () => {
    const filters = { ...ALL, occurredAfter: '2026-10-05T10:00:00Z', occurredBefore: '2026-10-05T11:00:00Z' };
    const onTime = logSegments(filters, NOW).filter(({ isOffTime }) => !isOffTime);
    expect(onTime).toEqual([{ from: at('2026-10-05T09:50:00Z'), until: at('2026-10-05T11:10:00Z'), isOffTime: false }]);
  });
});
