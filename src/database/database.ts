import { Injectable } from '@nestjs/common';
import type { PoolClient, Pool } from 'pg';
import { DataSource, type EntityManager } from 'typeorm';
import { encodeParameters, type ParameterType } from './binary-parameters.js';
import { isTransient } from './sql-errors.js';

/** A statement of a hot path: prepared once per connection under its name, so that it is planned once. */
export interface Statement {
  readonly name: string;
  readonly text: string;
  /** Of each parameter, for one that takes long arrays: these then travel in binary. */
  readonly types?: readonly ParameterType[];
}

const MAX_ATTEMPTS = 3;

/** The one way to PostgreSQL: TypeORM's own pool, its transactions, and named statements on either. */
@Injectable()
export class Database {
  constructor(readonly dataSource: DataSource) {}

  /** Runs one statement, inside `manager`'s transaction when given. Rows have the columns' names as keys. */
  async rows<R>(statement: Statement, values: readonly unknown[], manager?: EntityManager): Promise<R[]> {
    const { name, text, types } = statement;
    const config = { name, text, values: types ? encodeParameters(types, values) : (values as unknown[]) };
    const client = manager ? await clientOf(manager) : this.pool;
    return (await client.query(config)).rows as R[];
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

  get pool(): Pool {
    return (this.dataSource.driver as unknown as { master: Pool }).master;
  }
}

async function clientOf(manager: EntityManager): Promise<PoolClient> {
  return (await manager.queryRunner!.connect()) as PoolClient;
}
