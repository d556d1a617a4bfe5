import { type ShapedStatement, StatementShapes } from '../database/shaped-statement.js';
import { indexedWords, termCounts } from '../database/word-index.js';
import { OPERATION_KINDS, OPERATION_STATUSES } from './operation-traits.js';

/** The values that statements on lists of operations are given by name. */
export type OperationValue =
  | 'accountId'
  | 'mode'
  | 'fromAt'
  | 'fromId'
  | 'untilAt'
  | 'untilId'
  | 'cursor'
  | 'limit'
  | 'offset'
  | 'lastEventFrom'
  | 'kinds'
  | 'statuses'
  | 'references'
  | 'patterns'
  | 'question';
type Placeholder = (value: OperationValue) => string;
type OperationStatement = ShapedStatement<OperationValue>;
export type Order = 'ASC' | 'DESC';

export const COLUMNS = `o.id, o.kind, o.status, o.version, o.amount, o.currency, o.reference, o.channel, o.customer,
  o.cause_code, o.cause_description, o.metadata, o.last_event_id, o.created_at, o.updated_at`;

/** The time of an operation `o` as its place in a list says it: to the millisecond, in UTC. */
export const PLACE = `to_char(o.created_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') AS at`;

/**
 * So many hits of a word or reference are judged: few where it may be frequent, for then they are gathered in vain;
 * with more than many, walking meets them soon.
 */
export const MOST_HITS = { few: 500, many: 5_000 } as const;

const shapes = new StatementShapes<OperationValue>();

const tenant = (p: Placeholder): string => `o.account_id = ${p('accountId')} AND o.mode = ${p('mode')}`;
// The first line says nothing that the second does not, but from it the planner sees that operations_by_time may serve.
const inRange = (p: Placeholder): string =>
  `o.created_at >= ${p('fromAt')}::timestamptz
    AND (o.created_at, o.id) >= (${p('fromAt')}::timestamptz, ${p('fromId')}::text)
    AND (o.created_at, o.id) < (${p('untilAt')}::timestamptz, ${p('untilId')}::text)
    AND o.id IS DISTINCT FROM ${p('cursor')}::text`;
const inOrder = (order: Order, alias = 'o'): string => `ORDER BY ${alias}.created_at ${order}, ${alias}.id ${order}`;

// Null lets all through, so that every combination of filters shares one statement with one plan.
const remaining = (p: Placeholder): string => `o.last_event_id >= ${p('lastEventFrom')}
  AND (${p('kinds')}::text[] IS NULL OR o.kind = ANY (${p('kinds')}))
  AND (${p('statuses')}::text[] IS NULL OR o.status = ANY (${p('statuses')}))
  AND (${p('references')}::text[] IS NULL OR o.reference = ANY (${p('references')}))
  AND o.search LIKE ALL (${p('patterns')}::text[])`;

/** Which index leads: operations_by_time, or operations_by_state with an ordered scan for each kind and status. */
export type OperationScan = 'time' | 'state';

interface Branches {
  readonly wanted: string;
  readonly where: string;
}

function branchesOf(scan: OperationScan, p: Placeholder): Branches {
  if (scan === 'time') return { wanted: '(SELECT) AS wanted', where: 'true' };
  const given = (value: OperationValue, all: readonly string[]): string =>
    `unnest(coalesce(${p(value)}::text[], '{${all.join(',')}}'))`;
  return {
    wanted: `${given('kinds', OPERATION_KINDS)} AS k (kind)
      CROSS JOIN ${given('statuses', OPERATION_STATUSES)} AS s (status)`,
    where: 'o.kind = k.kind AND o.status = s.status',
  };
}

/** A page: up to `limit` operations of the range that pass all filters, in order. */
export function pageStatement(scan: OperationScan, order: Order): OperationStatement {
  return shapes.get(`operations.${scan}.${order}`, (p) => {
    const { wanted, where } = branchesOf(scan, p);
    return `SELECT o.* FROM ${wanted} CROSS JOIN LATERAL (
        SELECT ${COLUMNS} FROM signalpost.operations o
        WHERE ${tenant(p)} AND ${inRange(p)} AND ${where} AND ${remaining(p)} ${inOrder(order)} LIMIT ${p('limit')}
      ) AS o ${inOrder(order)} LIMIT ${p('limit')}`;
  });
}

