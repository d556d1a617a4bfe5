import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import type { Tenant } from '../auth/caller.js';
import type { IdInterval } from '../common/id-interval.js';
import type { Page } from '../common/pagination.js';
import { searchPattern } from '../common/search-text.js';
import { Database, type Statement } from '../database/database.js';
import { listStatement, Parameters } from '../database/parameters.js';
import { type DeliveryStatus, hasDelivery } from '../deliveries/delivery-rows.js';

/** Values of one filter mean or, different filters mean and; an empty list filters nothing. */
export interface EventFilters extends IdInterval {
  readonly types: readonly string[];
  /** What stands before `.*`: every type of that noun. */
  readonly nouns: readonly string[];
  readonly operationIds: readonly string[];
  readonly operationKinds: readonly string[];
  readonly operationStatuses: readonly string[];
  readonly references: readonly string[];
  readonly externalIds: readonly string[];
  /** Beginnings of words, all of which must be found. */
  readonly terms: readonly string[];
  readonly occurredAfter: string | null;
  readonly occurredBefore: string | null;
  /** Events with at least one delivery that stands so. */
  readonly deliveryStatuses: readonly DeliveryStatus[];
}

/** The body of an event, byte for byte as it was stored, signed and sent. */
interface BodyRow {
  readonly body: string;
}

// One look-up by primary key, in one partition.
const FIND: Statement = {
  name: 'events.find',
  text: 'SELECT e.body FROM signalpost.events e WHERE e.account_id = $1 AND e.mode = $2 AND e.id = $3',
};

@Injectable()
export class EventsQueryRepository {
  constructor(private readonly database: Database) {}

  /** The event's body; null when there is none of this id in the account and mode. */
  async findBody(tenant: Tenant, id: string, manager?: EntityManager): Promise<string | null> {
    const [row] = await this.database.rows<BodyRow>(FIND, [tenant.accountId, tenant.mode, id], manager);
    return row?.body ?? null;
  }

  /** Bodies of up to `page.limit` + 1 events, newest first, or oldest first for `page.before`. */
  async listBodies(tenant: Tenant, filters: EventFilters, page: Page): Promise<string[]> {
    const parameters = new Parameters();
    parameters.add(tenant.accountId);
    parameters.add(tenant.mode);
    const conditions = conditionsOf(filters, page, parameters);
    const limit = parameters.add(page.limit + 1);
    const tail = `ORDER BY e.id ${page.before === null ? 'DESC' : 'ASC'} LIMIT ${limit}`;
    const text = listText(filters, conditions, tail, parameters);
    const rows = await this.database.rows<BodyRow>(
      listStatement('events.list', text, countFilters(filters)),
      parameters.values,
    );
    return rows.map(({ body }) => body);
  }
}

const TENANT = 'e.account_id = $1 AND e.mode = $2';

/**
 * One statement, driven by the most selective filter that has an index. Where a filter has several values, each gets
 * an index scan of its own under LATERAL, which stops after a page: a generic plan of `= ANY` reads all there is and
 * sorts it. Order and page are those of the ids, which are those of the sequence.
 */
