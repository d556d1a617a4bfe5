import type { EventCondition } from './event-filters.js';
import { IS_LATE, LATENESS } from './lateness.js';

/** The values that statements on events are given by name. */
export type EventValue =
  | 'accountId'
  | 'mode'
  | 'from'
  | 'until'
  | 'limit'
  | 'offset'
  | 'types'
  | 'nouns'
  | 'hasTypes'
  | 'kinds'
  | 'statuses'
  | 'operationIds'
  | 'references'
  | 'externalIds'
  | 'patterns'
  | 'occurredAfter'
  | 'occurredBefore'
  | 'deliveryStatuses'
  | 'nearOccurred'
  | 'latenesses'
  | 'lateFrom'
  | 'lateUntil'
  | 'question';

export type Placeholder = (value: EventValue) => string;
export type Order = 'ASC' | 'DESC';

export const tenant = (p: Placeholder): string => `e.account_id = ${p('accountId')} AND e.mode = ${p('mode')}`;
export const inRange = (p: Placeholder): string => `e.id >= ${p('from')} AND e.id < ${p('until')}`;

/**
 * A part of a scan: for each row of `wanted`, the events `e` under `where`, which one ordered index scan finds. A
 * generic plan of `= ANY` would read all there is and sort it; a scan for each value under LATERAL stops after a page.
 */
export interface Branch {
  readonly wanted: string;
  readonly where: string;
}

/** One way through the events that indexes of theirs serve in the order of ids. */
export interface EventScan {
  readonly name: string;
  /** The conditions that it answers by itself. */
  readonly covers: readonly EventCondition[];
  /** Common tables before the statement. */
  readonly tables?: (p: Placeholder) => string;
  readonly branches: (p: Placeholder) => readonly Branch[];
  /** By how much a step over several branches is shorter in each; an SQL expression. */
  readonly share?: string;
}

/** Index: primary key. */
export const ALL: EventScan = {
  name: 'all',
  covers: [],
  branches: () => [{ wanted: '(SELECT) AS wanted', where: 'true' }],
};

/** Index: external_ids' primary key, then the events'; a value has one event. */
export const BY_EXTERNAL_ID: EventScan = {
  name: 'external',
  covers: ['external'],
  branches: (p) => [
    {
      wanted: `unnest(${p('externalIds')}::text[]) AS given (value) CROSS JOIN LATERAL (
        SELECT x.event_id FROM signalpost.external_ids x
        WHERE x.account_id = ${p('accountId')} AND x.mode = ${p('mode')} AND x.external_id = given.value LIMIT 1
      ) AS wanted`,
      where: 'e.id = wanted.event_id',
    },
  ],
};

/** Index: events_by_operation. */
export const BY_OPERATION: EventScan = {
  name: 'operation',
  covers: ['operation'],
  branches: (p) => [
    { wanted: `unnest(${p('operationIds')}::text[]) AS wanted (value)`, where: 'e.operation_id = wanted.value' },
  ],
};

/** Index: events_by_reference. */
export const BY_REFERENCE: EventScan = {
  name: 'reference',
  covers: ['reference'],
  branches: (p) => [
    { wanted: `unnest(${p('references')}::text[]) AS wanted (value)`, where: 'e.reference = wanted.value' },
  ],
};

const TRAITS = `e.type, coalesce(e.operation_kind, '') AS kind, coalesce(e.operation_status, '') AS status`;
const NEXT_TRAITS = `ORDER BY e.type, coalesce(e.operation_kind, ''), coalesce(e.operation_status, '') LIMIT 1`;
const OF_TRAITS = {
  wanted: 'traits AS wanted',
  where: `e.type = wanted.type AND coalesce(e.operation_kind, '') = wanted.kind
    AND coalesce(e.operation_status, '') = wanted.status`,
};

function wantedTraits(known: string, p: Placeholder): string {
  return `WITH RECURSIVE ${known}, traits AS MATERIALIZED (
    SELECT k.type, k.kind, k.status FROM known k
    WHERE (NOT ${p('hasTypes')}::boolean OR k.type = ANY (${p('types')}::text[])
           OR split_part(k.type, '.', 1) = ANY (${p('nouns')}::text[]))
      AND (${p('kinds')}::text[] IS NULL OR k.kind = ANY (${p('kinds')}))
      AND (${p('statuses')}::text[] IS NULL OR k.status = ANY (${p('statuses')}))
  )`;
}

/** Index: events_by_type, jumped through from each combination of type, kind and status to the next. */
export const BY_TRAITS: EventScan = {
  name: 'traits',
  covers: ['type', 'kind', 'status'],
  tables: (p) =>
    wantedTraits(
      `known AS (
        (SELECT ${TRAITS} FROM signalpost.events e WHERE ${tenant(p)} AND e.type > '' ${NEXT_TRAITS})
        UNION ALL
        SELECT following.* FROM known k CROSS JOIN LATERAL (
          SELECT ${TRAITS} FROM signalpost.events e
          WHERE ${tenant(p)} AND e.type >= k.type
            AND (e.type, coalesce(e.operation_kind, ''), coalesce(e.operation_status, '')) > (k.type, k.kind, k.status)
          ${NEXT_TRAITS}
        ) AS following
      )`,
      p,
    ),
  branches: () => [OF_TRAITS],
  share: '(SELECT greatest(count(*), 1) FROM traits)',
};

/** The same within types that are named, each a few jumps. */
export const BY_TYPE: EventScan = {
  name: 'type',
  covers: ['type', 'kind', 'status'],
  tables: (p) =>
    wantedTraits(
      `known AS (
        SELECT first.* FROM unnest(${p('types')}::text[]) AS given (type) CROSS JOIN LATERAL (
          SELECT ${TRAITS} FROM signalpost.events e WHERE ${tenant(p)} AND e.type = given.type ${NEXT_TRAITS}
        ) AS first
        UNION ALL
        SELECT following.* FROM known k CROSS JOIN LATERAL (
          SELECT ${TRAITS} FROM signalpost.events e
          WHERE ${tenant(p)} AND e.type = k.type
            AND (coalesce(e.operation_kind, ''), coalesce(e.operation_status, '')) > (k.kind, k.status)
          ${NEXT_TRAITS}
        ) AS following
      )`,
      p,
    ),
  branches: () => [OF_TRAITS],
  share: '(SELECT greatest(count(*), 1) FROM traits)',
};

/**
 * What happened before a time: what was accepted by ten minutes after it (`nearOccurred`), and of the rest what came
 * late, by how late it came: so only what was accepted within as much again is met in vain. Index: primary key,
 * events_late.
 */
export const BY_TIME: EventScan = {
  name: 'time',
  covers: [],
  branches: (p) => [
    { wanted: '(SELECT) AS wanted', where: `e.id < ${p('nearOccurred')}` },
    {
      wanted: `unnest(${p('latenesses')}::integer[], ${p('lateFrom')}::uuid[], ${p('lateUntil')}::uuid[])
        AS wanted (lateness, from_id, until_id)`,
      where: `e.id >= wanted.from_id AND e.id < wanted.until_id AND ${LATENESS} = wanted.lateness AND ${IS_LATE}`,
    },
  ],
};
