import type { WholeMonth } from '../database/months.js';
import { indexedWords, termCounts } from '../database/word-index.js';
import { hasDelivery, withTenant } from '../deliveries/delivery-rows.js';
import { type ShapedStatement, StatementShapes } from '../database/shaped-statement.js';
import { deliveredEvents, type DeliveryParts } from './delivered-events.js';
import { type EventScan, type EventValue, inRange, type Order, type Placeholder, tenant } from './event-scans.js';

const COLUMNS = 'e.id, e.sequence::float8 AS sequence, e.body';
/** An event has a delivery for each endpoint that an account may have, besides those sent again. */
const FIRST_DELIVERIES_AN_EVENT = 50;

/** Which conditions a statement has besides those of its scan. */
export type Remainder = 'none' | 'columns' | 'columns and deliveries';

const shapes = new StatementShapes<EventValue>();

/**
 * A count that the planner does not know: a value that many events have seems to it as rare as any other of its column,
 * and where it expects fewer rows than are wanted, it reads all there are and sorts them. Nor does it then expect a
 * plan for the very count to be so much better that it plans each search anew.
 */
const hidden = (count: string): string => `(SELECT ${count}::bigint)`;

/** A page: up to `limit` events of the range, in order. */
export function pageStatement(scan: EventScan, order: Order, remainder: Remainder): ShapedStatement<EventValue> {
  return shapes.get(`events.${scan.name}.${remainder}.${order}`, (p) => {
    const branches = scan.branches(p).map(
      ({ wanted, where }) => `SELECT e.* FROM ${wanted} CROSS JOIN LATERAL (
        SELECT ${COLUMNS} FROM signalpost.events e
        WHERE ${tenant(p)} AND ${inRange(p)} AND ${where} ${remaining(remainder, p)}
        ORDER BY e.id ${order} LIMIT ${hidden(p('limit'))}) AS e`,
    );
    return `${scan.tables?.(p) ?? ''} SELECT e.* FROM (${branches.join(' UNION ALL ')}) AS e
      ORDER BY e.id ${order} LIMIT ${p('limit')}`;
  });
}

/** The id at which a step of `offset` + 1 index entries ends, nearest of all branches; no row: all end before. */
export function edgeStatement(scan: EventScan, order: Order): ShapedStatement<EventValue> {
  return shapes.get(`events.${scan.name}.edge.${order}`, (p) => {
    const share = scan.share === undefined ? '' : ` / ${scan.share}`;
    const branches = scan.branches(p).map(
      ({ wanted, where }) => `SELECT e.id FROM ${wanted} CROSS JOIN LATERAL (
        SELECT e.id FROM signalpost.events e WHERE ${tenant(p)} AND ${inRange(p)} AND ${where}
        ORDER BY e.id ${order} OFFSET ${hidden(p('offset'))}${share} LIMIT 1) AS e`,
    );
    return `${scan.tables?.(p) ?? ''} SELECT e.id FROM (${branches.join(' UNION ALL ')}) AS e
      ORDER BY e.id ${order} LIMIT 1`;
  });
}

/** A page of the events that have deliveries; with other conditions all of the range, which must be short, is read. */
export function deliveredStatement(
  parts: DeliveryParts,
  order: Order,
  remainder: 'none' | 'columns',
): ShapedStatement<EventValue> {
  return shapes.get(`events.delivered.${parts.name}.${remainder}.${order}`, (p) => {
    const tail = remainder === 'none' ? `LIMIT ${p('limit')}::bigint * ${FIRST_DELIVERIES_AN_EVENT}` : '';
    const found = deliveredEvents(parts, p, order, tail).map((part) => `(${part})`);
    const ids = `SELECT f.event_id FROM (${found.join(' UNION ALL ')}) AS f GROUP BY f.event_id`;
    const near = remainder === 'none' ? `${ids} ORDER BY f.event_id ${order} LIMIT ${p('limit')}` : ids;
    return `SELECT ${COLUMNS} FROM (${near}) AS wanted
      JOIN signalpost.events e ON ${tenant(p)} AND e.id = wanted.event_id
      WHERE true ${remaining(remainder, p)} ORDER BY e.id ${order} LIMIT ${p('limit')}`;
  });
}

/** How the hits of words are gathered: of one month or of the whole range, up to a number past which it is in vain. */
export interface Gathering {
  /** Part of the statement's name. */
  readonly name: string;
  /** Null: the whole range. */
  readonly month: WholeMonth | null;
  readonly mostHits: number;
}

/** Few, for the word may have many more, and then they were gathered in vain. */
export const FEW_HITS: Gathering = { name: 'few', month: null, mostHits: 500 };
/** Many, of a word that seems rare beside other filters, by which most hits of every month have to be judged anyway. */
export const MANY_HITS: Gathering = { name: 'many', month: null, mostHits: 2_500 };

