import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import { firstUuidAt, uuidTime } from '../common/ids.js';
import { Database } from '../database/database.js';
import type { LogFilters, LogScope } from './log.js';
import { type LogPage, LogSearch } from './log-search.js';
import * as sql from './log-statements.js';
import type { LogRow, LogValues } from './log-statements.js';

/** Logs by their ids, and lists of them: what no filter has to judge is one statement, all else is a search. */
@Injectable()
export class LogsRepository {
  constructor(
    private readonly database: Database,
    private readonly search: LogSearch,
  ) {}

  async find({ accountId, mode }: LogScope, id: string, manager?: EntityManager): Promise<LogRow | null> {
    return (await this.database.rows<LogRow>(sql.FIND, [accountId, mode, id], manager))[0] ?? null;
  }

  /**
   * Up to `count` logs that pass all filters, in the page's order.
   * @throws AppError 503 when the search would look at more than `maxSteps` allow.
   */
  async list(scope: LogScope, filters: LogFilters, page: LogPage): Promise<LogRow[]> {
    const order = page.upwards ? 'ASC' : 'DESC';
    const values = sql.logValues(scope, filters, page.count);
    if (filters.operationIds.length > 0) {
      if (isFiltered(filters)) return this.search.run(scope, filters, page);
      return this.rows(sql.operationsStatement(order), values);
    }
    if (filters.eventIds.length > 0) {
      // An event's own log has its uuid, and is not indexed under it; the others came later.
      const own = await this.rows(sql.amongStatement(order), values);
      const others = await this.search.run(scope, sinceEvents(filters), page);
      return merge(own, others, page);
    }
    if (!isFiltered(filters)) return this.rows(sql.listStatement(order), values);
    return this.search.run(scope, filters, page);
  }

  private rows(statement: sql.LogStatement, values: LogValues): Promise<LogRow[]> {
    return this.database.rows<LogRow>(statement.statement, statement.valuesOf(values));
  }
}

function sinceEvents(filters: LogFilters): LogFilters {
  const from = firstUuidAt(Math.min(...filters.eventIds.map(uuidTime)));
  return from > filters.from ? { ...filters, from } : filters;
}

function merge(some: readonly LogRow[], others: readonly LogRow[], { upwards, count }: LogPage): LogRow[] {
  const all = [...some, ...others].sort((a, b) => (a.id < b.id === upwards ? -1 : 1));
  return all.filter(({ id }, index) => id !== all[index - 1]?.id).slice(0, count);
}

function isFiltered(filters: LogFilters): boolean {
  const values: unknown[] = Object.values(sql.filterValues(filters));
  return values.some((value) => (Array.isArray(value) ? value.length > 0 : value !== null));
}
