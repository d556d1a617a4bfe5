import { Injectable } from '@nestjs/common';
import { Database } from './database.js';

/** Lets one process among many do a job: the holder of a PostgreSQL advisory lock, until its connection ends. */
@Injectable()
export class Singleton {
  constructor(private readonly database: Database) {}

  /**
   * Runs `work` when no other process runs a job of this name; else returns null at once. The lock belongs to one
   * connection that is held meanwhile: when the holder dies, PostgreSQL frees it. `work` gets a signal that aborts
   * when that connection is lost, since another process may then begin.
   */
  async run<T>(name: string, work: (signal: AbortSignal) => Promise<T>): Promise<{ value: T } | null> {
    const client = await this.database.pool.connect();
    const lost = new AbortController();
    const onLost = (): void => lost.abort(new Error(`The lock of ${name} was lost.`));
    client.once('error', onLost);
    client.once('end', onLost);
    try {
      const lock = await client.query<{ taken: boolean }>('SELECT pg_try_advisory_lock($1, hashtext($2)) AS taken', [
        SINGLETON_SPACE,
        name,
      ]);
      if (!lock.rows[0]!.taken) return null;
      try {
        return { value: await work(lost.signal) };
      } finally {
        await client.query('SELECT pg_advisory_unlock($1, hashtext($2))', [SINGLETON_SPACE, name]).catch(onLost);
      }
    } finally {
      client.removeListener('error', onLost);
      client.removeListener('end', onLost);
      // A connection that may still hold the lock must not go back to the pool.
      client.release(lost.signal.aborted);
    }
  }
}

/** The first half of the two-part lock numbers of jobs, so that they meet no other advisory lock of the service. */
const SINGLETON_SPACE = 7_401;
