import { searchPattern } from '../common/search-text.js';
import type { Statement } from '../database/database.js';
import type { ActorType, LogCategory, LogFilters, LogHttp, LogStatus } from './log.js';
import { LOG_WORDS } from './log-words.js';

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

/** Of `l`. */
export const LOG_COLUMNS = `l.id, l.mode, l.category, l.action, l.status, l.description, l.operation_id, l.event_id, l.endpoint_id,
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

export const FIND: Statement = {
  name: 'logs.find',
  text: `SELECT ${LOG_COLUMNS} FROM signalpost.logs l WHERE l.account_id = $1 AND l.mode = $2 AND l.id = $3`,
};

export type Direction = 'ASC' | 'DESC';

// Index: the primary key in its order, each partition from its end; stops at the count.
const listOf = (direction: Direction): Statement => ({
  name: `logs.list_${direction.toLowerCase()}`,
  text: `SELECT ${LOG_COLUMNS} FROM signalpost.logs l WHERE ${IN_RANGE} ORDER BY l.id ${direction} LIMIT $5`,
});

// The same over rows that the filters leave: its range holds as many rows as one step looks at.
const stepOf = (direction: Direction): Statement => ({
  name: `logs.step_${direction.toLowerCase()}`,
  text: `SELECT ${LOG_COLUMNS} FROM signalpost.logs l WHERE ${IN_RANGE} AND ${FILTERED} ORDER BY l.id ${direction} LIMIT $5`,
});

// Index only: the id at which a step ends.
const edgeOf = (direction: Direction): Statement => ({
  name: `logs.edge_${direction.toLowerCase()}`,
  text: `SELECT l.id FROM signalpost.logs l WHERE ${IN_RANGE} ORDER BY l.id ${direction} OFFSET $5 LIMIT 1`,
});

/**
 * How the index is asked: `whole`, for all that it can say of the filters; `wide`, the same with many words in each
 * other's place; `partial`, for less, so that it may have any number of hits that do not pass.
 */
export type Asking = 'whole' | 'wide' | 'partial';

/**
 * Index: logs_by_word of one month, then the primary key for what is given. `$17` bounds what is taken from the index,
 * null: all; `hits`, in each row, also where none passes, says how many that were: of a partial question all that were
 * judged, of others those that pass. The month is part of the text, so that the planner knows it to be a whole
 * partition; all else in brackets with IS TRUE keeps it from the primary key, of which it expects more than it holds.
 * A question that is not `whole` is hidden from the planner, which expects more hits than there are, and then reads the
 * whole month.
 */
export function lookUpOf(
  direction: Direction,
  { from, until }: { from: string; until: string },
  asking: Asking,
): Statement {
  const [passes, filter] = asking === 'partial' ? [FILTERED, ''] : ['true', `AND ${FILTERED}`];
  return {
    name: `logs.look_up_${asking}_${direction.toLowerCase()}_${from.slice(0, 13)}`,
    text: `WITH hits AS MATERIALIZED (
        SELECT l.id, (${passes}) AS passes FROM signalpost.logs l
        WHERE l.id >= '${from}' AND l.id < '${until}' AND ${LOG_WORDS} @@ ${questionOf(asking)}
          AND (${IN_RANGE}) IS TRUE ${filter}
        LIMIT $17
      )
      SELECT total.hits, found.* FROM (SELECT count(*)::integer AS hits FROM hits) AS total
      LEFT JOIN (
        SELECT l.* FROM (SELECT h.id FROM hits h WHERE h.passes ORDER BY h.id ${direction} LIMIT $5) AS h
        CROSS JOIN LATERAL (
          SELECT ${LOG_COLUMNS} FROM signalpost.logs l
          WHERE l.account_id = $1 AND l.mode = $2 AND l.id >= $3 AND l.id < $4 AND l.id = h.id LIMIT 1
        ) AS l
      ) AS found ON true
      ORDER BY found.id ${direction}`,
  };
}

function questionOf(asking: Asking): string {
  return asking === 'whole' ? '$16::tsquery' : '(SELECT $16::tsquery)';
}

/**
 * Where the hits are too many to judge and sort each: as `lookUpOf`, but of all hits only ids are gathered and the `$17`
 * first in order kept; the filters judge those. In each row, also where none passes: `hits`, how many were kept, and
 * `edge`, the id of the last of them.
 */
export function firstHitsOf(
  direction: Direction,
  { from, until }: { from: string; until: string },
  asking: Asking,
): Statement {
  return {
    name: `logs.first_hits_${asking}_${direction.toLowerCase()}_${from.slice(0, 13)}`,
    text: `WITH hits AS MATERIALIZED (
        SELECT l.id FROM signalpost.logs l
        WHERE l.id >= '${from}' AND l.id < '${until}' AND ${LOG_WORDS} @@ ${questionOf(asking)} AND (${IN_RANGE}) IS TRUE
        ORDER BY l.id ${direction} LIMIT $17
      )
      SELECT kept.hits, kept.ids[kept.hits] AS edge, found.*
      FROM (SELECT count(*)::integer AS hits, array_agg(h.id ORDER BY h.id ${direction}) AS ids FROM hits h) AS kept
      LEFT JOIN (
        SELECT l.* FROM hits h CROSS JOIN LATERAL (
          SELECT ${LOG_COLUMNS} FROM signalpost.logs l
          WHERE l.account_id = $1 AND l.mode = $2 AND l.id >= $3 AND l.id < $4 AND l.id = h.id AND ${FILTERED} LIMIT 1
        ) AS l
        ORDER BY h.id ${direction} LIMIT $5
      ) AS found ON true
      ORDER BY found.id ${direction}`,
  };
}

// Index: primary key, for a sample from one end of the range. How many of it match each part of a question.
const sampleOf = (direction: Direction): Statement => ({
  name: `logs.sample_${direction.toLowerCase()}`,
  text: `SELECT (p.n - 1)::integer AS part, count(*)::integer AS matching
    FROM (SELECT ${LOG_WORDS} AS words FROM signalpost.logs l WHERE ${IN_RANGE} ORDER BY l.id ${direction} LIMIT $5) AS s
    JOIN unnest($6::text[]) WITH ORDINALITY AS p (part, n) ON s.words @@ p.part::tsquery
    GROUP BY p.n`,
});

// Index only, logs_by_operation: the nearest of the ids at which a step of each operation ends.
const operationsEdgeOf = (direction: Direction): Statement => ({
  name: `logs.operations_edge_${direction.toLowerCase()}`,
  text: `SELECT edge.id FROM unnest($6::text[]) AS o (id)
    CROSS JOIN LATERAL (
      SELECT l.id FROM signalpost.logs l
      WHERE ${IN_RANGE} AND l.operation_id = o.id ORDER BY l.id ${direction} OFFSET $5 LIMIT 1
    ) AS edge
    ORDER BY edge.id ${direction} LIMIT 1`,
});

// Index: logs_by_operation, one ordered branch for each operation.
const operationsOf = (direction: Direction): Statement => ({
  name: `logs.operations_${direction.toLowerCase()}`,
  text: `SELECT found.* FROM unnest($16::text[]) AS o (id)
    CROSS JOIN LATERAL (
      SELECT ${LOG_COLUMNS} FROM signalpost.logs l
      WHERE ${IN_RANGE} AND l.operation_id = o.id AND ${FILTERED}
      ORDER BY l.id ${direction} LIMIT $5
    ) AS found
    ORDER BY found.id ${direction} LIMIT $5`,
});

// Index: primary key, a few rows by their ids.
const amongOf = (direction: Direction): Statement => ({
  name: `logs.among_${direction.toLowerCase()}`,
  text: `SELECT ${LOG_COLUMNS} FROM signalpost.logs l
    WHERE ${IN_RANGE} AND l.id = ANY ($16::uuid[]) AND ${FILTERED} ORDER BY l.id ${direction} LIMIT $5`,
});

const statementsOf = (direction: Direction) => ({
  list: listOf(direction),
  step: stepOf(direction),
  edge: edgeOf(direction),
  sample: sampleOf(direction),
  operations: operationsOf(direction),
  operationsEdge: operationsEdgeOf(direction),
  among: amongOf(direction),
});

export type LogStatements = ReturnType<typeof statementsOf>;

/** By the direction in which a page is read. */
export const LOG_STATEMENTS = { down: statementsOf('DESC'), up: statementsOf('ASC') };

/** The values of $6 to $15. */
export function filterValues(filters: LogFilters): unknown[] {
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
