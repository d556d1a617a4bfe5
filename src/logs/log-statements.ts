import { searchPattern } from '../common/search-text.js';
import { LAST_UUID } from '../common/uuid-order.js';
import type { Statement } from '../database/database.js';
import { type ShapedStatement, StatementShapes } from '../database/shaped-statement.js';
import type { ActorType, LogCategory, LogFilters, LogHttp, LogScope, LogStatus } from './log.js';
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
export const LOG_COLUMNS = `l.id, l.mode, l.category, l.action, l.status, l.description, l.operation_id, l.event_id,
  l.endpoint_id, l.delivery_id, l.api_key_id, l.request_id, l.actor_type, l.actor_id, l.actor_name, l.actor_ip, l.http,
  l.metadata, l.occurred_at`;
export const FIND: Statement = {
  name: 'logs.find',
  text: `SELECT ${LOG_COLUMNS} FROM signalpost.logs l WHERE l.account_id = $1 AND l.mode = $2 AND l.id = $3`,
};

/** The values of the filters; null: not asked for. */
export function filterValues(filters: LogFilters) {
  return {
    statuses: orNull(filters.statuses),
    categories: orNull(filters.categories),
    actions: orNull(filters.actions),
    eventIds: orNull(filters.eventIds),
    endpointIds: orNull(filters.endpointIds),
    apiKeyIds: orNull(filters.apiKeyIds),
    requestIds: orNull(filters.requestIds),
    occurredAfter: filters.occurredAfter,
    occurredBefore: filters.occurredBefore,
    patterns: filters.terms.map(searchPattern),
  };
}

function orNull(values: readonly string[]): readonly string[] | null {
  return values.length > 0 ? values : null;
}

type FilterValues = ReturnType<typeof filterValues>;

/** The values that the other statements are given by name. */
export interface LogValues extends FilterValues {
  readonly accountId: string;
  readonly mode: string;
  readonly from: string;
  readonly until: string;
  readonly limit: number;
  /** Rows that are passed over. */
  readonly offset: number | null;
  readonly operationIds: readonly string[];
  /** To the word index. */
  readonly question: string | null;
  /** How many hits are taken from it; null: all. */
  readonly most: number | null;
  /** Of a question, to be counted one by one. */
  readonly parts: readonly string[] | null;
}
type Placeholder = (value: keyof LogValues) => string;
export type LogStatement = ShapedStatement<keyof LogValues>;
export type Order = 'ASC' | 'DESC';

/** Up to `limit` logs that pass all filters. */
export function logValues({ accountId, mode }: LogScope, filters: LogFilters, limit: number): LogValues {
  return {
    accountId,
    mode,
    from: filters.from,
    until: filters.until ?? LAST_UUID,
    limit,
    offset: null,
    operationIds: filters.operationIds,
    ...filterValues(filters),
    question: null,
    most: null,
    parts: null,
  };
}

const shapes = new StatementShapes<keyof LogValues>();

const inRange = (p: Placeholder): string =>
  `l.account_id = ${p('accountId')} AND l.mode = ${p('mode')} AND l.id >= ${p('from')} AND l.id < ${p('until')}`;

// Null lets all through, so that every combination of filters is one prepared statement with one plan.
const filtered = (p: Placeholder): string => `(${p('statuses')}::text[] IS NULL OR l.status = ANY (${p('statuses')}))
  AND (${p('categories')}::text[] IS NULL OR l.category = ANY (${p('categories')}))
  AND (${p('actions')}::text[] IS NULL OR l.action = ANY (${p('actions')}))
  AND (${p('eventIds')}::uuid[] IS NULL OR l.event_id = ANY (${p('eventIds')}))
  AND (${p('endpointIds')}::uuid[] IS NULL OR l.endpoint_id = ANY (${p('endpointIds')}))
  AND (${p('apiKeyIds')}::uuid[] IS NULL OR l.api_key_id = ANY (${p('apiKeyIds')}))
  AND (${p('requestIds')}::text[] IS NULL OR l.request_id = ANY (${p('requestIds')}))
  AND (${p('occurredAfter')}::timestamptz IS NULL OR l.occurred_at >= ${p('occurredAfter')})
  AND (${p('occurredBefore')}::timestamptz IS NULL OR l.occurred_at < ${p('occurredBefore')})
  AND l.search LIKE ALL (${p('patterns')}::text[])`;

