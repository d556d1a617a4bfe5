import { firstUuidAt } from '../common/ids.js';
import { DAY_MS } from '../common/time.js';

/** The tables that are partitioned by the month inside a UUIDv7. */
export const PARTITIONED_TABLES = ['events', 'logs', 'deliveries', 'attempts'] as const;
export type PartitionedTable = (typeof PARTITIONED_TABLES)[number];

/** One month of one table: rows whose uuid lies from `fromUuid` (inclusive) to `toUuid` (exclusive). */
export interface MonthPartition {
  readonly table: PartitionedTable;
  /** Such as `events_2026_11`. */
  readonly name: string;
  readonly fromUuid: string;
  readonly toUuid: string;
}

export interface Retention {
  readonly retentionDays: number;
  readonly attemptRetentionDays: number;
}

const MONTHS_AHEAD = 3;
/** A delivery is tried for 8 days and may begin a day late: its event's body must outlast it. */
const GRACE_DAYS = 9;

/**
 * What every table must have at `now`: last month (clocks differ, and a transaction may be late), this one and three
 * ahead.
 */
export function neededPartitions(now: Date): MonthPartition[] {
  return PARTITIONED_TABLES.flatMap((table) =>
    Array.from({ length: MONTHS_AHEAD + 2 }, (_, index) =>
      monthPartition(table, now.getUTCFullYear(), now.getUTCMonth() - 1 + index),
    ),
  );
}

/** The partition of a month; `month` counts from 0 and may leave the year on either side. */
export function monthPartition(table: PartitionedTable, year: number, month: number): MonthPartition {
  const fromMs = Date.UTC(year, month);
  const from = new Date(fromMs);
  return {
    table,
    name: `${table}_${from.getUTCFullYear()}_${String(from.getUTCMonth() + 1).padStart(2, '0')}`,
    fromUuid: firstUuidAt(fromMs),
    toUuid: firstUuidAt(Date.UTC(year, month + 1)),
  };
}

/** Whether all of a partition is older than what its table keeps at `now`, so that it may go. */
export function isPastRetention(partitionName: string, now: Date, retention: Retention): boolean {
  const match = /^(\w+)_(\d{4})_(\d{2})$/.exec(partitionName);
  if (match === null) return false;
  const endMs = Date.UTC(Number(match[2]), Number(match[3]));
  const days = match[1] === 'attempts' ? retention.attemptRetentionDays : retention.retentionDays;
  return endMs + (days + GRACE_DAYS) * DAY_MS <= now.getTime();
}
