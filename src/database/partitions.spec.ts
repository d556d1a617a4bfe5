import { uuidTime } from '../common/ids.js';
import { isPastRetention, monthPartition, neededPartitions } from './partitions.js';

const RETENTION = { retentionDays: 400, attemptRetentionDays: 90 };

describe('partitions', () => {
  it('of a month begin at its first millisecond and end where the next month begins', () => {
    const november = monthPartition('events', 2026, 10);
    expect(november.name).toBe('events_2026_11');
    expect(uuidTime(november.fromUuid)).toBe(Date.parse('2026-11-01T00:00:00Z'));
    expect(november.toUuid).toBe(monthPartition('events', 2026, 11).fromUuid);
  });

  it('cover last month, this one and three ahead, over the end of a year too', () => {
    const names = neededPartitions(new Date('2026-12-31T23:59:59.999Z'))
      .filter(({ table }) => table === 'attempts')
      .map(({ name }) => name);
    expect(names).toEqual([
      'attempts_2026_11',
      'attempts_2026_12',
      'attempts_2027_01',
      'attempts_2027_02',
      'attempts_2027_03',
    ]);
    const inJanuary = neededPartitions(new Date('2027-01-01T00:00:00Z'));
    expect(inJanuary[0]!.name).toBe('events_2026_12');
  });

  it('go only when all of the month is older than the retention and 9 days', () => {
    const end = Date.parse('2026-12-01T00:00:00Z');
    const days = (count: number): Date => new Date(end + count * 86_400_000);
    expect(isPastRetention('events_2026_11', new Date(days(409).getTime() - 1), RETENTION)).toBe(false);
    expect(isPastRetention('events_2026_11', days(409), RETENTION)).toBe(true);
    expect(isPastRetention('attempts_2026_11', new Date(days(99).getTime() - 1), RETENTION)).toBe(false);
    expect(isPastRetention('attempts_2026_11', days(99), RETENTION)).toBe(true);
  });
});
