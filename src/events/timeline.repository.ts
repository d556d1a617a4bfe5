import { Injectable } from '@nestjs/common';
import type { Tenant } from '../auth/caller.js';
import { firstUuidAt, uuidTime } from '../common/ids.js';
import { Database, type Statement } from '../database/database.js';
import type { LogRow } from '../logs/log-statements.js';
import { AIR, attemptsSince, type DeliveryRow, IN_FLIGHT } from '../deliveries/delivery-rows.js';
import { deliveriesOfOperation } from '../deliveries/operation-deliveries.js';

/** What a timeline holds, in the order of the ids' prefixes, which is the order within one millisecond. */
export const TIMELINE_PREFIXES = ['del', 'evt', 'log'] as const;

/** A place in a timeline: the time of the id, then its prefix (index of `TIMELINE_PREFIXES`), then the id. */
export interface TimelinePosition {
  readonly rank: number;
  readonly id: string;
}

export interface TimelinePage {
  readonly limit: number;
  /** What follows it, newer. */
  readonly after: TimelinePosition | null;
  /** The page nearest before it, to be read newest first. */
  readonly before: TimelinePosition | null;
}

/** A log as PostgreSQL writes a row in JSON; its times are text. */
export type TimelineLog = Omit<LogRow, 'occurred_at'> & { readonly occurred_at: string };

/** Exactly one of the three is set. */
export interface TimelineRow {
  /** The event's bytes. */
  readonly body: string | null;
  readonly log: TimelineLog | null;
  readonly delivery: DeliveryRow | null;
}

const LATEST = 'ffffffff-ffff-ffff-ffff-ffffffffffff';

@Injectable()
export class TimelineRepository {
  constructor(private readonly database: Database) {}

  /**
   * Up to `page.limit` + 1 entries of an operation from the id `from` on, oldest first, or newest first for
   * `page.before`.
   */
  list(
    tenant: Tenant,
    operationId: string,
    from: string,
    attemptsFrom: Date,
    page: TimelinePage,
  ): Promise<TimelineRow[]> {
    const bounds = TIMELINE_PREFIXES.flatMap((_, rank) => [
      lowerBound(rank, page.after),
      upperBound(rank, page.before),
    ]);
    const values = [tenant.accountId, tenant.mode, operationId, from, attemptsFrom, page.limit + 1, ...bounds];
    return this.database.rows(page.before === null ? OLDEST_FIRST : NEWEST_FIRST, values);
  }
}

/** The id that every entry of this rank after the position exceeds. */
function lowerBound(rank: number, after: TimelinePosition | null): string {
  if (after === null) return firstUuidAt(0);
  if (rank === after.rank) return after.id;
  return firstUuidAt(uuidTime(after.id) + (rank > after.rank ? 0 : 1));
}

/** The id that every entry of this rank before the position stays below. */
function upperBound(rank: number, before: TimelinePosition | null): string {
  if (before === null) return LATEST;
  if (rank === before.rank) return before.id;
  return firstUuidAt(uuidTime(before.id) + (rank < before.rank ? 1 : 0));
}

/*
 * One statement: each kind gives no more than a page, then the page is chosen, then what is in it is read by primary
 * key. Index: events_by_operation, logs_by_operation, and for deliveries those of `deliveriesOfOperation`.
 */
function timelineText(direction: 'ASC' | 'DESC'): string {
  const between = (column: string, lower: string, upper: string): string =>
    `AND ${column} >= $4 AND ${column} > ${lower} AND ${column} < ${upper}`;
  const tail = (column: string): string => `ORDER BY ${column} ${direction} LIMIT $6`;
  const order = (source: string): string =>
    `left(${source}.id::text, 13) COLLATE "C" ${direction}, ${source}.rank ${direction}, ${source}.id ${direction}`;
  const owed = deliveriesOfOperation({
    operationId: '$3',
    ...{ from: 'greatest($4::uuid, $7::uuid)', until: '$8::uuid', limit: '$6', order: direction },
    conditions: (alias) => between(`${alias}.id`, '$7', '$8'),
  });
  return `WITH owed AS MATERIALIZED (
    SELECT owed.* FROM (${owed}) AS owed ${tail('owed.id')}
  ), found AS MATERIALIZED (
    SELECT entry.rank, entry.id FROM (
      (SELECT 0 AS rank, owed.id FROM owed)
      UNION ALL
      (SELECT 1, e.id FROM signalpost.events e
       WHERE e.account_id = $1 AND e.mode = $2 AND e.operation_id = $3 ${between('e.id', '$9', '$10')} ${tail('e.id')})
      UNION ALL
      (SELECT 2, l.id FROM signalpost.logs l
       WHERE l.account_id = $1 AND l.mode = $2 AND l.operation_id = $3 ${between('l.id', '$11', '$12')} ${tail('l.id')})
    ) AS entry
    ORDER BY ${order('entry')} LIMIT $6
  ), page AS MATERIALIZED (
    SELECT owed.* FROM owed JOIN found ON found.rank = 0 AND found.id = owed.id
  ), ${AIR}, whole AS MATERIALIZED (
    SELECT page.*, ${IN_FLIGHT}, ${attemptsSince('$5')} AS attempts FROM page
  )
  SELECT e.body, row_to_json(l) AS log, row_to_json(whole) AS delivery
  FROM found
  LEFT JOIN signalpost.events e ON found.rank = 1 AND e.account_id = $1 AND e.mode = $2 AND e.id = found.id
  LEFT JOIN signalpost.logs l ON found.rank = 2 AND l.account_id = $1 AND l.mode = $2 AND l.id = found.id
  LEFT JOIN whole ON found.rank = 0 AND whole.id = found.id
  ORDER BY ${order('found')}`;
}

const OLDEST_FIRST: Statement = { name: 'operations.timeline', text: timelineText('ASC') };
const NEWEST_FIRST: Statement = { name: 'operations.timeline_before', text: timelineText('DESC') };
