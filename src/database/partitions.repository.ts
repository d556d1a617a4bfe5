import { Injectable } from '@nestjs/common';
import type { PoolClient } from 'pg';
import { Database, type Statement } from './database.js';
import { PARTITIONED_TABLES, type MonthPartition, type PartitionedTable } from './partitions.js';

export interface ExistingPartition {
  readonly table: PartitionedTable;
  readonly name: string;
  /** `detaching`: a concurrent detach was cut short and must be finished; `detached`: only the drop is missing. */
  readonly state: 'attached' | 'detaching' | 'detached';
}

/** How long a change of partitions may wait for a lock: behind it every other statement on the table queues up. */
const LOCK_TIMEOUT = '2s';

const LIST: Statement = {
  name: 'partitions.list',
  text: `
    SELECT t.name AS table, c.relname AS name,
      CASE WHEN i.inhrelid IS NULL THEN 'detached' WHEN i.inhdetachpending THEN 'detaching' ELSE 'attached' END AS state
    FROM unnest($1::text[]) AS t (name)
    JOIN pg_class c ON c.relkind = 'r' AND c.relname ~ ('^' || t.name || '_[0-9]{4}_[0-9]{2}$')
      AND c.relnamespace = 'signalpost'::regnamespace
    LEFT JOIN pg_inherits i ON i.inhrelid = c.oid
    ORDER BY c.relname`,
};

/** Makes and drops the months of the partitioned tables. Names come from `partitions.ts`, never from a request. */
@Injectable()
export class PartitionsRepository {
  constructor(private readonly database: Database) {}

  list(): Promise<ExistingPartition[]> {
    return this.database.rows<ExistingPartition>(LIST, [PARTITIONED_TABLES]);
  }

  /**
   * Makes a partition beside its table and attaches it: that locks out other changes of the table only, while
   * CREATE TABLE … PARTITION OF would lock out every reader. Indexes and foreign keys follow from the table.
   */
  async create({ table, name, fromUuid, toUuid }: MonthPartition): Promise<void> {
    await this.database.transaction(async (manager) => {
      await manager.query(`SET LOCAL lock_timeout = '${LOCK_TIMEOUT}'`);
      await manager.query(
        `CREATE TABLE signalpost.${name} (LIKE signalpost.${table}
           INCLUDING DEFAULTS INCLUDING CONSTRAINTS INCLUDING GENERATED INCLUDING STORAGE INCLUDING COMPRESSION)`,
      );
      await manager.query(
        `ALTER TABLE signalpost.${table} ATTACH PARTITION signalpost.${name}
           FOR VALUES FROM ('${fromUuid}') TO ('${toUuid}')`,
      );
    });
  }

  /** Detaches without locking out readers, then drops. Cut short anywhere, the next call goes on from there. */
  async drop({ table, name, state }: ExistingPartition): Promise<void> {
    const client = await this.database.pool.connect();
    try {
      await client.query(`SET lock_timeout = '${LOCK_TIMEOUT}'`);
      if (state === 'detaching')
        await client.query(`ALTER TABLE signalpost.${table} DETACH PARTITION signalpost.${name} FINALIZE`);
      if (state === 'attached') await detach(client, table, name);
      await client.query(`DROP TABLE signalpost.${name}`);
    } finally {
      await client.query('RESET lock_timeout').catch(() => undefined);
      client.release();
    }
  }
}

async function detach(client: PoolClient, table: string, name: string): Promise<void> {
  const statement = `ALTER TABLE signalpost.${table} DETACH PARTITION signalpost.${name}`;
  try {
    await client.query(`${statement} CONCURRENTLY`);
  } catch (error) {
    // Distributed tables know only the plain form.
    if ((error as { code?: string }).code !== '0A000') throw error;
    await client.query(statement);
  }
}
