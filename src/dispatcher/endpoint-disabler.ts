import { Injectable } from '@nestjs/common';
import { AccountDirectory } from '../accounts/account-directory.js';
import { encodeId } from '../common/ids.js';
import { Database, type Statement } from '../database/database.js';
import type { LaneId } from '../deliveries/lane-signals.js';
import { describeEndpoint } from '../logs/descriptions.js';
import { LogWriter } from '../logs/log-writer.js';

/** How long an endpoint's failures must last, unbroken by a success, before exhaustion disables it. */
const FAILING_HOURS = 24;

/**
 * Disables an enabled endpoint; of many that try at once, one does. Its unfinished deliveries are of an earlier epoch
 * from here on. Lock: the endpoint's row. Index: primary key.
 */
const DISABLE: Statement = {
  name: 'endpoint_disable_by_system',
  text: `
    UPDATE signalpost.webhook_endpoints w
    SET status = 'disabled', disabled_reason = $4, disabled_at = clock_timestamp(), updated_at = clock_timestamp(),
        epoch = w.epoch + 1, revision = w.revision + 1, has_leftovers = true
    FROM (SELECT clock_timestamp() - $5 * interval '1 hour' AS failing_before) AS bound
    WHERE w.account_id = $1 AND w.mode = $2 AND w.id = $3 AND w.status = 'enabled' AND w.deleted_at IS NULL
      AND ($4 = 'gone' OR w.failing_since <= bound.failing_before)
    RETURNING w.url, w.failing_since, (
      SELECT count(*) FROM signalpost.pending_deliveries q
      WHERE q.account_id = $1 AND q.mode = $2 AND q.endpoint_id = $3 AND q.endpoint_epoch = w.epoch - 1
    )::integer AS unfinished`,
};

const APPEND_EVENT: Statement = {
  name: 'inbox_append_system_event',
  text: `INSERT INTO signalpost.event_inbox (account_id, mode, source, input) VALUES ($1, $2, 'system', $3)`,
};

const NOTIFY_INBOX: Statement = { name: 'inbox_notify', text: `SELECT pg_notify('signalpost_inbox', '')` };

interface DisabledRow {
  url: string;
  failing_since: Date | null;
  unfinished: number;
}

/** Disables endpoints that are gone or have failed for a day: the state, its log and its event commit together. */
@Injectable()
export class EndpointDisabler {
  constructor(
    private readonly database: Database,
    private readonly accounts: AccountDirectory,
    private readonly logs: LogWriter,
  ) {}

  /** True when this call disabled it. */
  async disable(lane: LaneId, reason: 'gone' | 'failing'): Promise<boolean> {
    const [accountId, mode, endpointId] = lane;
    const locale = (await this.accounts.find(accountId))?.locale ?? 'en';
    return this.database.transaction(async (manager) => {
      const values = [accountId, mode, endpointId, reason, FAILING_HOURS];
      const [row] = await this.database.rows<DisabledRow>(DISABLE, values, manager);
      if (row === undefined) return false;
      const action = reason === 'gone' ? 'disabled_gone' : 'disabled_failing';
      await this.logs.write(
        [
          {
            accountId,
            mode,
            category: 'webhook',
            action: 'webhook_endpoint.disabled',
            status: 'failed',
            description: describeEndpoint(locale, { action, url: row.url }),
            endpointId,
          },
        ],
        manager,
      );
      const data = {
        endpoint_id: encodeId('we', endpointId),
        url: row.url,
        reason,
        failing_since: row.failing_since?.toISOString() ?? null,
        unfinished: row.unfinished,
      };
      const input = JSON.stringify({ type: 'webhook_endpoint.disabled', data });
      await this.database.rows(APPEND_EVENT, [accountId, mode, input], manager);
      await this.database.rows(NOTIFY_INBOX, [], manager);
      return true;
    });
  }
}
