import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import type { Tenant } from '../auth/caller.js';
import type { Page } from '../common/pagination.js';
import { Database, type Statement } from '../database/database.js';
import { listStatement, Parameters } from '../database/parameters.js';
import * as sql from './delivery-rows.js';
import type { DeliveryRow, DeliveryStatus } from './delivery-rows.js';

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

// Primary keys, of both tables.
const FIND_ALL: Statement = {
  name: 'deliveries.find_all',
  text: `WITH page AS MATERIALIZED (
    SELECT owed.* FROM unnest($3::uuid[]) AS wanted (id)
    CROSS JOIN LATERAL (
      SELECT ${sql.ENDED_COLUMNS} FROM ${sql.ENDED_TABLE} WHERE ${sql.ENDED_TENANT} AND d.id = wanted.id
      UNION ALL
      SELECT ${sql.UNFINISHED_COLUMNS} FROM ${sql.UNFINISHED_TABLE} WHERE ${sql.UNFINISHED_TENANT} AND p.id = wanted.id
    ) AS owed
  ), ${sql.AIR}
  SELECT page.*, ${sql.IN_FLIGHT}, NULL AS attempts FROM page`,
};

// One round trip, primary keys. The attempts and the delivery are of one snapshot.
const FIND: Statement = {
  name: 'deliveries.find',
  text: `WITH page AS MATERIALIZED (
    SELECT ${sql.ENDED_COLUMNS} FROM ${sql.ENDED_TABLE} WHERE ${sql.ENDED_TENANT} AND d.id = $4
    UNION ALL
    SELECT ${sql.UNFINISHED_COLUMNS} FROM ${sql.UNFINISHED_TABLE} WHERE ${sql.UNFINISHED_TENANT} AND p.id = $4
  ), ${sql.AIR}
  SELECT page.*, ${sql.IN_FLIGHT}, ${sql.attemptsSince('$3')} AS attempts FROM page`,
};

/** Reads deliveries of both tables, which it never writes. */
@Injectable()
export class DeliveriesQueryRepository {
  constructor(private readonly database: Database) {}

  /** `attemptsFrom`: attempts that started before are not shown. */
  async find(tenant: Tenant, id: string, attemptsFrom: Date, manager?: EntityManager): Promise<DeliveryRow | null> {
    const values = [tenant.accountId, tenant.mode, attemptsFrom, id];
    const [row] = await this.database.rows<DeliveryRow>(FIND, values, manager);
    return row ?? null;
  }

  /** Without their attempts, in no order. */
  findAll({ accountId, mode }: Tenant, ids: readonly string[], manager: EntityManager): Promise<DeliveryRow[]> {
    return this.database.rows<DeliveryRow>(FIND_ALL, [accountId, mode, ids], manager);
  }

  /** Up to `page.limit` + 1 deliveries without their attempts, newest first, or oldest first for `page.before`. */
  async list(tenant: Tenant, filters: DeliveryFilters, page: Page): Promise<DeliveryRow[]> {
    const parameters = new Parameters();
    parameters.add(tenant.accountId);
    parameters.add(tenant.mode);
    const text = listText(filters, page, parameters);
    const filterCount = [filters.endpointIds, filters.eventIds, filters.operationIds, filters.statuses].filter(
      (values) => values.length > 0,
    ).length;
    return this.database.rows(listStatement('deliveries.list', text, filterCount), parameters.values);
  }
}

interface Conditions {
  readonly ended: string;
  readonly unfinished: string;
  /** The end of each part of the union: order and limit. */
  readonly tail: (id: string) => string;
}

/*
 * One statement; each part of the union gives no more than a page, in the order of the ids. Index: of an event or an
 * operation, what `deliveriesOfWantedEvents` says; of endpoints, deliveries_by_endpoint, one scan an endpoint (a
 * generic plan of `= ANY` would sort all they have); else the primary keys.
 */
function listText(filters: DeliveryFilters, page: Page, parameters: Parameters): string {
  const conditions = conditionsOf(filters, page, parameters);
  const source =
    filters.eventIds.length > 0 || filters.operationIds.length > 0
      ? ofEvents(filters, conditions, parameters)
      : filters.endpointIds.length > 0
        ? ofEndpoints(filters, conditions, parameters)
        : ofAccount(filters, conditions);
  return `WITH page AS MATERIALIZED (${source} ${conditions.tail('id')}), ${sql.AIR}
    SELECT page.*, ${sql.IN_FLIGHT}, NULL AS attempts FROM page ${conditions.tail('page.id')}`;
}