function listText(filters: EventFilters, conditions: string, tail: string, parameters: Parameters): string {
  // Index: external_ids' primary key, then the events'.
  if (filters.externalIds.length > 0) {
    return `SELECT e.body FROM signalpost.external_ids x JOIN signalpost.events e ON ${TENANT} AND e.id = x.event_id
      WHERE x.account_id = $1 AND x.mode = $2
        AND x.external_id = ANY (${parameters.add(filters.externalIds)}::text[]) ${conditions} ${tail}`;
  }
  // Index: events_by_operation.
  if (filters.operationIds.length > 0) {
    const wanted = `unnest(${parameters.add(filters.operationIds)}::text[]) AS wanted (value)`;
    return scanForEach(wanted, `e.operation_id = wanted.value ${conditions}`, tail);
  }
  // Index: events_by_type; the types of a noun are those the account has, found by one probe each.
  if (filters.types.length > 0 || filters.nouns.length > 0) {
    const types = `SELECT unnest(${parameters.add(filters.types)}::text[]) AS value`;
    if (filters.nouns.length === 0)
      return scanForEach(`(${types}) AS wanted`, `e.type = wanted.value ${conditions}`, tail);
    const nouns = parameters.add(filters.nouns);
    const wanted = `(${types} UNION SELECT k.type FROM known k WHERE split_part(k.type, '.', 1) = ANY (${nouns}::text[]))
      AS wanted`;
    return `WITH RECURSIVE ${KNOWN_TYPES} ${scanForEach(wanted, `e.type = wanted.value ${conditions}`, tail)}`;
  }
  // Index: primary key.
  return `SELECT e.body FROM signalpost.events e WHERE ${TENANT} ${conditions} ${tail}`;
}

function scanForEach(wanted: string, where: string, tail: string): string {
  return `SELECT e.body FROM ${wanted}
    CROSS JOIN LATERAL (SELECT e.id, e.body FROM signalpost.events e WHERE ${TENANT} AND ${where} ${tail}) AS e ${tail}`;
}

const KNOWN_TYPES = `known AS (
  (SELECT e.type FROM signalpost.events e WHERE ${TENANT} ORDER BY e.type LIMIT 1)
  UNION ALL
  SELECT following.type FROM known CROSS JOIN LATERAL (
    SELECT e.type FROM signalpost.events e WHERE ${TENANT} AND e.type > known.type ORDER BY e.type LIMIT 1
  ) AS following
)`;

/** Every condition on `e`, each beginning with AND; those that drive the scan are repeated where it costs nothing. */
function conditionsOf(filters: EventFilters, page: Page, parameters: Parameters): string {
  const parts: string[] = [`e.id >= ${parameters.add(filters.from)}`];
  const oneOf = (column: string, values: readonly string[]): void => {
    if (values.length > 0) parts.push(`${column} = ANY (${parameters.add(values)}::text[])`);
  };
  if (filters.until !== null) parts.push(`e.id < ${parameters.add(filters.until)}`);
  if (page.after !== null) parts.push(`e.id < ${parameters.add(page.after)}`);
  if (page.before !== null) parts.push(`e.id > ${parameters.add(page.before)}`);
  if (filters.externalIds.length > 0) oneOf('e.operation_id', filters.operationIds);
  if (filters.externalIds.length > 0 || filters.operationIds.length > 0) {
    // In brackets with what no index has, so that the planner cannot choose events_by_type for it.
    if (filters.types.length > 0 || filters.nouns.length > 0) {
      parts.push(`(e.type = ANY (${parameters.add(filters.types)}::text[])
        OR split_part(e.type, '.', 1) = ANY (${parameters.add(filters.nouns)}::text[]))`);
    }
  }
  oneOf('e.operation_kind', filters.operationKinds);
  oneOf('e.operation_status', filters.operationStatuses);
  oneOf('e.reference', filters.references);
  for (const term of filters.terms) parts.push(`e.search LIKE ${parameters.add(searchPattern(term))}`);
  if (filters.occurredAfter !== null) parts.push(`e.occurred_at >= ${parameters.add(filters.occurredAfter)}`);
  if (filters.occurredBefore !== null) parts.push(`e.occurred_at < ${parameters.add(filters.occurredBefore)}`);
  if (filters.deliveryStatuses.length > 0) {
    parts.push(hasDelivery('e.id', parameters.add(filters.deliveryStatuses)));
  }
  return parts.map((part) => `AND ${part}`).join(' ');
}

function countFilters(filters: EventFilters): number {
  return Object.entries(filters).filter(
    ([name, value]) => name !== 'from' && name !== 'until' && value !== null && value.length > 0,
  ).length;
}
