import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import { AppError } from '../common/app-error.js';
import { searchPattern } from '../common/search-text.js';
import { Database, type Statement } from '../database/database.js';
import type { ActorType, LogCategory, LogHttp, LogScope, LogStatus } from './log.js';
import { lastUuid, uuidAfter } from './uuid-order.js';

/** A row as it is read; its id holds `created_at`. */
export interface LogRow {
  readonly id: string;
  readonly mode: string;
  readonly category: LogCategory;
  readonly action: string;
  readonly status: LogStatus;
  readonly description: string;
  readonly operation_id: string | null;
  readonly event_id: string | null;
  readonly endpoint_id: string | null;
  readonly delivery_id: string | null;
  readonly api_key_id: string | null;
  readonly request_id: string | null;
  readonly actor_type: ActorType;
  readonly actor_id: string | null;
  readonly actor_name: string | null;
  readonly actor_ip: string | null;
  readonly http: LogHttp | null;
  readonly metadata: Record<string, unknown>;
  readonly occurred_at: Date;
}

/** What is looked for: ids from `from` on and before `until` (null: no end); an empty list lets all through. */
export interface LogFilters {
  readonly from: string;
  readonly until: string | null;
  readonly statuses: readonly LogStatus[];
  readonly categories: readonly LogCategory[];
  readonly actions: readonly string[];
  readonly operationIds: readonly string[];
  readonly eventIds: readonly string[];
  readonly endpointIds: readonly string[];
  readonly apiKeyIds: readonly string[];
  readonly requestIds: readonly string[];
  readonly occurredAfter: string | null;
  readonly occurredBefore: string | null;
  /** Of `searchTerms`; all must match. */
  readonly terms: readonly string[];
}

export interface LogPage {
  readonly count: number;
  /** False: the newest first; true: those nearest above `from`, oldest first. */
  readonly upwards: boolean;
  /** Gives up between two steps when it aborts. */
  readonly signal?: AbortSignal;
  /** How many steps a search may take; past it the caller is asked to narrow the search. */
  readonly maxSteps?: number;
}

/** Rows that a search looks at in its first step, and in each further one: a step must stay a matter of milliseconds. */
const FIRST_STEP_ROWS = 3_000;
const STEP_ROWS = 30_000;
const DEFAULT_MAX_STEPS = 100;

const COLUMNS = `l.id, l.mode, l.category, l.action, l.status, l.description, l.operation_id, l.event_id, l.endpoint_id,
  l.delivery_id, l.api_key_id, l.request_id, l.actor_type, l.actor_id, l.actor_name, l.actor_ip, l.http, l.metadata,
  l.occurred_at`;
const IN_RANGE = 'l.account_id = $1 AND l.mode = $2 AND l.id >= $3 AND l.id < $4';
// Null lets all through, so that every combination of filters is one prepared statement with one plan.
const FILTERED = `($6::text[] IS NULL OR l.status = ANY ($6))
  AND ($7::text[] IS NULL OR l.category = ANY ($7))
  AND ($8::text[] IS NULL OR l.action = ANY ($8))
  AND ($9::uuid[] IS NULL OR l.event_id = ANY ($9))
  AND ($10::uuid[] IS NULL OR l.endpoint_id = ANY ($10))
  AND ($11::uuid[] IS NULL OR l.api_key_id = ANY ($11))
  AND ($12::text[] IS NULL OR l.request_id = ANY ($12))
  AND ($13::timestamptz IS NULL OR l.occurred_at >= $13)
  AND ($14::timestamptz IS NULL OR l.occurred_at < $14)
  AND l.search LIKE ALL ($15::text[])`;

const FIND: Statement = {
  name: 'logs.find',
  text: `SELECT ${COLUMNS} FROM signalpost.logs l WHERE l.account_id = $1 AND l.mode = $2 AND l.id = $3`,
};

type Direction = 'ASC' | 'DESC';

// Index: the primary key in its order, each partition from its end; stops at the count.
const listOf = (direction: Direction): Statement => ({
  name: `logs.list_${direction.toLowerCase()}`,
  text: `SELECT ${COLUMNS} FROM signalpost.logs l WHERE ${IN_RANGE} ORDER BY l.id ${direction} LIMIT $5`,
});

// The same over rows that the filters leave: its range holds as many rows as one step looks at.
const stepOf = (direction: Direction): Statement => ({
  name: `logs.step_${direction.toLowerCase()}`,
  text: `SELECT ${COLUMNS} FROM signalpost.logs l WHERE ${IN_RANGE} AND ${FILTERED} ORDER BY l.id ${direction} LIMIT $5`,
});

