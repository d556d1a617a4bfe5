import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import type { Tenant } from '../auth/caller.js';
import { Clock } from '../common/clock.js';
import { firstUuidAt } from '../common/ids.js';
import type { Page } from '../common/pagination.js';
import { LAST_UUID, uuidAfter } from '../common/uuid-order.js';
import { Database, type Statement } from '../database/database.js';
import {
  FIRST_ROUND,
  type KeyRange,
  type OrderedReads,
  orderedScan,
  type Scan,
  SECOND_ROUND,
  type Step,
  walk,
  type WalkDirection,
  type Walked,
  wholeWalk,
} from '../database/filtered-walk.js';
import { nearestMonth, wholeMonth } from '../database/months.js';
import type { ShapedStatement } from '../database/shaped-statement.js';
import { everyTerm, tellingFirst, type TermCount, termShares } from '../database/word-index.js';
import { deliveryPartsOf } from './delivered-events.js';
import { conditionsOf, type EventCondition, type EventFilters, filterValues } from './event-filters.js';
import * as scans from './event-scans.js';
import * as statements from './event-statements.js';
import { occurredRanges } from './lateness.js';

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
/** Of a walk that others wait for. */
const FEW_STEPS = 2;

const DOWN: WalkDirection<string> = {
  cut: ({ from, until }, edge) => [
    { from: edge, until },
    { from, until: edge },
  ],
};
const UP: WalkDirection<string> = {
  cut: ({ from, until }, edge) => [
    { from, until: uuidAfter(edge) },
    { from: uuidAfter(edge), until },
  ],
};

type EventValues = Record<scans.EventValue, unknown>;

@Injectable()
export class EventsQueryRepository {
  constructor(
    private readonly database: Database,
    private readonly clock: Clock,
  ) {}

  /** The event's body; null when there is none of this id in the account and mode. */
  async findBody(tenant: Tenant, id: string, manager?: EntityManager): Promise<string | null> {
    const [row] = await this.database.rows<{ body: string }>(FIND, [tenant.accountId, tenant.mode, id], manager);
    return row?.body ?? null;
  }

  /**
   * Up to `page.limit` + 1 events, newest first, or oldest first for `page.before`.
   * @throws AppError 503 when filters that have little in common would have to look at too much.
   */
  async list(tenant: Tenant, filters: EventFilters, page: Page): Promise<readonly EventBody[]> {
    const order = page.before === null ? 'DESC' : 'ASC';
    return wholeWalk(await this.search(tenant, filters, rangeOf(filters, page), order, page.limit + 1));
  }

  /** Up to `count` events of the range, oldest first, by a walk of few steps: it may be gone on with from `beyond`. */
  readOn(
    tenant: Tenant,
    filters: EventFilters,
    { from, until }: KeyRange<string>,
    count: number,
  ): Promise<Walked<string, EventBody>> {
    const whole = rangeOf(filters, { limit: count, after: null, before: null });
    const range = { from: from > whole.from ? from : whole.from, until: until < whole.until ? until : whole.until };
    return this.search(tenant, filters, range, 'ASC', count, FEW_STEPS);
  }

  private async search(
    tenant: Tenant,
    filters: EventFilters,
    range: KeyRange<string>,
    order: scans.Order,
    count: number,
    mostSteps?: number,
  ): Promise<Walked<string, EventBody>> {
    if (range.from >= range.until) return { rows: [], beyond: null };
    const conditions = conditionsOf(filters);
    const search: Search = { filters, conditions, values: valuesOf(tenant, filters), order };
    const ways = SCANS.filter(({ serves }) => serves(filters, conditions)).map(({ scan }) => scan);
    const made = (ways.length > 0 ? ways : [scans.ALL]).map((scan) =>
      scan === DELIVERED ? this.deliveredReads(search) : this.eventReads(scan, search),
    );
    const exact = made.find(({ isExact }) => isExact);
    if (exact !== undefined) return { rows: await exact.read(range, count), beyond: null };
    const ordered = made.map((reads) => orderedScan(reads, order === 'DESC' ? DOWN : UP));
    const jumping = conditions.has('words') ? [this.wordsScan(search)] : [];
    const isFurther = (rest: KeyRange<string>, than: KeyRange<string>): boolean =>
      order === 'DESC' ? rest.until < than.until : rest.from > than.from;
    return walk(ordered, jumping, range, count, isFurther, mostSteps);
  }

  private eventReads(scan: scans.EventScan, { conditions, values, order }: Search): EventReads {
    const rest = [...conditions].filter((condition) => !scan.covers.includes(condition));
    const remainder = rest.includes('delivery') ? 'columns and deliveries' : rest.length > 0 ? 'columns' : 'none';
    const page = statements.pageStatement(scan, order, remainder);
    // An external id has one event: there is nothing to walk.
    const isExact = remainder === 'none' || scan === scans.BY_EXTERNAL_ID;
    return this.reads(page, () => statements.edgeStatement(scan, order), values, isExact);
  }

