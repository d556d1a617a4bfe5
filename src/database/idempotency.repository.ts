import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import { Database, type Statement } from './database.js';

/** Everything that makes two uses of one `Idempotency-Key` the same. Platform routes: the nil account, mode ''. */
export interface IdempotencyScope {
  readonly accountId: string;
  readonly mode: string;
  readonly callerClass: 'key' | 'admin';
  readonly method: string;
  /** Concrete, without the query string. */
  readonly path: string;
  readonly key: string;
}

export interface StoredAnswer {
  readonly bodyHash: Buffer;
  readonly status: number;
  readonly response: object;
  /** Since it was stored. */
  readonly ageSeconds: number;
}

/** Lock: one per scope, to the end of the transaction; it only keeps two uses from running at once. */
const LOCK: Statement = {
  name: 'idempotency_lock',
  text: 'SELECT pg_try_advisory_xact_lock(hashtextextended($1, 7402)) AS taken',
};

/**
 * Index: primary key. A statement of its own after LOCK: one that took the lock too would read from before it, and
 * might not see what the last holder has just committed.
 */
const FIND: Statement = {
  name: 'idempotency_find',
  text: `
    SELECT body_hash, status, response, extract(epoch FROM now() - created_at)::double precision AS age_seconds
    FROM signalpost.idempotency_keys
    WHERE account_id = $1 AND mode = $2 AND caller_class = $3 AND method = $4 AND path = $5 AND key = $6
      AND created_at > now() - interval '30 days'`,
};

/** Replaces only rows that are too old to count: FIND, under the lock, saw no other. */
const STORE: Statement = {
  name: 'idempotency_store',
  text: `
    INSERT INTO signalpost.idempotency_keys AS target
      (account_id, mode, caller_class, method, path, key, body_hash, status, response)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
    ON CONFLICT (account_id, mode, caller_class, method, path, key) DO UPDATE
    SET body_hash = excluded.body_hash, status = excluded.status, response = excluded.response,
        created_at = excluded.created_at`,
};

const DELETE: Statement = {
  name: 'idempotency_delete',
  text: `
    DELETE FROM signalpost.idempotency_keys
    WHERE account_id = $1 AND mode = $2 AND caller_class = $3 AND method = $4 AND path = $5 AND key = $6`,
};

/** Index: idempotency_keys_by_age. Over all accounts: upkeep, once an hour. */
const DELETE_OLD: Statement = {
  name: 'idempotency_delete_old',
  text: `
    WITH gone AS (
      DELETE FROM signalpost.idempotency_keys WHERE created_at < $1::timestamptz - interval '30 days' RETURNING 1
    )
    SELECT count(*)::integer AS count FROM gone`,
};

@Injectable()
export class IdempotencyRepository {
  constructor(private readonly database: Database) {}

  /** Whether no other transaction works in this scope; it then is `manager`'s until it ends. */
  async lock(scope: IdempotencyScope, manager: EntityManager): Promise<boolean> {
    const rows = await this.database.rows<{ taken: boolean }>(LOCK, [JSON.stringify(scopeValues(scope))], manager);
    return rows[0]!.taken;
  }

  async find(scope: IdempotencyScope, manager: EntityManager): Promise<StoredAnswer | null> {
    const rows = await this.database.rows<{ body_hash: Buffer; status: number; response: object; age_seconds: number }>(
      FIND,
      scopeValues(scope),
      manager,
    );
    const row = rows[0];
    if (!row) return null;
    return { bodyHash: row.body_hash, status: row.status, response: row.response, ageSeconds: row.age_seconds };
  }

  async store(
    scope: IdempotencyScope,
    answer: Omit<StoredAnswer, 'ageSeconds'>,
    manager: EntityManager,
  ): Promise<void> {
    const { bodyHash, status, response } = answer;
    await this.database.rows(STORE, [...scopeValues(scope), bodyHash, status, JSON.stringify(response)], manager);
  }

  async delete(scope: IdempotencyScope, manager: EntityManager): Promise<void> {
    await this.database.rows(DELETE, scopeValues(scope), manager);
  }

  async deleteOld(now: Date): Promise<number> {
    const rows = await this.database.rows<{ count: number }>(DELETE_OLD, [now]);
    return rows[0]!.count;
  }
}

function scopeValues({ accountId, mode, callerClass, method, path, key }: IdempotencyScope): string[] {
  return [accountId, mode, callerClass, method, path, key];
}
