import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import type { Locale } from '../accounts/account.js';
import type { Mode } from '../auth/caller.js';
import { AppConfig } from '../config/app-config.js';
import { Database, type Statement } from '../database/database.js';

export interface DeliveryRef {
  readonly accountId: string;
  readonly mode: Mode;
  readonly id: string;
}

/** A delivery that was ended without an attempt, with what its log tells. */
export interface EndedDelivery {
  readonly account_id: string;
  readonly mode: Mode;
  readonly id: string;
  readonly reason: 'expired' | 'poison';
  readonly endpoint_id: string;
  readonly event_id: string;
  readonly operation_id: string | null;
  readonly url: string;
  readonly locale: Locale;
}

/** Lock, index and guarantee: migrations/functions/fail_deliveries.sql. */
const FAIL: Statement = {
  name: 'unsendable.fail',
  text: 'SELECT * FROM signalpost.fail_deliveries($1::uuid[], $2::text[], $3::uuid[], $4::integer)',
};

/**
 * Unfinished deliveries of events past the retention, of the next accounts in the order of their ids. A first delivery
 * has its event's time in its id; the others are found by their event. Index: primary keys, pending_deliveries_resent.
 */
const FIND_EXPIRED: Statement = {
  name: 'unsendable.find_expired',
  text: `
    SELECT a.id AS account_id, m.mode, q.id
    FROM (SELECT id FROM signalpost.accounts WHERE id > $1 ORDER BY id LIMIT $2) AS a
    CROSS JOIN (VALUES ('test'), ('live')) AS m (mode)
    CROSS JOIN (
      SELECT (lpad(to_hex(greatest(0, extract(epoch FROM now() - $3 * interval '1 day') * 1000)::bigint), 12, '0')
        || '00000000000000000000')::uuid AS event_id
    ) AS oldest
    CROSS JOIN LATERAL (
      (SELECT p.id FROM signalpost.pending_deliveries p
       WHERE p.account_id = a.id AND p.mode = m.mode AND p.id < oldest.event_id
       ORDER BY p.id LIMIT $4)
      UNION
      (SELECT p.id FROM signalpost.pending_deliveries p
       WHERE p.account_id = a.id AND p.mode = m.mode AND p.event_id < oldest.event_id AND p.trigger <> 'event'
       ORDER BY p.event_id LIMIT $4)
    ) AS q`,
};

/** Index: primary key. */
const LAST_ACCOUNT: Statement = {
  name: 'unsendable.last_account',
  text: `SELECT a.id FROM (SELECT id FROM signalpost.accounts WHERE id > $1 ORDER BY id LIMIT $2) AS a
    ORDER BY a.id DESC LIMIT 1`,
};

/** Deliveries that nobody may send any more: their event is older than what is kept, or they kill their sender. */
@Injectable()
export class UnsendableRepository {
  constructor(
    private readonly database: Database,
    private readonly config: AppConfig,
  ) {}

  /**
   * Those past the retention, of the `accounts` accounts behind this one, suspended ones too: of each account and mode
   * at most `limit` first ones, and as many that were sent again.
   */
  async findExpired(afterAccount: string, accounts: number, limit: number): Promise<DeliveryRef[]> {
    const values = [afterAccount, accounts, this.config.retentionDays, limit];
    const rows = await this.database.rows<{ account_id: string; mode: Mode; id: string }>(FIND_EXPIRED, values);
    return rows.map((row) => ({ accountId: row.account_id, mode: row.mode, id: row.id }));
  }

  /** The last of the `accounts` accounts behind this one; null: there is none. */
  async lastAccount(afterAccount: string, accounts: number): Promise<string | null> {
    const [row] = await this.database.rows<{ id: string }>(LAST_ACCOUNT, [afterAccount, accounts]);
    return row?.id ?? null;
  }

  /** Ends those of them that are so, and returns them. */
  fail(deliveries: readonly DeliveryRef[], manager: EntityManager): Promise<EndedDelivery[]> {
    const accounts = deliveries.map(({ accountId }) => accountId);
    const modes = deliveries.map(({ mode }) => mode);
    const ids = deliveries.map(({ id }) => id);
    return this.database.rows<EndedDelivery>(FAIL, [accounts, modes, ids, this.config.retentionDays], manager);
  }
}