/** The place of the entry `offset` of the index in the range, nearest of all branches; no row: all end before. */
export function edgeStatement(scan: OperationScan, order: Order): OperationStatement {
  return shapes.get(`operations.${scan}.edge.${order}`, (p) => {
    const { wanted, where } = branchesOf(scan, p);
    return `SELECT ${PLACE}, o.id FROM ${wanted} CROSS JOIN LATERAL (
        SELECT o.created_at, o.id FROM signalpost.operations o
        WHERE ${tenant(p)} AND ${inRange(p)} AND ${where} ${inOrder(order)} OFFSET ${p('offset')}::bigint LIMIT 1
      ) AS o ${inOrder(order)} LIMIT 1`;
  });
}

/**
 * In how many of the `limit` nearest operations of the range, whatever their kind and status, each term occurs. Index:
 * operations_by_time.
 */
export function sampleStatement(order: Order): OperationStatement {
  return shapes.get(`operations.sample.${order}`, (p) => {
    const nearest = `SELECT o.search FROM signalpost.operations o
      WHERE ${tenant(p)} AND ${inRange(p)} ${inOrder(order)} LIMIT ${p('limit')}`;
    return termCounts(nearest, p('patterns'));
  });
}

/**
 * A page of the operations that a word or a reference leads to, and in each row, also where there is no operation, how
 * many hits there were; past `MOST_HITS[most]` the page means nothing.
 */
export function hitsStatement(
  lead: 'words' | 'reference',
  most: keyof typeof MOST_HITS,
  order: Order,
): OperationStatement {
  return shapes.get(`operations.${lead}.${most}.${order}`, (p) => {
    const bound = MOST_HITS[most] + 1;
    const found = lead === 'words' ? ofWords(p, bound) : ofReference(p, bound);
    return `WITH hits AS MATERIALIZED (${found.hits})
      SELECT total.hits, found.* FROM (SELECT count(*)::integer AS hits FROM hits) AS total
      LEFT JOIN (
        SELECT o.* FROM (${found.wanted(`(SELECT count(*) FROM hits) < ${bound}`, order)}) AS h CROSS JOIN LATERAL (
          SELECT ${COLUMNS} FROM signalpost.operations o WHERE ${tenant(p)} AND o.id = h.id ${found.judged} LIMIT 1
        ) AS o ${inOrder(order)} LIMIT ${p('limit')}
      ) AS found ON true ${inOrder(order, 'found')}`;
  });
}

interface Hits {
  readonly hits: string;
  /** The ids among them that are looked up by primary key, if they are few enough. */
  readonly wanted: (areFew: string, order: Order) => string;
  /** What remains to be asked of those. */
  readonly judged: string;
}

// Index: operations_by_word. Tests of truth keep the planner from any other, and the question is hidden from it, lest
// it plan each anew. Each hit is judged where it is met, so that only a page of them is looked up.
function ofWords(p: Placeholder, bound: number): Hits {
  return {
    hits: `SELECT o.id, o.created_at, (${inRange(p)} AND ${remaining(p)}) AS passes FROM signalpost.operations o
      WHERE ${indexedWords('o')} @@ (SELECT ${p('question')}::tsquery) AND (o.account_id = ${p('accountId')}) IS TRUE
        AND (o.mode = ${p('mode')}) IS TRUE LIMIT ${bound}`,
    wanted: (areFew, order) =>
      `SELECT h.id FROM hits h WHERE h.passes AND ${areFew} ${inOrder(order, 'h')} LIMIT ${p('limit')}`,
    judged: '',
  };
}

// Index: events_by_reference, for the event that made an operation's state carries the same reference.
function ofReference(p: Placeholder, bound: number): Hits {
  return {
    hits: `SELECT e.id FROM unnest(${p('references')}::text[]) AS wanted (value) CROSS JOIN LATERAL (
        SELECT e.operation_id AS id FROM signalpost.events e
        WHERE e.account_id = ${p('accountId')} AND e.mode = ${p('mode')} AND e.reference = wanted.value
          AND e.id >= ${p('lastEventFrom')} LIMIT ${bound}
      ) AS e LIMIT ${bound}`,
    wanted: (areFew) => `SELECT DISTINCT h.id FROM hits h WHERE ${areFew}`,
    judged: `AND ${inRange(p)} AND ${remaining(p)}`,
  };
}
