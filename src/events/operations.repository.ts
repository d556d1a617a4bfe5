import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import type { Tenant } from '../auth/caller.js';
import { searchPattern } from '../common/search-text.js';
import { Database, type Statement } from '../database/database.js';
import {
  FIRST_ROUND,
  type KeyRange,
  type OrderedReads,
  orderedScan,
  type Scan,
  SECOND_ROUND,
  walk,
  type WalkDirection,
  wholeWalk,
} from '../database/filtered-walk.js';
import type { ShapedStatement } from '../database/shaped-statement.js';
import { everyTerm, tellingFirst, type TermCount, termShares } from '../database/word-index.js';
import type { Customer } from './operation-state.js';
import {
  COLUMNS,
  edgeStatement,
  hitsStatement,
  MOST_HITS,
  type OperationScan,
  type OperationValue,
  type Order,
  pageStatement,
  PLACE,
  sampleStatement,
} from './operation-statements.js';

export interface OperationRow {
  readonly id: string;
  readonly kind: string;
  readonly status: string;
  /** Numbers of 64 bits, as text. */
  readonly version: string;
  readonly amount: string | null;
  readonly currency: string | null;
  readonly reference: string | null;
  readonly channel: string | null;
  readonly customer: Customer | null;
  readonly cause_code: string | null;
  readonly cause_description: string | null;
  readonly metadata: object;
  readonly last_event_id: string;
  readonly created_at: Date;
  readonly updated_at: Date;
}

/** Values of one filter mean or, different filters mean and; an empty list filters nothing. */
export interface OperationFilters {
  readonly kinds: readonly string[];
  readonly statuses: readonly string[];
  readonly references: readonly string[];
  readonly terms: readonly string[];
  readonly createdAfter: string | null;
  readonly createdBefore: string | null;
  /** Operations whose last event is older are gone. */
  readonly lastEventFrom: string;
}

/** As a page of other lists, but its cursors are operations, whose place is looked up. */
export interface OperationPage {
  readonly limit: number;
  readonly after: string | null;
  readonly before: string | null;
}

const TENANT = 'o.account_id = $1 AND o.mode = $2';

// One look-up by primary key.
const FIND: Statement = {
  name: 'operations.find',
  text: `SELECT ${COLUMNS} FROM signalpost.operations o WHERE ${TENANT} AND o.id = $3 AND o.last_event_id >= $4`,
};

// The same.
const FIND_PLACE: Statement = {
  name: 'operations.find_place',
  text: `SELECT ${PLACE}, o.id FROM signalpost.operations o WHERE ${TENANT} AND o.id = $3`,
};

@Injectable()
export class OperationsRepository {
  constructor(private readonly database: Database) {}

  /** Null when there is none, or its last event lies before `lastEventFrom`. */
  async find(tenant: Tenant, id: string, lastEventFrom: string, manager?: EntityManager): Promise<OperationRow | null> {
    const values = [tenant.accountId, tenant.mode, id, lastEventFrom];
    const [row] = await this.database.rows<OperationRow>(FIND, values, manager);
    return row ?? null;
  }

  /**
   * Up to `page.limit` + 1 operations, newest first, or oldest first for `page.before`; none when the cursor is
   * unknown. An operation never moves, for its `created_at` is its first event's.
   * @throws AppError 503 when filters that have little in common would have to look at too much.
   */
  async list(tenant: Tenant, filters: OperationFilters, page: OperationPage): Promise<readonly OperationRow[]> {
    const order = page.before === null ? 'DESC' : 'ASC';
    const cursor = page.after ?? page.before;
    const place = cursor === null ? null : await this.findPlace(tenant, cursor);
    if (cursor !== null && place === null) return [];
    const range = rangeOf(filters, page, place);
    const values = valuesOf(tenant, filters, page);
    const scan = filters.kinds.length + filters.statuses.length > 0 ? 'state' : 'time';
    const reads = this.orderedReads(scan, values, order);
    const isExact = filters.references.length + filters.terms.length === 0;
    if (isExact) return reads.read(range, page.limit + 1);
    const ordered = orderedScan(reads, order === 'DESC' ? DOWN : UP);
    const jumping = this.hitsScan(filters, values, order);
    return wholeWalk(await walk([ordered], [jumping], range, page.limit + 1, () => false));
  }

  private async findPlace({ accountId, mode }: Tenant, id: string): Promise<Place | null> {
    const [row] = await this.database.rows<Place>(FIND_PLACE, [accountId, mode, id]);
    return row ?? null;
  }

  private orderedReads(scan: OperationScan, values: OperationValues, order: Order): OrderedReads<Place, OperationRow> {
    const page = pageStatement(scan, order);
    // Downwards an edge is the last entry of its step, upwards the first of the next: a range's end is not in it.
    const last = order === 'DESC' ? 1 : 0;
    return {
      read: (range, limit) => this.rows(page, { ...values, ...boundsOf(range), limit }),
      edge: async (range, length) => {
        const offset = length - last;
        const [row] = await this.rows<Place>(edgeStatement(scan, order), { ...values, ...boundsOf(range), offset });
        return row ?? null;
      },
    };
  }

