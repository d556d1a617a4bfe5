import { Injectable } from '@nestjs/common';
import { Database, type Statement } from '../../database/database.js';
import type { Mode } from '../caller.js';

/** The last use of one key since the last flush. */
export interface KeyUse {
  readonly accountId: string;
  readonly mode: Mode;
  readonly keyId: string;
  lastUsedAt: Date;
  ip: string;
  userAgent: string | null;
  /** Requests made after the key was replaced by another. */
  requestsSinceReplaced: number;
}

const ROWS_PER_STATEMENT = 1_000;

// Rows are locked in the order of their key, so that two processes that write the same keys cannot deadlock; a row that
// another transaction holds (a regeneration) is waited for, not skipped. Of two processes the later use is shown.
const WRITE_USES: Statement = {
  name: 'auth.write_key_uses',
  text: `
    UPDATE signalpost.api_keys k
       SET last_used_at = greatest(k.last_used_at, u.used_at),
           last_used_ip = CASE WHEN k.last_used_at > u.used_at THEN k.last_used_ip ELSE u.ip END,
           last_used_user_agent =
             CASE WHEN k.last_used_at > u.used_at THEN k.last_used_user_agent ELSE u.user_agent END,
           requests_since_replaced = k.requests_since_replaced + u.requests
      FROM (
        SELECT held.account_id, held.mode, held.id, u.used_at, u.ip, u.user_agent, u.requests
          FROM signalpost.api_keys held
          JOIN unnest($1::uuid[], $2::text[], $3::uuid[], $4::timestamptz[], $5::text[], $6::text[], $7::bigint[])
            AS u (account_id, mode, id, used_at, ip, user_agent, requests)
            ON held.account_id = u.account_id AND held.mode = u.mode AND held.id = u.id
         WHERE held.account_id = ANY ($1::uuid[])
         ORDER BY held.account_id, held.mode, held.id
           FOR NO KEY UPDATE OF held
      ) u
     WHERE k.account_id = u.account_id AND k.mode = u.mode AND k.id = u.id AND k.account_id = ANY ($1::uuid[])`,
};

@Injectable()
export class KeyUsageRepository {
  constructor(private readonly database: Database) {}

  async write(uses: readonly KeyUse[]): Promise<void> {
    for (let start = 0; start < uses.length; start += ROWS_PER_STATEMENT) {
      const page = uses.slice(start, start + ROWS_PER_STATEMENT);
      await this.database.rows(WRITE_USES, [
        page.map((use) => use.accountId),
        page.map((use) => use.mode),
        page.map((use) => use.keyId),
        page.map((use) => use.lastUsedAt),
        page.map((use) => use.ip),
        page.map((use) => use.userAgent),
        page.map((use) => use.requestsSinceReplaced),
      ]);
    }
  }
}
