import { Injectable } from '@nestjs/common';
import type { Tenant } from '../auth/caller.js';
import { searchPattern } from '../common/search-text.js';
import { Database, type Statement } from '../database/database.js';
import { listStatement, Parameters } from '../database/parameters.js';
import type { Customer } from './operation-state.js';

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

const COLUMNS = `o.id, o.kind, o.status, o.version, o.amount, o.currency, o.reference, o.channel, o.customer,
  o.cause_code, o.cause_description, o.metadata, o.last_event_id, o.created_at, o.updated_at`;
const TENANT = 'o.account_id = $1 AND o.mode = $2';

// One look-up by primary key.
const FIND: Statement = {
  name: 'operations.find',
  text: `SELECT ${COLUMNS} FROM signalpost.operations o WHERE ${TENANT} AND o.id = $3 AND o.last_event_id >= $4`,
};

@Injectable()
export class OperationsRepository {
  constructor(private readonly database: Database) {}

  /** Null when there is none, or its last event lies before `lastEventFrom`. */
  async find(tenant: Tenant, id: string, lastEventFrom: string): Promise<OperationRow | null> {
    const values = [tenant.accountId, tenant.mode, id, lastEventFrom];
    const [row] = await this.database.rows<OperationRow>(FIND, values);
    return row ?? null;
  }

  /**
   * Up to `page.limit` + 1 operations, newest first, or oldest first for `page.before`; none when the cursor is
   * unknown. Index: operations_by_time, walked from the cursor's place, which the same statement looks up; it never
   * moves, for an operation's `created_at` is its first event's.
   */
  list(tenant: Tenant, filters: OperationFilters, page: OperationPage): Promise<OperationRow[]> {
    const parameters = new Parameters();
    parameters.add(tenant.accountId);
    parameters.add(tenant.mode);
    const conditions = conditionsOf(filters, page, parameters);
    const direction = page.before === null ? 'DESC' : 'ASC';
    const text = `SELECT ${COLUMNS} FROM signalpost.operations o WHERE ${TENANT} AND ${conditions}
      ORDER BY o.created_at ${direction}, o.id ${direction} LIMIT ${parameters.add(page.limit + 1)}`;
    const used = [filters.kinds, filters.statuses, filters.references, filters.terms].filter(
      ({ length }) => length > 0,
    );
    return this.database.rows(listStatement('operations.list', text, used.length), parameters.values);
  }
}

function conditionsOf(filters: OperationFilters, page: OperationPage, parameters: Parameters): string {
  const parts: string[] = [`o.last_event_id >= ${parameters.add(filters.lastEventFrom)}`];
  const oneOf = (column: string, values: readonly string[]): void => {
    if (values.length > 0) parts.push(`${column} = ANY (${parameters.add(values)}::text[])`);
  };
  const beyond = (sign: '<' | '>', cursor: string): void => {
    const id = parameters.add(cursor);
    parts.push(`(o.created_at, o.id) ${sign} ((SELECT c.created_at FROM signalpost.operations c
      WHERE c.account_id = $1 AND c.mode = $2 AND c.id = ${id}), ${id})`);
  };
  if (page.after !== null) beyond('<', page.after);
  if (page.before !== null) beyond('>', page.before);
  oneOf('o.kind', filters.kinds);
  oneOf('o.status', filters.statuses);
  oneOf('o.reference', filters.references);
  for (const term of filters.terms) parts.push(`o.search LIKE ${parameters.add(searchPattern(term))}`);
  if (filters.createdAfter !== null) parts.push(`o.created_at >= ${parameters.add(filters.createdAfter)}`);
  if (filters.createdBefore !== null) parts.push(`o.created_at < ${parameters.add(filters.createdBefore)}`);
  return parts.join(' AND ');
}
