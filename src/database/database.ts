import { Injectable } from '@nestjs/common';
import type { PoolClient, Pool } from 'pg';
import { DataSource, type EntityManager } from 'typeorm';
import { encodeParameters, type ParameterType } from './binary-parameters.js';

/** A statement of a hot path: prepared once per connection under its name, so that it is planned once. */
export interface Statement {
  readonly name: string;
  readonly text: string;
  /** Of each parameter, for one that takes long arrays: these then travel in binary. */
  readonly types?: readonly ParameterType[];
}

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

  /** Runs `work` in one transaction; it commits when `work` resolves. HTTP never happens inside one. */
  transaction<T>(work: (manager: EntityManager) => Promise<T>): Promise<T> {
    return this.dataSource.transaction(work);
  }

  get pool(): Pool {
    return (this.dataSource.driver as unknown as { master: Pool }).master;
  }
}

async function clientOf(manager: EntityManager): Promise<PoolClient> {
  return (await manager.queryRunner!.connect()) as PoolClient;
}