function conditionsOf(filters: DeliveryFilters, page: Page, parameters: Parameters): Conditions {
  let shared = `AND @.id >= ${parameters.add(filters.from)}`;
  if (filters.until !== null) shared += ` AND @.id < ${parameters.add(filters.until)}`;
  if (page.after !== null) shared += ` AND @.id < ${parameters.add(page.after)}`;
  if (page.before !== null) shared += ` AND @.id > ${parameters.add(page.before)}`;
  if (filters.operationIds.length > 0) {
    shared += ` AND @.operation_id = ANY (${parameters.add(filters.operationIds)}::text[])`;
  }
  let ended = shared.replaceAll('@', 'd');
  let unfinished = shared.replaceAll('@', 'p');
  if (filters.statuses.length > 0) {
    const statuses = `${parameters.add(filters.statuses)}::text[]`;
    ended += ` AND ${sql.ENDED_STATUS} = ANY (${statuses})`;
    unfinished += ` AND ${sql.UNFINISHED_STATUS} = ANY (${statuses})`;
  }
  const limit = parameters.add(page.limit + 1);
  const direction = page.before === null ? 'DESC' : 'ASC';
  return { ended, unfinished, tail: (id) => `ORDER BY ${id} ${direction} LIMIT ${limit}` };
}

function ofEvents(filters: DeliveryFilters, conditions: Conditions, parameters: Parameters): string {
  const wanted =
    filters.eventIds.length > 0
      ? `unnest(${parameters.add(filters.eventIds)}::uuid[]) AS wanted (event_id)`
      : `(SELECT e.id AS event_id
          FROM unnest(${parameters.add(filters.operationIds)}::text[]) AS given (operation_id)
          JOIN signalpost.events e ON e.account_id = $1 AND e.mode = $2 AND e.operation_id = given.operation_id
         ) AS wanted`;
  let { ended, unfinished } = conditions;
  if (filters.endpointIds.length > 0) {
    const endpoints = `ANY (${parameters.add(filters.endpointIds)}::uuid[])`;
    ended += ` AND d.endpoint_id = ${endpoints}`;
    unfinished += ` AND p.endpoint_id = ${endpoints}`;
  }
  return `SELECT owed.* FROM ${wanted} ${sql.deliveriesOfWantedEvents(ended, unfinished)}`;
}

function ofEndpoints(filters: DeliveryFilters, conditions: Conditions, parameters: Parameters): string {
  const endpoints = parameters.add(filters.endpointIds);
  return union(filters, conditions, (rows, alias, tail) => {
    const scan = `${rows} AND ${alias}.endpoint_id = wanted.endpoint_id ${tail}`;
    return `SELECT owed.* FROM unnest(${endpoints}::uuid[]) AS wanted (endpoint_id)
      CROSS JOIN LATERAL (${scan}) AS owed`;
  });
}

function ofAccount(filters: DeliveryFilters, conditions: Conditions): string {
  return union(filters, conditions, (rows, _, tail) => `SELECT owed.* FROM (${rows} ${tail}) AS owed`);
}

/**
 * Both tables, or only the one that can hold the statuses asked for: an ended row is never pending, and looking for
 * one in all of history would cost all of it.
 */
function union(
  { statuses }: DeliveryFilters,
  conditions: Conditions,
  part: (rows: string, alias: 'd' | 'p', tail: string) => string,
): string {
  const wants = (ofTable: (status: DeliveryStatus) => boolean): boolean =>
    statuses.length === 0 || statuses.some(ofTable);
  const parts: string[] = [];
  if (wants((status) => status !== 'pending')) {
    const rows = `SELECT ${sql.ENDED_COLUMNS} FROM ${sql.ENDED_TABLE} WHERE ${sql.ENDED_TENANT} ${conditions.ended}`;
    parts.push(part(rows, 'd', conditions.tail('d.id')));
  }
  if (wants((status) => status !== 'succeeded' && status !== 'failed')) {
    const rows = `SELECT ${sql.UNFINISHED_COLUMNS} FROM ${sql.UNFINISHED_TABLE}
      WHERE ${sql.UNFINISHED_TENANT} ${conditions.unfinished}`;
    parts.push(part(rows, 'p', conditions.tail('p.id')));
  }
  return parts.join(' UNION ALL ');
}