/** Whatever the range holds. Index: the primary key in its order, each partition from its end; stops at the limit. */
export function listStatement(order: Order): LogStatement {
  return shapes.get(
    `logs.list.${order}`,
    (p) =>
      `SELECT ${LOG_COLUMNS} FROM signalpost.logs l WHERE ${inRange(p)} ORDER BY l.id ${order} LIMIT ${p('limit')}`,
  );
}

/** The same over rows that the filters leave: its range holds as many rows as one step looks at. */
export function stepStatement(order: Order): LogStatement {
  return shapes.get(
    `logs.step.${order}`,
    (p) => `SELECT ${LOG_COLUMNS} FROM signalpost.logs l
      WHERE ${inRange(p)} AND ${filtered(p)} ORDER BY l.id ${order} LIMIT ${p('limit')}`,
  );
}

/** The id at which a step ends. Index only. */
export function edgeStatement(order: Order): LogStatement {
  return shapes.get(
    `logs.edge.${order}`,
    (p) =>
      `SELECT l.id FROM signalpost.logs l WHERE ${inRange(p)} ORDER BY l.id ${order} OFFSET ${p('offset')} LIMIT 1`,
  );
}

/** As `stepStatement`, of the operations asked for. Index: logs_by_operation, one ordered branch for each operation. */
export function operationsStatement(order: Order): LogStatement {
  return shapes.get(
    `logs.operations.${order}`,
    (p) => `SELECT found.* FROM unnest(${p('operationIds')}::text[]) AS o (id)
      CROSS JOIN LATERAL (
        SELECT ${LOG_COLUMNS} FROM signalpost.logs l
        WHERE ${inRange(p)} AND l.operation_id = o.id AND ${filtered(p)} ORDER BY l.id ${order} LIMIT ${p('limit')}
      ) AS found
      ORDER BY found.id ${order} LIMIT ${p('limit')}`,
  );
}

/** The nearest of the ids at which a step of each operation ends. Index only, logs_by_operation. */
export function operationsEdgeStatement(order: Order): LogStatement {
  return shapes.get(
    `logs.operations_edge.${order}`,
    (p) => `SELECT edge.id FROM unnest(${p('operationIds')}::text[]) AS o (id)
      CROSS JOIN LATERAL (
        SELECT l.id FROM signalpost.logs l
        WHERE ${inRange(p)} AND l.operation_id = o.id ORDER BY l.id ${order} OFFSET ${p('offset')} LIMIT 1
      ) AS edge
      ORDER BY edge.id ${order} LIMIT 1`,
  );
}

/** Logs that have the uuids of the events asked for. Index: primary key, a few rows by their ids. */
export function amongStatement(order: Order): LogStatement {
  return shapes.get(
    `logs.among.${order}`,
    (p) => `SELECT ${LOG_COLUMNS} FROM signalpost.logs l
      WHERE ${inRange(p)} AND l.id = ANY (${p('eventIds')}::uuid[]) AND ${filtered(p)}
      ORDER BY l.id ${order} LIMIT ${p('limit')}`,
  );
}

/** How many rows of a sample match each of the `parts`. Index: primary key, for a sample from one end of the range. */
export function sampleStatement(order: Order): LogStatement {
  return shapes.get(
    `logs.sample.${order}`,
    (p) => `SELECT (p.n - 1)::integer AS part, count(*)::integer AS matching
      FROM (
        SELECT ${LOG_WORDS} AS words FROM signalpost.logs l
        WHERE ${inRange(p)} ORDER BY l.id ${order} LIMIT ${p('limit')}
      ) AS s
      JOIN unnest(${p('parts')}::text[]) WITH ORDINALITY AS p (part, n) ON s.words @@ p.part::tsquery
      GROUP BY p.n`,
  );
}