/** Those of one month. With more of them the word is so frequent that walking soon meets them. */
export function hitsOfMonth(month: WholeMonth): Gathering {
  const name = `${month.until === null ? 'since' : 'in'}.${month.from.slice(0, 13)}`;
  return { name, month, mostHits: 2_000 };
}

/**
 * A page of the events that have the words asked for, and in each row, also where there is no event, how many have them
 * in the range; past `mostHits` the page means nothing. Index: events_by_word, then the primary key. The tests of
 * truth keep the planner, which cannot know how frequent a word is, from any other index; the question is hidden from
 * it, lest it plan each anew. The month that the range lies in is part of the text, so that the planner knows it to be
 * one partition.
 */
export function wordsStatement(
  order: Order,
  remainder: 'columns' | 'columns and deliveries',
  { name, month, mostHits }: Gathering,
): ShapedStatement<EventValue> {
  const bound = month === null ? hidden(`${mostHits + 1}`) : mostHits + 1;
  return shapes.get(`events.words.${name}.${remainder}.${order}`, (p) => {
    const tail = `ORDER BY h.id ${order} LIMIT ${hidden(p('limit'))}`;
    const start = month === null ? '' : `AND e.id >= '${month.from}'`;
    const inMonth = (month?.until ?? null) === null ? start : `${start} AND e.id < '${month!.until}'`;
    return `WITH hits AS MATERIALIZED (
        SELECT e.id, (true ${remaining(remainder, p)}) AS passes FROM signalpost.events e
        WHERE ${indexedWords('e')} @@ (SELECT ${p('question')}::tsquery) AND (e.account_id = ${p('accountId')}) IS TRUE
          AND (e.mode = ${p('mode')}) IS TRUE AND (${inRange(p)}) IS TRUE ${inMonth} LIMIT ${bound}
      )
      SELECT total.hits, found.* FROM (SELECT count(*)::integer AS hits FROM hits) AS total
      LEFT JOIN (
        SELECT e.* FROM (SELECT h.id FROM hits h WHERE h.passes ${tail}) AS h CROSS JOIN LATERAL (
          SELECT ${COLUMNS} FROM signalpost.events e WHERE ${tenant(p)} AND e.id = h.id ${inMonth} LIMIT 1
        ) AS e
      ) AS found ON true ORDER BY found.id ${order}`;
  });
}

/** In how many of the `limit` nearest events of the range each term occurs. Index: primary key. */
export function sampleStatement(order: Order): ShapedStatement<EventValue> {
  return shapes.get(`events.sample.${order}`, (p) => {
    const nearest = `SELECT e.search FROM signalpost.events e
      WHERE ${tenant(p)} AND ${inRange(p)} ORDER BY e.id ${order} LIMIT ${hidden(p('limit'))}`;
    return termCounts(nearest, p('patterns'));
  });
}

/** As `edgeStatement`. */
export function deliveredEdgeStatement(parts: DeliveryParts, order: Order): ShapedStatement<EventValue> {
  return shapes.get(`events.delivered.${parts.name}.edge.${order}`, (p) => {
    const edges = deliveredEvents(parts, p, order, `OFFSET ${p('offset')}::bigint LIMIT 1`).map((part) => `(${part})`);
    return `SELECT e.event_id AS id FROM (${edges.join(' UNION ALL ')}) AS e ORDER BY e.event_id ${order} LIMIT 1`;
  });
}

// Null lets all through, so that every combination of filters shares one statement with one plan. What drives the scan
// is asked again, which costs next to nothing; the null test keeps the planner from driving by anything else.
function remaining(remainder: Remainder, p: Placeholder): string {
  if (remainder === 'none') return '';
  const oneOf = (column: string, value: EventValue): string =>
    `AND (${p(value)}::text[] IS NULL OR ${column} = ANY (${p(value)}))`;
  const columns = `AND (NOT ${p('hasTypes')}::boolean OR e.type = ANY (${p('types')}::text[])
      OR split_part(e.type, '.', 1) = ANY (${p('nouns')}::text[]))
    ${oneOf('e.operation_kind', 'kinds')} ${oneOf('e.operation_status', 'statuses')}
    ${oneOf('e.operation_id', 'operationIds')} ${oneOf('e.reference', 'references')}
    ${oneOf('e.external_id', 'externalIds')}
    AND (${p('occurredAfter')}::timestamptz IS NULL OR e.occurred_at >= ${p('occurredAfter')})
    AND (${p('occurredBefore')}::timestamptz IS NULL OR e.occurred_at < ${p('occurredBefore')})
    AND e.search LIKE ALL (${p('patterns')}::text[])`;
  if (remainder === 'columns') return columns;
  const delivered = withTenant(hasDelivery('e.id', '@statuses'), p('accountId'), p('mode'));
  return `${columns} AND ${delivered.replaceAll('@statuses', () => p('deliveryStatuses'))}`;
}
