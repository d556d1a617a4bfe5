import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import type { Tenant } from '../../auth/caller.js';
import { Database, type Statement } from '../../database/database.js';
import type { Cause } from '../operation-state.js';

/** An event as far as erasing it reads and writes. */
export interface ErasableEvent {
  readonly id: string;
  readonly reference: string | null;
  readonly external_id: string | null;
  readonly search: string;
  readonly body: string;
}

/** A row of the inbox that may be about the operation. */
export interface InboxInput {
  readonly position: string;
  readonly input: string;
}

// Index: events_by_operation, an ordered scan from the last batch's end.
const READ_EVENTS: Statement = {
  name: 'erasure.read_events',
  text: `SELECT e.id, e.reference, e.external_id, e.search, e.body FROM signalpost.events e
    WHERE e.account_id = $1 AND e.mode = $2 AND e.operation_id = $3 AND e.id > $4
    ORDER BY e.id
    LIMIT $5`,
};

// One row by primary key: a join with many would be planned over every month.
const WRITE_EVENT: Statement = {
  name: 'erasure.write_event',
  text: `UPDATE signalpost.events AS target SET body = $4, search = $5
    WHERE target.account_id = $1 AND target.mode = $2 AND target.id = $3`,
};

// Index: primary key. `metadata` is compared as it is always written when empty.
const WRITE_OPERATION: Statement = {
  name: 'erasure.write_operation',
  text: `UPDATE signalpost.operations AS target
    SET customer = NULL, metadata = '{}', search = $4, cause_code = $5, cause_description = $6
    WHERE target.account_id = $1 AND target.mode = $2 AND target.id = $3
      AND (target.customer IS NOT NULL OR target.metadata::text <> '{}' OR target.search <> $4
        OR target.cause_code IS DISTINCT FROM $5 OR target.cause_description IS DISTINCT FROM $6)
    RETURNING 1 AS changed`,
};

// Lock: the ledger, to the end of the transaction: whatever is published waits, and then comes after the erasure.
const LOCK_LEDGER: Statement = {
  name: 'erasure.lock_ledger',
  text: `SELECT FROM signalpost.ledgers l WHERE l.account_id = $1 AND l.mode = $2 FOR NO KEY UPDATE`,
};

// A publish that read the operation before must not write it back: see publish_events.sql.
const COUNT_ERASURE: Statement = {
  name: 'erasure.count',
  text: `UPDATE signalpost.ledgers AS target SET erasures = target.erasures + 1
    WHERE target.account_id = $1 AND target.mode = $2`,
};

/*
 * Reads the inbox whole, which holds what waits and what was refused, and no history. Characters of an operation's id
 * can be written otherwise in JSON only by \u.
 */
const READ_INBOX: Statement = {
  name: 'erasure.read_inbox',
  text: `SELECT i.position, i.input::text AS input FROM signalpost.event_inbox i
    WHERE i.account_id = $1 AND i.mode = $2 AND i.position > $4
      AND (strpos(i.input::text, $3) > 0 OR strpos(i.input::text, '\\u') > 0)
    ORDER BY i.position
    LIMIT $5`,
};

const WRITE_INPUT: Statement = {
  name: 'erasure.write_input',
  text: `UPDATE signalpost.event_inbox AS target SET input = $2::json WHERE target.position = $1`,
};

/** What is kept of one operation, and without what is personal. */
@Injectable()
export class ErasureRepository {
  constructor(private readonly database: Database) {}

  async lockLedger({ accountId, mode }: Tenant, manager: EntityManager): Promise<void> {
    await this.database.rows(LOCK_LEDGER, [accountId, mode], manager);
  }

  async countErasure({ accountId, mode }: Tenant, manager: EntityManager): Promise<void> {
    await this.database.rows(COUNT_ERASURE, [accountId, mode], manager);
  }

  /** Up to `limit` events of the operation after the id `after`, oldest first. */
  readEvents(
    { accountId, mode }: Tenant,
    operationId: string,
    { after, limit }: { after: string; limit: number },
    manager: EntityManager,
  ): Promise<ErasableEvent[]> {
    return this.database.rows<ErasableEvent>(READ_EVENTS, [accountId, mode, operationId, after, limit], manager);
  }

  async writeEvent(
    { accountId, mode }: Tenant,
    { id, body, search }: Pick<ErasableEvent, 'id' | 'body' | 'search'>,
    manager: EntityManager,
  ): Promise<void> {
    await this.database.rows(WRITE_EVENT, [accountId, mode, id, body, search], manager);
  }

  /** Whether there was anything to erase in the operation itself. */
  async writeOperation(
    { accountId, mode }: Tenant,
    operationId: string,
    { search, cause }: { readonly search: string; readonly cause: Cause | null },
    manager: EntityManager,
  ): Promise<boolean> {
    const values = [accountId, mode, operationId, search, cause?.code ?? null, cause?.description ?? null];
    return (await this.database.rows(WRITE_OPERATION, values, manager)).length > 0;
  }

  /** Up to `limit` rows after `after` that name the operation, or may. */
  readInbox(
    { accountId, mode }: Tenant,
    operationId: string,
    { after, limit }: { after: string; limit: number },
    manager: EntityManager,
  ): Promise<InboxInput[]> {
    return this.database.rows<InboxInput>(READ_INBOX, [accountId, mode, operationId, after, limit], manager);
  }

  async writeInput(position: string, input: string, manager: EntityManager): Promise<void> {
    await this.database.rows(WRITE_INPUT, [position, input], manager);
  }
}
