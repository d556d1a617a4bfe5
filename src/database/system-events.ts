import type { EntityManager } from 'typeorm';
import type { Database, Statement } from './database.js';
import { NOTIFY_INBOX } from './wake-up-notices.js';

export interface SystemEvent {
  readonly type: string;
  readonly data: object;
}

const PUBLISH: Statement = {
  name: 'publish_system_event',
  text: `INSERT INTO signalpost.event_inbox (account_id, mode, source, input) VALUES ($1, $2, 'system', $3)`,
};

/**
 * Publishes an event of the service itself when the caller's transaction commits. The inbox hands its rows to the
 * ordinary ingest, so the event takes its place in the account's sequence without that transaction holding the ledger.
 */
export async function publishSystemEvent(
  database: Database,
  { accountId, mode }: { readonly accountId: string; readonly mode: string },
  { type, data }: SystemEvent,
  manager: EntityManager,
): Promise<void> {
  await database.rows(PUBLISH, [accountId, mode, JSON.stringify({ type, data })], manager);
  await database.rows(NOTIFY_INBOX, [], manager);
}
