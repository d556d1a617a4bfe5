import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import type { Tenant } from '../auth/caller.js';
import { firstUuidAt } from '../common/ids.js';
import type { Page } from '../common/pagination.js';
import { lastUuid, uuidAfter } from '../logs/uuid-order.js';
import { Database, type Statement } from '../database/database.js';
import { type KeyRange, type Scan, walk, type WalkDirection } from '../database/filtered-walk.js';
import type { ShapedStatement } from '../database/shaped-statement.js';
import { deliveryPartsOf } from './delivered-events.js';
import { conditionsOf, type EventCondition, type EventFilters, filterValues } from './event-filters.js';
import * as scans from './event-scans.js';
import * as statements from './event-statements.js';

/** The body of an event, byte for byte as it was stored, signed and sent. */
export interface EventBody {
  readonly id: string;
  readonly sequence: number;
  readonly body: string;
}

// One look-up by primary key, in one partition.
const FIND: Statement = {
  name: 'events.find',
  text: 'SELECT e.body FROM signalpost.events e WHERE e.account_id = $1 AND e.mode = $2 AND e.id = $3',
};

/** No event happens later than this after it is accepted. */
const FUTURE_MS = 10 * 60_000;

const DOWN: WalkDirection<string> = {
  cut: ({ from, until }, edge) => [
    { from: edge, until },
    { from, until: edge },
  ],
  isFurther: (edge, than) => edge < than,
};
const UP: WalkDirection<string> = {
  cut: ({ from, until }, edge) => [
    { from, until: uuidAfter(edge) },
    { from: uuidAfter(edge), until },
  ],
  isFurther: (edge, than) => edge > than,
};

type EventValues = Record<scans.EventValue, unknown>;

@Injectable()
export class EventsQueryRepository {
  constructor(private readonly database: Database) {}

  /** The event's body; null when there is none of this id in the account and mode. */
  async findBody(tenant: Tenant, id: string, manager?: EntityManager): Promise<string | null> {
    const [row] = await this.database.rows<{ body: string }>(FIND, [tenant.accountId, tenant.mode, id], manager);
    return row?.body ?? null;
  }

  /**
   * Up to `page.limit` + 1 events, newest first, or oldest first for `page.before`.
   * @throws AppError 503 when filters that have little in common would have to look at too much.
   */
  async list(tenant: Tenant, filters: EventFilters, page: Page): Promise<EventBody[]> {
    const order = page.before === null ? 'DESC' : 'ASC';
    const range = rangeOf(filters, page);
    if (range.from >= range.until) return [];
    const conditions = conditionsOf(filters);
    const values = valuesOf(tenant, filters);
    const ways = SCANS.filter(({ serves }) => serves(filters, conditions)).map(({ scan }) => scan);
    const usable = ways.length > 0 ? ways : [scans.ALL];
    const made = usable.map((scan) =>
      scan === DELIVERED
        ? this.deliveredScan(filters, conditions, values, order)
        : this.eventScan(scan, conditions, values, order),
    );
    const exact = made.find(({ isExact }) => isExact);
    if (exact !== undefined) return exact.read(range, page.limit + 1);
    return walk(made, range, page.limit + 1, order === 'DESC' ? DOWN : UP);
  }

  private eventScan(scan: scans.EventScan, conditions: Conditions, values: EventValues, order: scans.Order): MadeScan {
    const rest = [...conditions].filter((condition) => !scan.covers.includes(condition));
    const remainder = rest.includes('delivery') ? 'columns and deliveries' : rest.length > 0 ? 'columns' : 'none';
    const page = statements.pageStatement(scan, order, remainder);
    return this.scan(page, () => statements.edgeStatement(scan, order), values, {
      // An external id has one event: there is nothing to walk.
      isExact: remainder === 'none' || scan === scans.BY_EXTERNAL_ID,
    });
  }

  private deliveredScan(
    filters: EventFilters,
    conditions: Conditions,
    values: EventValues,
    order: scans.Order,
  ): MadeScan {
    const parts = deliveryPartsOf(filters);
    const remainder = conditions.size > 1 ? 'columns' : 'none';
    const page = statements.deliveredStatement(parts, order, remainder);
    return this.scan(page, () => statements.deliveredEdgeStatement(parts, order), values, {
      isExact: remainder === 'none',
    });
  }

  private scan(
    page: ShapedStatement<scans.EventValue>,
    edgeOf: () => ShapedStatement<scans.EventValue>,
    values: EventValues,
    { isExact }: { isExact: boolean },
  ): MadeScan {
    return {
      isExact,
      read: (range, limit) =>
        this.database.rows<EventBody>(page.statement, page.valuesOf({ ...values, ...range, limit })),
      edge: async (range, rows) => {
        const edge = edgeOf();
        const [row] = await this.database.rows<{ id: string }>(
          edge.statement,
          edge.valuesOf({ ...values, ...range, offset: rows - 1 }),
        );
        return row?.id ?? null;
      },
    };
  }
}

type Conditions = ReadonlySet<EventCondition>;

interface MadeScan extends Scan<string, EventBody> {
  /** Whether it answers all conditions by itself, so that nothing it reads is left out. */
  readonly isExact: boolean;
}

/** Stands for the scan over deliveries, whose statements depend on the statuses. */
const DELIVERED = 'delivered';

interface Way {
  readonly scan: scans.EventScan | typeof DELIVERED;
  readonly serves: (filters: EventFilters, conditions: Conditions) => boolean;
}

const isOfTraits = (conditions: Conditions): boolean =>
  conditions.has('type') || conditions.has('kind') || conditions.has('status');
const namesTypes = ({ types, nouns }: EventFilters): boolean => types.length > 0 && nouns.length === 0;

/** The most selective first, as a rule: where it is not so, `walk` finds out. */
const SCANS: readonly Way[] = [
  { scan: scans.BY_EXTERNAL_ID, serves: (_, conditions) => conditions.has('external') },
  { scan: scans.BY_OPERATION, serves: (_, conditions) => conditions.has('operation') },
  { scan: scans.BY_REFERENCE, serves: (_, conditions) => conditions.has('reference') },
  { scan: DELIVERED, serves: (_, conditions) => conditions.has('delivery') },
  { scan: scans.BY_TYPE, serves: (filters, conditions) => isOfTraits(conditions) && namesTypes(filters) },
  { scan: scans.BY_TRAITS, serves: (filters, conditions) => isOfTraits(conditions) && !namesTypes(filters) },
  { scan: scans.BY_TIME, serves: ({ occurredBefore }) => occurredBefore !== null },
];

function rangeOf({ from, until, occurredAfter }: EventFilters, page: Page): KeyRange<string> {
  const bounds = [from];
  if (page.before !== null) bounds.push(uuidAfter(page.before));
  if (occurredAfter !== null) bounds.push(firstUuidAt(Date.parse(occurredAfter) - FUTURE_MS));
  const ends = [until ?? lastUuid, page.after ?? lastUuid];
  return { from: bounds.sort().at(-1)!, until: ends.sort()[0]! };
}

function valuesOf({ accountId, mode }: Tenant, filters: EventFilters): EventValues {
  const { occurredBefore } = filters;
  return {
    ...{ accountId, mode, from: null, until: null, limit: null, offset: null },
    ...filterValues(filters),
    nearOccurred: occurredBefore === null ? null : firstUuidAt(Date.parse(occurredBefore) + FUTURE_MS),
  };
}