  private deliveredReads({ filters, conditions, values, order }: Search): EventReads {
    const parts = deliveryPartsOf(filters);
    const isExact = conditions.size === 1;
    const page = statements.deliveredStatement(parts, order, isExact ? 'none' : 'columns');
    return this.reads(page, () => statements.deliveredEdgeStatement(parts, order), values, isExact);
  }

  private reads(page: EventStatement, edgeOf: () => EventStatement, values: EventValues, isExact: boolean): EventReads {
    return {
      isExact,
      read: (range, limit) => this.rows<EventBody>(page, { ...values, ...range, limit }),
      edge: async (range, length) => {
        const [row] = await this.rows<{ id: string }>(edgeOf(), { ...values, ...range, offset: length - 1 });
        return row?.id ?? null;
      },
    };
  }

  /**
   * At first everything at once, by one word that is rare enough or nowhere. Where it has more hits than that, a month
   * at a time by this word, with the others left to the filters. Once the first rounds have found little, a month at a
   * time by all words together, for an index reads all there is of the beginning of a frequent word, however few are
   * wanted. Which words are frequent, a look at the nearest events tells.
   */
  private wordsScan({ filters, conditions, values, order }: Search): Scan<string, EventBody> {
    const { terms } = filters;
    const remainder = conditions.has('delivery') ? 'columns and deliveries' : 'columns';
    const isFiltered = conditions.size > 1 || terms.length > 1;
    const nowMs = this.clock.now().getTime();
    let rarest: string | null = null;
    const ask = async (
      asked: readonly string[],
      range: KeyRange<string>,
      gathering: statements.Gathering,
      limit: number,
    ): Promise<EventBody[] | null> => {
      const question = everyTerm({ accountId: String(values.accountId), mode: String(values.mode) }, asked);
      const statement = statements.wordsStatement(order, remainder, gathering);
      const rows = await this.rows<EventBody & { hits: number }>(statement, { ...values, ...range, question, limit });
      return rows[0]!.hits > gathering.mostHits ? null : rows.filter(({ id }) => id !== null);
    };
    const askMonth = async (
      questions: readonly (readonly string[])[],
      range: KeyRange<string>,
      limit: number,
    ): Promise<Step<string, EventBody> | null> => {
      const near = nearestMonth(range, order === 'ASC', nowMs);
      const beyond = order === 'DESC' ? { ...range, until: near.from } : { ...range, from: near.until };
      for (const asked of questions) {
        const rows = await ask(asked, near, statements.hitsOfMonth(wholeMonth(near, nowMs)), limit);
        if (rows !== null) return { rows, beyond: beyond.from < beyond.until ? beyond : null };
      }
      return null;
    };
    return {
      step: async (range, length, limit) => {
        if (length === FIRST_ROUND) {
          const given = { ...values, ...range, limit: FIRST_ROUND };
          const counts = await this.rows<TermCount>(statements.sampleStatement(order), given);
          const shares = termShares(terms, counts, FIRST_ROUND);
          const telling = tellingFirst(terms, shares);
          for (const [place, term] of telling.entries()) {
            const areMany = isFiltered && place === 0 && !shares.has(term);
            const rows = await ask([term], range, areMany ? statements.MANY_HITS : statements.FEW_HITS, limit);
            if (rows !== null) return { rows, beyond: null };
          }
          rarest = telling.find((term) => !shares.has(term)) ?? null;
        }
        if (rarest !== null) return askMonth(terms.length > 1 ? [[rarest], terms] : [terms], range, limit);
        return length > SECOND_ROUND ? askMonth([terms], range, limit) : null;
      },
    };
  }

  private rows<R>(statement: EventStatement, values: EventValues): Promise<R[]> {
    return this.database.rows<R>(statement.statement, statement.valuesOf(values));
  }
}

type EventStatement = ShapedStatement<scans.EventValue>;

interface Search {
  readonly filters: EventFilters;
  readonly conditions: Conditions;
  readonly values: EventValues;
  readonly order: scans.Order;
}

interface EventReads extends OrderedReads<string, EventBody> {
  /** Whether it answers all conditions by itself, so that nothing it reads is left out. */
  readonly isExact: boolean;
}

type Conditions = ReadonlySet<EventCondition>;

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
  const ends = [until ?? LAST_UUID, page.after ?? LAST_UUID];
  return { from: bounds.sort().at(-1)!, until: ends.sort()[0]! };
}

function valuesOf({ accountId, mode }: Tenant, filters: EventFilters): EventValues {
  return {
    ...{ accountId, mode, from: null, until: null, limit: null, offset: null, question: null },
    ...filterValues(filters),
    ...occurredRanges(filters.occurredAfter, filters.occurredBefore),
  };
}