// Index only: the id at which a step ends.
const edgeOf = (direction: Direction): Statement => ({
  name: `logs.edge_${direction.toLowerCase()}`,
  text: `SELECT l.id FROM signalpost.logs l WHERE ${IN_RANGE} ORDER BY l.id ${direction} OFFSET $5 LIMIT 1`,
});

// Index: logs_by_operation, one ordered branch for each operation, which has few logs.
const operationsOf = (direction: Direction): Statement => ({
  name: `logs.operations_${direction.toLowerCase()}`,
  text: `SELECT found.* FROM unnest($16::text[]) AS o (id)
    CROSS JOIN LATERAL (
      SELECT ${COLUMNS} FROM signalpost.logs l
      WHERE ${IN_RANGE} AND l.operation_id = o.id AND ${FILTERED}
      ORDER BY l.id ${direction} LIMIT $5
    ) AS found
    ORDER BY found.id ${direction} LIMIT $5`,
});

const STATEMENTS = {
  down: { list: listOf('DESC'), step: stepOf('DESC'), edge: edgeOf('DESC'), operations: operationsOf('DESC') },
  up: { list: listOf('ASC'), step: stepOf('ASC'), edge: edgeOf('ASC'), operations: operationsOf('ASC') },
};

@Injectable()
export class LogsRepository {
  constructor(private readonly database: Database) {}

  async find({ accountId, mode }: LogScope, id: string, manager?: EntityManager): Promise<LogRow | null> {
    return (await this.database.rows<LogRow>(FIND, [accountId, mode, id], manager))[0] ?? null;
  }

  /**
   * Up to `count` logs that pass all filters, in the page's order.
   * @throws AppError 503 when the search would look at more than `maxSteps` allow.
   */
  list(scope: LogScope, filters: LogFilters, page: LogPage): Promise<LogRow[]> {
    const statements = page.upwards ? STATEMENTS.up : STATEMENTS.down;
    const range = [scope.accountId, scope.mode, filters.from, filters.until ?? lastUuid];
    if (filters.operationIds.length > 0) {
      const values = [...range, page.count, ...filterValues(filters), filters.operationIds];
      return this.database.rows<LogRow>(statements.operations, values);
    }
    if (!isFiltered(filters)) return this.database.rows<LogRow>(statements.list, [...range, page.count]);
    return this.walk(scope, filters, page);
  }

  /** Goes through the range step by step, each over a bounded number of rows, until the page is full. */
  private async walk({ accountId, mode }: LogScope, filters: LogFilters, page: LogPage): Promise<LogRow[]> {
    const { step, edge } = page.upwards ? STATEMENTS.up : STATEMENTS.down;
    const rest = filterValues(filters);
    const rows: LogRow[] = [];
    let from = filters.from;
    let until = filters.until ?? lastUuid;
    for (let steps = 0; ; steps += 1) {
      page.signal?.throwIfAborted();
      if (steps === (page.maxSteps ?? DEFAULT_MAX_STEPS)) {
        throw new AppError('unavailable', 'This search takes too long; narrow its time interval.');
      }
      const offset = (steps === 0 ? FIRST_STEP_ROWS : STEP_ROWS) - 1;
      const [last] = await this.database.rows<{ id: string }>(edge, [accountId, mode, from, until, offset]);
      const stepFrom = last && !page.upwards ? last.id : from;
      const stepUntil = last && page.upwards ? uuidAfter(last.id) : until;
      const values = [accountId, mode, stepFrom, stepUntil, page.count - rows.length, ...rest];
      rows.push(...(await this.database.rows<LogRow>(step, values)));
      if (rows.length >= page.count || !last) return rows;
      if (page.upwards) from = stepUntil;
      else until = stepFrom;
    }
  }
}

function isFiltered(filters: LogFilters): boolean {
  return filterValues(filters).some((value) => (Array.isArray(value) ? value.length > 0 : value !== null));
}

/** The values of $6 to $15. */
function filterValues(filters: LogFilters): unknown[] {
  return [
    allOrSome(filters.statuses),
    allOrSome(filters.categories),
    allOrSome(filters.actions),
    allOrSome(filters.eventIds),
    allOrSome(filters.endpointIds),
    allOrSome(filters.apiKeyIds),
    allOrSome(filters.requestIds),
    filters.occurredAfter,
    filters.occurredBefore,
    filters.terms.map(searchPattern),
  ];
}

function allOrSome(values: readonly string[]): readonly string[] | null {
  return values.length > 0 ? values : null;
}