/**
 * How the index is asked: `whole`, for all that it can say of the filters; `wide`, the same with many words in each
 * other's place; `partial`, for less, so that it may have any number of hits that do not pass.
 */
export type Asking = 'whole' | 'wide' | 'partial';

interface Month {
  readonly from: string;
  readonly until: string;
}

/**
 * Index: logs_by_word of one month, then the primary key for what is given. `most` bounds what is taken from the index,
 * null: all; `hits`, in each row, also where none passes, says how many that were: of a partial question all that were
 * judged, of others those that pass. The month is part of the text, so that the planner knows it to be a whole
 * partition; all else in brackets with IS TRUE keeps it from the primary key, of which it expects more than it holds.
 * A question that is not `whole` is hidden from the planner, which expects more hits than there are, and then reads the
 * whole month.
 */
export function lookUpStatement(order: Order, { from, until }: Month, asking: Asking): LogStatement {
  return shapes.get(`logs.look_up.${asking}.${order}.${from.slice(0, 13)}`, (p) => {
    const [passes, filter] = asking === 'partial' ? [filtered(p), ''] : ['true', `AND ${filtered(p)}`];
    return `WITH hits AS MATERIALIZED (
        SELECT l.id, (${passes}) AS passes FROM signalpost.logs l
        WHERE l.id >= '${from}' AND l.id < '${until}' AND ${LOG_WORDS} @@ ${questionOf(asking, p)}
          AND (${inRange(p)}) IS TRUE ${filter}
        LIMIT ${p('most')}
      )
      SELECT total.hits, found.* FROM (SELECT count(*)::integer AS hits FROM hits) AS total
      LEFT JOIN (
        SELECT l.* FROM (SELECT h.id FROM hits h WHERE h.passes ORDER BY h.id ${order} LIMIT ${p('limit')}) AS h
        CROSS JOIN LATERAL (
          SELECT ${LOG_COLUMNS} FROM signalpost.logs l
          WHERE ${inRange(p)} AND l.id = h.id LIMIT 1
        ) AS l
      ) AS found ON true
      ORDER BY found.id ${order}`;
  });
}

function questionOf(asking: Asking, p: Placeholder): string {
  return asking === 'whole' ? `${p('question')}::tsquery` : `(SELECT ${p('question')}::tsquery)`;
}

/**
 * Where the hits are too many to judge and sort each: as `lookUpStatement`, but of all hits only ids are gathered and
 * the first `most` in order kept; the filters judge those. In each row, also where none passes: `hits`, how many were
 * kept, and `edge`, the id of the last of them.
 */
export function firstHitsStatement(order: Order, { from, until }: Month, asking: Asking): LogStatement {
  return shapes.get(
    `logs.first_hits.${asking}.${order}.${from.slice(0, 13)}`,
    (p) => `WITH hits AS MATERIALIZED (
        SELECT l.id FROM signalpost.logs l
        WHERE l.id >= '${from}' AND l.id < '${until}' AND ${LOG_WORDS} @@ ${questionOf(asking, p)}
          AND (${inRange(p)}) IS TRUE
        ORDER BY l.id ${order} LIMIT ${p('most')}
      )
      SELECT kept.hits, kept.ids[kept.hits] AS edge, found.*
      FROM (SELECT count(*)::integer AS hits, array_agg(h.id ORDER BY h.id ${order}) AS ids FROM hits h) AS kept
      LEFT JOIN (
        SELECT l.* FROM hits h CROSS JOIN LATERAL (
          SELECT ${LOG_COLUMNS} FROM signalpost.logs l
          WHERE ${inRange(p)} AND l.id = h.id AND ${filtered(p)} LIMIT 1
        ) AS l
        ORDER BY h.id ${order} LIMIT ${p('limit')}
      ) AS found ON true
      ORDER BY found.id ${order}`,
  );
}
