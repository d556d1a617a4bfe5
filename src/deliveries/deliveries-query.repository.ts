import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import type { Tenant } from '../auth/caller.js';
import type { Page } from '../common/pagination.js';
import { Database, type Statement } from '../database/database.js';
import * as sql from './delivery-rows.js';
import { type DeliveryFilters, deliveryListStatement, toListValues } from './delivery-list.js';
import type { DeliveryRow } from './delivery-rows.js';

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
    const values = toListValues(tenant, filters, page);
    if (values.from >= values.until) return [];
    const shape = deliveryListStatement(filters, page.before === null ? 'DESC' : 'ASC');
    return this.database.rows(shape.statement, shape.valuesOf(values));
  }
}
