import { Injectable } from '@nestjs/common';
import type { Tenant } from '../../auth/caller.js';
import { Database, type Statement } from '../../database/database.js';
import type { StatsParts, TimeRange } from './stats-parts.js';
import type { StatsPeriod } from './stats-periods.js';

export interface OperationStatsRow {
  readonly start: Date;
  readonly kind: string;
  readonly status: string;
  readonly currency: string | null;
  /** Numbers without bound, as text. */
  readonly count: string;
  readonly amount: string;
}

// Index: the primary key of operation_stats, one range for days and two for hours; operations_by_time for the minutes
// at either end. One statement, so that all parts are of one moment.
const READ: Statement = {
  name: 'operation_stats.read',
  text: `
    SELECT part.start, part.kind, part.status, nullif(part.currency, '') AS currency,
           sum(part.count) AS count, sum(part.amount) AS amount
    FROM (
      SELECT s.starts_at AS start, s.kind, s.status, s.currency, s.count, s.amount
      FROM signalpost.operation_stats s
      WHERE s.account_id = $1 AND s.mode = $2 AND s.period = 'day' AND s.starts_at >= $5 AND s.starts_at < $6
      ${[7, 9]
        .map(
          (n) => `UNION ALL
      SELECT date_trunc($3, s.starts_at, 'UTC'), s.kind, s.status, s.currency, s.count, s.amount
      FROM signalpost.operation_stats s
      WHERE s.account_id = $1 AND s.mode = $2 AND s.period = 'hour' AND s.starts_at >= $${n} AND s.starts_at < $${n + 1}`,
        )
        .join('\n      ')}
      ${[11, 13]
        .map(
          (n) => `UNION ALL
      SELECT date_trunc($3, o.created_at, 'UTC'), o.kind, o.status, coalesce(o.currency, ''), 1, coalesce(o.amount, 0)
      FROM signalpost.operations o
      WHERE o.account_id = $1 AND o.mode = $2 AND o.created_at >= $${n} AND o.created_at < $${n + 1}`,
        )
        .join('\n      ')}
    ) AS part (start, kind, status, currency, count, amount)
    WHERE cardinality($4::text[]) = 0 OR part.currency = ANY ($4)
    GROUP BY part.start, part.kind, part.status, part.currency
    HAVING sum(part.count) <> 0
    ORDER BY part.start, part.kind, part.status, part.currency`,
};

/** The sums of operations as publishing keeps them. */
@Injectable()
export class OperationStatsRepository {
  constructor(private readonly database: Database) {}

  /** Oldest first; no currencies: all. */
  read(
    { accountId, mode }: Tenant,
    period: StatsPeriod,
    { days, hours, operations }: StatsParts,
    currencies: readonly string[],
  ): Promise<OperationStatsRow[]> {
    const bounds = [days, ...hours, ...operations].flatMap(toTimes);
    return this.database.rows(READ, [accountId, mode, period, currencies, ...bounds]);
  }
}

function toTimes({ fromMs, untilMs }: TimeRange): [Date, Date] {
  return [new Date(fromMs), new Date(untilMs)];
}
