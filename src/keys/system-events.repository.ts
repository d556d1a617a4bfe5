import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import type { Tenant } from '../auth/caller.js';
import { Database, type Statement } from '../database/database.js';
import { publishSystemEvent } from '../database/system-events.js';

/** What a system event about a key carries. */
export interface KeyEventData {
  readonly key_id: string;
  readonly [name: string]: unknown;
}

// Held to commit, so that of two processes that refuse the same key one publishes.
const LOCK_EXPOSURE: Statement = {
  name: 'keys.lock_exposure',
  text: `SELECT pg_advisory_xact_lock(hashtextextended('signalpost.exposure ' || $1, 0))`,
};

// Index: events_by_type, from the first id of the last hour on; the inbox holds only what waits.
const WAS_PUBLISHED: Statement = {
  name: 'keys.was_published_within_hour',
  text: `
    SELECT EXISTS (
        SELECT FROM signalpost.events e
         WHERE e.account_id = $1 AND e.mode = $2 AND e.type = $3
           AND e.id >= (
             lpad(to_hex((extract(epoch FROM now() - interval '1 hour') * 1000)::bigint), 12, '0') || repeat('0', 20)
           )::uuid
           AND e.body::json -> 'data' ->> 'key_id' = $4
      ) OR EXISTS (
        SELECT FROM signalpost.event_inbox i
         WHERE i.account_id = $1 AND i.mode = $2 AND i.error IS NULL
           -- What a producer left may be JSON that PostgreSQL cannot read.
           AND CASE WHEN i.source = 'system' THEN i.input ->> 'type' = $3 AND i.input -> 'data' ->> 'key_id' = $4 END
      ) AS published`,
};

/** System events about keys, through the inbox of the ingest. */
@Injectable()
export class SystemEventsRepository {
  constructor(private readonly database: Database) {}

  publish(tenant: Tenant, type: string, data: KeyEventData, manager: EntityManager): Promise<void> {
    return publishSystemEvent(this.database, tenant, { type, data }, manager);
  }

  /** Publishes unless the same was said of the key within the last hour, by any process. */
  async publishOncePerHour(tenant: Tenant, type: string, data: KeyEventData, manager: EntityManager): Promise<void> {
    await this.database.rows(LOCK_EXPOSURE, [data.key_id], manager);
    const asked = [tenant.accountId, tenant.mode, type, data.key_id];
    const [row] = await this.database.rows<{ published: boolean }>(WAS_PUBLISHED, asked, manager);
    if (!row!.published) await this.publish(tenant, type, data, manager);
  }
}
