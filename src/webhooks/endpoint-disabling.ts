import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import type { Locale } from '../accounts/account.js';
import { encodeId } from '../common/ids.js';
import { Database, type Statement } from '../database/database.js';
import { publishSystemEvent } from '../database/system-events.js';
import { describeEndpoint } from '../logs/descriptions.js';
import { LogWriter } from '../logs/log-writer.js';
import type { DisabledReason, EndpointRef } from './webhook-endpoint.js';
import { oldestUnfinishedSql, WebhookEndpointsRepository } from './webhook-endpoints.repository.js';

/** How long an endpoint's failures must last, unbroken by a success, before an exhausted delivery disables it. */
const FAILING_MS = 24 * 3_600_000;

// Lock: the row. Whoever comes second changes nothing, so an endpoint is disabled, logged and announced once.
const DISABLE: Statement = {
  name: 'webhook_endpoints.disable',
  text: `UPDATE signalpost.webhook_endpoints AS target
    SET status = 'disabled', disabled_reason = $4, disabled_at = now(), epoch = epoch + 1, epoch_ended_at = now(),
      has_leftovers = true, recoverable_since = ${oldestUnfinishedSql('target.')},
      dead_reason = NULL, dead_revision = NULL,
      revision = revision + 1, updated_at = now()
    WHERE account_id = $1 AND mode = $2 AND id = $3 AND status = 'enabled' AND deleted_at IS NULL
      AND ($4 <> 'failing' OR failing_since <= now() - $5 * interval '1 millisecond')
      AND ($6::bigint IS NULL OR revision = $6)
    RETURNING url, failing_since,
      (SELECT a.locale FROM signalpost.accounts a WHERE a.id = target.account_id) AS locale`,
};

/**
 * One endpoint that an attempt marked, and that nobody changed since; the mark of one that was changed is wiped.
 * Lock: the row, SKIP LOCKED. Index: webhook_endpoints_dead.
 */
const TAKE_MARKED: Statement = {
  name: 'webhook_endpoints.take_marked',
  text: `UPDATE signalpost.webhook_endpoints AS target
    SET dead_reason = NULL, dead_revision = NULL
    FROM (
      SELECT w.account_id, w.mode, w.id, w.dead_reason,
             w.dead_revision = w.revision AND w.status = 'enabled' AND w.deleted_at IS NULL AS is_current
      FROM signalpost.webhook_endpoints w
      WHERE w.dead_reason IS NOT NULL
      LIMIT 1
      FOR UPDATE SKIP LOCKED
    ) AS marked
    WHERE target.account_id = marked.account_id AND target.mode = marked.mode AND target.id = marked.id
    RETURNING marked.*`,
};

interface MarkedRow {
  readonly account_id: string;
  readonly mode: EndpointRef['mode'];
  readonly id: string;
  readonly dead_reason: 'gone' | 'failing';
  readonly is_current: boolean;
}

interface DisabledRow {
  readonly url: string;
  readonly failing_since: Date | null;
  readonly locale: Locale;
}

/** What must hold, beside the reason, for an endpoint to be disabled. */
export interface DisablingCondition {
  /** Nobody changed it since this revision, by which its receiver was met; without it, it may be any. */
  readonly revision?: number;
  /** How long a run of failures must last to disable as `failing`; 24 hours at least. */
  readonly failingForMs?: number;
}

/** Disables endpoints on the service's own judgement: `gone` after a 410, `failing` after a day without a success. */
@Injectable()
export class EndpointDisabling {
  constructor(
    private readonly database: Database,
    private readonly repository: WebhookEndpointsRepository,
    private readonly logs: LogWriter,
  ) {}

  /**
   * With its log and the event `webhook_endpoint.disabled`, all in the caller's transaction.
   * @returns false when it was disabled, deleted or changed already, or has not been `failing` for long enough
   */
  async disable(
    ref: EndpointRef,
    reason: Exclude<DisabledReason, 'manual'>,
    manager: EntityManager,
    { revision, failingForMs = 0 }: DisablingCondition = {},
  ): Promise<boolean> {
    const { accountId, mode, id } = ref;
    const values = [accountId, mode, id, reason, Math.max(FAILING_MS, failingForMs), revision ?? null];
    const [row] = await this.database.rows<DisabledRow>(DISABLE, values, manager);
    if (!row) return false;
    const data = {
      endpoint_id: encodeId('we', id),
      url: row.url,
      reason,
      failing_since: row.failing_since?.toISOString() ?? null,
      unfinished: await this.repository.countJustSkipped(ref, manager),
    };
    await publishSystemEvent(this.database, ref, { type: 'webhook_endpoint.disabled', data }, manager);
    const description = describeEndpoint(row.locale, { action: `disabled_${reason}`, url: row.url });
    const log = { category: 'webhook', action: 'webhook_endpoint.disabled', status: 'failed', description } as const;
    await this.logs.write([{ ...log, accountId, mode, endpointId: id, metadata: { reason } }], manager);
    await this.repository.announce(ref, manager);
    return true;
  }

  /** Disables one endpoint that an attempt's settle marked for it. @returns false when none is marked. */
  async disableMarked(manager: EntityManager): Promise<boolean> {
    const [row] = await this.database.rows<MarkedRow>(TAKE_MARKED, [], manager);
    if (!row) return false;
    const ref = { accountId: row.account_id, mode: row.mode, id: row.id };
    if (row.is_current) await this.disable(ref, row.dead_reason, manager);
    return true;
  }
}