  /**
   * Everything at once: at first where the reference or a word is rare or nowhere; then, once walking has found little,
   * where all words together are, for an index reads all there is of the beginning of a frequent word, however few are
   * wanted. Which words are frequent, a look at the nearest operations tells.
   */
  private hitsScan({ references, terms }: OperationFilters, values: OperationValues, order: Order): OperationsScan {
    const owner = { accountId: String(values.accountId), mode: String(values.mode) };
    const ofReference = (most: Lead['most']): Lead[] =>
      references.length > 0 ? [{ lead: 'reference', question: null, most }] : [];
    const ofTerms = (asked: readonly string[], most: Lead['most']): Lead => {
      return { lead: 'words', question: everyTerm(owner, asked), most };
    };
    const firstLeads = async (range: KeyRange<Place>): Promise<Lead[]> => {
      if (terms.length === 0) return ofReference('few');
      const given = { ...values, ...boundsOf(range), limit: FIRST_ROUND };
      const shares = termShares(terms, await this.rows<TermCount>(sampleStatement(order), given), FIRST_ROUND);
      const most = (term: string, place: number): Lead['most'] => (place === 0 && !shares.has(term) ? 'many' : 'few');
      const ofTelling = tellingFirst(terms, shares).map((term, place) => ofTerms([term], most(term, place)));
      return [...ofReference('few'), ...ofTelling];
    };
    const lastLeads = (): Lead[] => [...ofReference('many'), ...(terms.length > 0 ? [ofTerms(terms, 'many')] : [])];
    const refused = new Set<string>();
    return {
      step: async (range, length, limit) => {
        // Where words are frequent, walking meets them at less cost than their places are gathered.
        if (length === SECOND_ROUND) return null;
        for (const asked of length === FIRST_ROUND ? await firstLeads(range) : lastLeads()) {
          const key = Object.values(asked).join();
          if (refused.has(key)) continue;
          const { lead, most, question } = asked;
          const given = { ...values, ...boundsOf(range), limit, question };
          const rows = await this.rows<OperationRow & { hits: number }>(hitsStatement(lead, most, order), given);
          if (rows[0]!.hits <= MOST_HITS[most]) return { rows: rows.filter(({ id }) => id !== null), beyond: null };
          refused.add(key);
        }
        return null;
      },
    };
  }

  private rows<R>(statement: ShapedStatement<OperationValue>, values: OperationValues): Promise<R[]> {
    return this.database.rows<R>(statement.statement, statement.valuesOf(values));
  }
}

/** A way to hits: the reference, or a question to the word index. */
interface Lead {
  readonly lead: 'words' | 'reference';
  readonly question: string | null;
  /** How many hits it may have. */
  readonly most: keyof typeof MOST_HITS;
}

/** A place in the list: a time, as PostgreSQL reads it, and an id within it. */
interface Place {
  readonly at: string;
  readonly id: string;
}
type OperationValues = Record<OperationValue, unknown>;
type OperationsScan = Scan<Place, OperationRow>;

const DOWN: WalkDirection<Place> = {
  cut: ({ from, until }, edge) => [
    { from: edge, until },
    { from, until: edge },
  ],
};
const UP: WalkDirection<Place> = {
  cut: ({ from, until }, edge) => [
    { from, until: edge },
    { from: edge, until },
  ],
};

function rangeOf(
  { createdAfter, createdBefore }: OperationFilters,
  page: OperationPage,
  place: Place | null,
): KeyRange<Place> {
  const start = { at: createdAfter ?? '-infinity', id: '' };
  const end = { at: createdBefore ?? 'infinity', id: '' };
  if (place === null) return { from: start, until: end };
  const isLater = (one: Place, other: Place): boolean => {
    if (other.at === '-infinity' || one.at === 'infinity') return true;
    return Date.parse(one.at) >= Date.parse(other.at);
  };
  if (page.before !== null) return { from: isLater(place, start) ? place : start, until: end };
  return { from: start, until: isLater(end, place) && end.at !== place.at ? place : end };
}

function boundsOf({ from, until }: KeyRange<Place>) {
  return { fromAt: from.at, fromId: from.id, untilAt: until.at, untilId: until.id };
}

function valuesOf({ accountId, mode }: Tenant, filters: OperationFilters, page: OperationPage): OperationValues {
  const orNull = (values: readonly string[]): readonly string[] | null => (values.length > 0 ? values : null);
  return {
    ...{ accountId, mode, fromAt: null, fromId: null, untilAt: null, untilId: null },
    ...{ cursor: page.before, limit: null, offset: null, question: null },
    lastEventFrom: filters.lastEventFrom,
    kinds: orNull(filters.kinds),
    statuses: orNull(filters.statuses),
    references: orNull(filters.references),
    patterns: filters.terms.map(searchPattern),
  };
}
