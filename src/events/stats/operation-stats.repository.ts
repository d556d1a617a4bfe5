import { Injectable } from '@nestjs/common';
import type { Tenant } from '../../auth/caller.js';
import { Database, type Statement } from '../../database/database.js';
import type { StatsParts, TimeRange } from './stats-parts.js';
import type { StatsPeriod } from './stats-periods.js';

/** What was found of one period. */
export interface PeriodSums {
  readonly start: Date;
  /** `<kind> <status> <currency or nothing> <count> <amount>`, separated by commas; the same group may come twice. */
  readonly sums: string;
}

const ofPeriods = (from: number): string => `
      SELECT date_trunc($3, s.starts_at, 'UTC'), s.kind, s.status, s.currency, s.count, s.amount
      FROM signalpost.operation_stats s
      WHERE s.account_id = $1 AND s.mode = $2 AND s.period = 'hour'
        AND s.starts_at >= $${from} AND s.starts_at < $${from + 1} AND s.count <> 0`;
const ofOperations = (from: number): string => `
      SELECT date_trunc($3, o.created_at, 'UTC'), o.kind, o.status, coalesce(o.currency, ''), count(*),
             coalesce(sum(o.amount), 0)
      FROM signalpost.operations o
      WHERE o.account_id = $1 AND o.mode = $2 AND o.created_at >= $${from} AND o.created_at < $${from + 1}
      GROUP BY 1, 2, 3, 4`;

// Index: the primary key of operation_stats, one range for days and two for hours; operations_by_time for the minutes
// at either end. One statement, so that all parts are of one moment. A row for each period instead of each sum: most
// of what a year costs is the making and the reading of rows.
const READ: Statement = {
  name: 'operation_stats.read',
  text: `
    SELECT part.start,
           string_agg(concat_ws(' ', part.kind, part.status, part.currency, part.count, part.amount), ',') AS sums
    FROM (
      SELECT s.starts_at AS start, s.kind, s.status, s.currency, s.count, s.amount
      FROM signalpost.operation_stats s
      WHERE s.account_id = $1 AND s.mode = $2 AND s.period = 'day'
        AND s.starts_at >= $5 AND s.starts_at < $6 AND s.count <> 0
      UNION ALL ${ofPeriods(7)}
      UNION ALL ${ofPeriods(9)}
      UNION ALL ${ofOperations(11)}
      UNION ALL ${ofOperations(13)}
    ) AS part
    WHERE cardinality($4::text[]) = 0 OR part.currency = ANY ($4)
    GROUP BY part.start
    ORDER BY part.start`,
};

/** The sums of operations as publishing keeps them. */
@Injectable()
export class OperationStatsRepository {
  constructor(private readonly database: Database) {}

  /** Periods that have operations, oldest first; no currencies: all. */
  read(
    { accountId, mode }: Tenant,
    period: StatsPeriod,
    { days, hours, operations }: StatsParts,
    currencies: readonly string[],
  ): Promise<PeriodSums[]> {
    const bounds = [days, ...hours, ...operations].flatMap(toTimes);
    return this.database.rows(READ, [accountId, mode, period, currencies, ...bounds]);
  }
}

function toTimes({ fromMs, untilMs }: TimeRange): [Date, Date] {
  return [new Date(fromMs), new Date(untilMs)];
}
