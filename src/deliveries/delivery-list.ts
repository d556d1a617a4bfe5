import type { Tenant } from '../auth/caller.js';
import type { Page } from '../common/pagination.js';
import { LAST_UUID, uuidAfter } from '../common/uuid-order.js';
import { type ShapedStatement, StatementShapes } from '../database/shaped-statement.js';
import * as sql from './delivery-rows.js';
import type { DeliveryStatus } from './delivery-rows.js';
import { deliveriesOfOperation } from './operation-deliveries.js';

/** Values of one filter mean or, different filters mean and; an empty list filters nothing. Ids are uuids. */
export interface DeliveryFilters {
  readonly endpointIds: readonly string[];
  readonly eventIds: readonly string[];
  readonly operationIds: readonly string[];
  readonly statuses: readonly DeliveryStatus[];
  /** The smallest id that is given: the retention, or a later time. */
  readonly from: string;
  /** The id before which all lie; null: no end. */
  readonly until: string | null;
}

interface ListValues {
  readonly accountId: string;
  readonly mode: string;
  readonly from: string;
  readonly until: string;
  readonly limit: number;
  readonly endpointIds: readonly string[] | null;
  readonly eventIds: readonly string[];
  readonly operationIds: readonly string[] | null;
  readonly statuses: readonly DeliveryStatus[] | null;
  /** Those of the statuses asked for that an ended delivery can have. */
  readonly endedStatuses: readonly DeliveryStatus[];
}
type Placeholder = (value: keyof ListValues) => string;

const ENDED_STATUSES: readonly DeliveryStatus[] = ['succeeded', 'failed', 'cancelled', 'skipped'];
const UNFINISHED_STATUSES: readonly DeliveryStatus[] = ['pending', 'cancelled', 'skipped'];

export function toListValues(tenant: Tenant, filters: DeliveryFilters, page: Page): ListValues {
  const { from, until, endpointIds, eventIds, operationIds, statuses } = filters;
  const orNull = <T>(values: readonly T[]): readonly T[] | null => (values.length > 0 ? [...new Set(values)] : null);
  return {
    accountId: tenant.accountId,
    mode: tenant.mode,
    from: [from, page.before === null ? from : uuidAfter(page.before)].sort()[1]!,
    until: [until ?? LAST_UUID, page.after ?? LAST_UUID].sort()[0]!,
    limit: page.limit + 1,
    endpointIds: orNull(endpointIds),
    eventIds: [...new Set(eventIds)],
    operationIds: orNull(operationIds),
    statuses: orNull(statuses),
    endedStatuses: ENDED_STATUSES.filter((status) => statuses.length === 0 || statuses.includes(status)),
  };
}

/** What a statement is driven by, and which of the tables can hold the statuses asked for. */
interface Shape {
  readonly by: 'event' | 'operation' | 'endpoint' | 'status' | 'all';
  readonly succeeded: boolean;
  readonly unsuccessful: boolean;
  readonly unfinished: boolean;
}

const shapes = new StatementShapes<keyof ListValues>();

/**
 * One statement; each part of its unions gives no more than a page, in the order of the ids. Nothing is read that a
 * filter leaves out: an event's deliveries are few; an operation's are read in the order of its events, an endpoint's
 * and those of a status in their own, an index scan for each endpoint and status.
 */
export function deliveryListStatement(
  filters: DeliveryFilters,
  order: 'ASC' | 'DESC',
): ShapedStatement<keyof ListValues> {
  const shape = shapeOf(filters);
  const parts = [shape.succeeded && 's', shape.unsuccessful && 'u', shape.unfinished && 'p'];
  return shapes.get(`deliveries.list.${shape.by}.${parts.filter(Boolean).join('')}.${order}`, (p) => {
    // The fragments of delivery-rows.ts have the account and the mode first.
    p('accountId');
    p('mode');
    const tail = (id: string): string => `ORDER BY ${id} ${order} LIMIT ${p('limit')}`;
    return `WITH page AS MATERIALIZED (${source(shape, order, tail, p)} ${tail('id')}), ${sql.AIR}
      SELECT page.*, ${sql.IN_FLIGHT}, NULL AS attempts FROM page ${tail('page.id')}`;
  });
}

function shapeOf({ eventIds, operationIds, endpointIds, statuses }: DeliveryFilters): Shape {
  const has = (wanted: readonly DeliveryStatus[]): boolean =>
    statuses.length === 0 || statuses.some((status) => wanted.includes(status));
  const given = { event: eventIds, operation: operationIds, endpoint: endpointIds, status: statuses };
  const used = (Object.keys(given) as (keyof typeof given)[]).find((filter) => given[filter].length > 0);
  return {
    by: used ?? 'all',
    succeeded: has(['succeeded']),
    unsuccessful: has(['failed', 'cancelled', 'skipped']),
    unfinished: has(UNFINISHED_STATUSES),
  };
}

type Tail = (id: string) => string;

