import { Injectable } from '@nestjs/common';
import type { Tenant } from '../../auth/caller.js';
import { Database, type Statement } from '../../database/database.js';

// Index: the primary key.
const FIND_BODY: Statement = {
  name: 'signed_events.find_body',
  text: `SELECT body FROM signalpost.events WHERE account_id = $1 AND mode = $2 AND id = $3`,
};

/** The bytes that were signed. */
@Injectable()
export class SignedEventsRepository {
  constructor(private readonly database: Database) {}

  /** Null when there is no such event in the account and mode. */
  async findBody({ accountId, mode }: Tenant, eventId: string): Promise<string | null> {
    const [row] = await this.database.rows<{ body: string }>(FIND_BODY, [accountId, mode, eventId]);
    return row?.body ?? null;
  }
}
