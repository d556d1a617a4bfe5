import { Injectable } from '@nestjs/common';
import type { PoolClient, Pool } from 'pg';
import { DataSource, type EntityManager } from 'typeorm';
import { type CompositeIds, encodeParameters, hasComposites, type ParameterType } from './binary-parameters.js';
import { isTransient, isUnknownType } from './sql-errors.js';

/** A statement of a hot path: prepared once per connection under its name, so that it is planned once. */
export interface Statement {
  readonly name: string;
  readonly text: string;
  /** Of each parameter, for one that takes long arrays: these then travel in binary. */
  readonly types?: readonly ParameterType[];
}

const MAX_ATTEMPTS = 3;
const NO_IDS: CompositeIds = new Map();

const READ_COMPOSITE_IDS = `
  SELECT t.typname AS name, t.oid AS id
  FROM pg_type t
  JOIN pg_class c ON c.oid = t.typrelid AND c.relkind = 'c'
  WHERE t.typnamespace = 'signalpost'::regnamespace`;

/** The one way to PostgreSQL: TypeORM's own pool, its transactions, and named statements on either. */
@Injectable()
export class Database {
  private compositeIds: CompositeIds | null = null;
  /** How often they had to be learnt anew: what was prepared with the ids before is not used again. */
  private generation = 0;

  constructor(readonly dataSource: DataSource) {}

  /** Runs one statement, inside `manager`'s transaction when given. Rows have the columns' names as keys. */
  async rows<R>(statement: Statement, values: readonly unknown[], manager?: EntityManager): Promise<R[]> {
    const usedIds = this.compositeIds;
    try {
      return await this.run(statement, values, manager);
    } catch (error) {
      if (usedIds === null || !hasComposites(statement.types) || !isUnknownType(error)) throw error;
      // The types may have been made anew, by a restore beneath this process: then they have other ids.
      if (this.compositeIds === usedIds) {
        this.compositeIds = null;
        this.generation += 1;
      }
      if (manager) throw error;
      return this.run(statement, values);
    }
  }

  /**
   * Runs `work` in one transaction; it commits when `work` resolves. HTTP never happens inside one. Where PostgreSQL
   * broke it off only because of others beside it (a deadlock), it is done again, so `work` changes nothing outside.
   */
  async transaction<T>(work: (manager: EntityManager) => Promise<T>): Promise<T> {
    for (let attempt = 1; ; attempt++) {
      try {
        return await this.dataSource.transaction(work);
      } catch (error) {
        if (attempt === MAX_ATTEMPTS || !isTransient(error)) throw error;
      }
    }
  }

  private async run<R>(
    { name, text, types }: Statement,
    values: readonly unknown[],
    manager?: EntityManager,
  ): Promise<R[]> {
    const client = manager ? await clientOf(manager) : this.pool;
    const usesComposites = hasComposites(types);
    const ids = usesComposites ? await this.idsFor(client) : NO_IDS;
    const encoded = types ? encodeParameters(types, values, ids) : (values as unknown[]);
    const preparedName = usesComposites && this.generation > 0 ? `${name}.${this.generation}` : name;
    return (await client.query({ name: preparedName, text, values: encoded })).rows as R[];
  }

  /** Asked on the connection that needs them: another may never be free. */
  private async idsFor(client: Pool | PoolClient): Promise<CompositeIds> {
    if (this.compositeIds !== null) return this.compositeIds;
    const { rows } = await client.query<{ name: string; id: number }>(READ_COMPOSITE_IDS);
    return (this.compositeIds = new Map(rows.map(({ name, id }) => [name, id])));
  }

  get pool(): Pool {
    return (this.dataSource.driver as unknown as { master: Pool }).master;
  }
}

async function clientOf(manager: EntityManager): Promise<PoolClient> {
  return (await manager.queryRunner!.connect()) as PoolClient;
}