function source(shape: Shape, order: 'ASC' | 'DESC', tail: Tail, p: Placeholder): string {
  if (shape.by === 'event') return ofEvents(p);
  if (shape.by === 'operation') return ofOperations(order, p);
  const ended =
    shape.by === 'endpoint'
      ? endedOfEndpoints(shape, tail, p)
      : shape.by === 'status'
        ? endedOfStatuses(shape, tail, p)
        : [`SELECT ended.* FROM (${endedRows(p)} ${tail('d.id')}) AS ended`];
  const unfinished = shape.unfinished ? [unfinishedOf(shape, tail, p)] : [];
  return [...ended, ...unfinished].join(' UNION ALL ');
}

const inRange = (alias: string, p: Placeholder): string =>
  `${alias}.id >= ${p('from')} AND ${alias}.id < ${p('until')}`;

const endedRows = (p: Placeholder): string =>
  `SELECT ${sql.ENDED_COLUMNS} FROM ${sql.ENDED_TABLE} WHERE ${sql.ENDED_TENANT} AND ${inRange('d', p)}`;

const unfinishedRows = (p: Placeholder): string =>
  `SELECT ${sql.UNFINISHED_COLUMNS} FROM ${sql.UNFINISHED_TABLE} WHERE ${sql.UNFINISHED_TENANT} AND ${inRange('p', p)}
    AND (${p('statuses')}::text[] IS NULL OR ${sql.UNFINISHED_STATUS} = ANY (${p('statuses')}))`;

const remaining = (alias: string, status: string, p: Placeholder): string => `AND ${inRange(alias, p)}
    AND (${p('endpointIds')}::uuid[] IS NULL OR ${alias}.endpoint_id = ANY (${p('endpointIds')}))
    AND (${p('operationIds')}::text[] IS NULL OR ${alias}.operation_id = ANY (${p('operationIds')}))
    AND (${p('statuses')}::text[] IS NULL OR ${status} = ANY (${p('statuses')}))`;

/** Index: as `deliveriesOfWantedEvents` says. */
function ofEvents(p: Placeholder): string {
  const ended = remaining('d', sql.ENDED_STATUS, p);
  const unfinished = remaining('p', sql.UNFINISHED_STATUS, p);
  return `SELECT owed.* FROM unnest(${p('eventIds')}::uuid[]) AS wanted (event_id)
    ${sql.deliveriesOfWantedEvents(ended, unfinished)}`;
}

/** Index: as `deliveriesOfOperation` says. */
function ofOperations(order: 'ASC' | 'DESC', p: Placeholder): string {
  const page = deliveriesOfOperation({
    operationId: 'wanted.operation_id',
    ...{ from: `${p('from')}::uuid`, until: `${p('until')}::uuid`, limit: p('limit'), order },
    conditions: (alias, status) => remaining(alias, status, p),
  });
  return `SELECT owed.* FROM unnest(${p('operationIds')}::text[]) AS wanted (operation_id)
    CROSS JOIN LATERAL (${page}) AS owed`;
}

/** Index: deliveries_by_endpoint. */
function endedOfEndpoints({ succeeded, unsuccessful }: Shape, tail: Tail, p: Placeholder): string[] {
  if (!succeeded && !unsuccessful) return [];
  return [
    `SELECT ended.* FROM unnest(${p('endpointIds')}::uuid[]) AS wanted (endpoint_id)
      CROSS JOIN unnest(${p('endedStatuses')}::text[]) AS given (status) CROSS JOIN LATERAL (
        ${endedRows(p)} AND d.endpoint_id = wanted.endpoint_id AND d.status = given.status ${tail('d.id')}) AS ended`,
  ];
}

/** Index: deliveries_unsuccessful; succeeded ones, which are most, are found by the account's endpoints. */
function endedOfStatuses({ succeeded, unsuccessful }: Shape, tail: Tail, p: Placeholder): string[] {
  const parts: string[] = [];
  if (unsuccessful) {
    parts.push(`SELECT ended.* FROM unnest(${p('endedStatuses')}::text[]) AS given (status) CROSS JOIN LATERAL (
      ${endedRows(p)} AND d.status = given.status AND d.status <> 'succeeded' ${tail('d.id')}) AS ended`);
  }
  if (succeeded) {
    parts.push(`SELECT ended.* FROM signalpost.webhook_endpoints w CROSS JOIN LATERAL (
      ${endedRows(p)} AND d.endpoint_id = w.id AND d.status = 'succeeded' ${tail('d.id')}) AS ended
      WHERE w.account_id = $1 AND w.mode = $2`);
  }
  return parts;
}

/** Index: pending_deliveries_due for endpoints, else the primary key. */
function unfinishedOf({ by }: Shape, tail: Tail, p: Placeholder): string {
  if (by !== 'endpoint') return `SELECT unfinished.* FROM (${unfinishedRows(p)} ${tail('p.id')}) AS unfinished`;
  return `SELECT unfinished.* FROM unnest(${p('endpointIds')}::uuid[]) AS wanted (endpoint_id) CROSS JOIN LATERAL (
    ${unfinishedRows(p)} AND p.endpoint_id = wanted.endpoint_id ${tail('p.id')}) AS unfinished`;
}
