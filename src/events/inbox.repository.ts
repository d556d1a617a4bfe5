import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import type { Mode } from '../auth/caller.js';
import type { FieldError } from '../common/app-error.js';
import { Database, type Statement } from '../database/database.js';

export interface InboxEvent {
  readonly position: string;
  readonly account_id: string;
  readonly mode: Mode;
  readonly source: 'platform' | 'system';
  /** JSON as its producer wrote it, read by nobody yet. */
  readonly input: string;
}

export interface InboxError {
  readonly position: string;
  readonly code: string;
  readonly detail: string;
  readonly errors: readonly FieldError[];
}

/**
 * Lock: one drainer in all processes, to the end of its transaction, so that an account's rows are published in their
 * order. A statement of its own, so that TAKE sees what the last holder has committed.
 */
const LOCK: Statement = {
  name: 'inbox_lock',
  text: `SELECT pg_try_advisory_xact_lock(7400003) AS taken`,
};

/** The same lock, waited for. */
const WAIT_FOR_LOCK: Statement = {
  name: 'inbox_wait_for_lock',
  text: `SELECT pg_advisory_xact_lock(7400003)`,
};

/** Lock: the rows; one that somebody holds who repairs it by hand stops no other. Index: event_inbox_waiting. */
const TAKE: Statement = {
  name: 'inbox_take',
  text: `
    SELECT position, account_id, mode, source, input::text AS input
    FROM signalpost.event_inbox
    WHERE error IS NULL
    ORDER BY position
    LIMIT $1
    FOR UPDATE SKIP LOCKED`,
};

const REMOVE: Statement = {
  name: 'inbox_remove',
  text: `DELETE FROM signalpost.event_inbox WHERE position = ANY ($1::bigint[])`,
};

const MARK_REFUSED: Statement = {
  name: 'inbox_mark_refused',
  text: `
    UPDATE signalpost.event_inbox i SET error = g.error::json
    FROM unnest($1::bigint[], $2::text[]) AS g (position, error)
    WHERE i.position = g.position`,
};

/** Events that were left in the database for the ordinary ingest, in the order in which they came. */
@Injectable()
export class InboxRepository {
  constructor(private readonly database: Database) {}

  /** Whether the inbox is `manager`'s transaction's to drain; it is until that ends. */
  async lock(manager: EntityManager): Promise<boolean> {
    const [row] = await this.database.rows<{ taken: boolean }>(LOCK, [], manager);
    return row!.taken;
  }

  /** Nobody drains from now on to the end of `manager`'s transaction. */
  async waitForLock(manager: EntityManager): Promise<void> {
    await this.database.rows(WAIT_FOR_LOCK, [], manager);
  }

  take(limit: number, manager: EntityManager): Promise<InboxEvent[]> {
    return this.database.rows<InboxEvent>(TAKE, [limit], manager);
  }

  async remove(positions: readonly string[], manager: EntityManager): Promise<void> {
    await this.database.rows(REMOVE, [positions], manager);
  }

  async markRefused(errors: readonly InboxError[], manager: EntityManager): Promise<void> {
    const texts = errors.map(({ code, detail, errors: fields }) => JSON.stringify({ code, detail, errors: fields }));
    await this.database.rows(MARK_REFUSED, [errors.map(({ position }) => position), texts], manager);
  }
}
