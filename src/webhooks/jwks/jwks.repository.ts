import { Injectable } from '@nestjs/common';
import type { Mode } from '../../auth/caller.js';
import { Database, type Statement } from '../../database/database.js';

// Index: the primary key. Not a tenant's table: an endpoint's id alone leads to its account.
const FIND_ACCOUNT: Statement = {
  name: 'jwks.find_account',
  text: `SELECT account_id, mode FROM signalpost.endpoint_lookup WHERE endpoint_id = $1`,
};

// Index: both primary keys. The newest first; the database's clock decides what is live.
const LIST_LIVE: Statement = {
  name: 'jwks.list_live',
  text: `SELECT s.public_key
    FROM signalpost.webhook_endpoints w
    JOIN signalpost.webhook_secrets s
      ON s.account_id = $1 AND s.account_id = w.account_id AND s.mode = w.mode AND s.endpoint_id = w.id
    WHERE w.account_id = $1 AND w.mode = $2 AND w.id = $3 AND w.deleted_at IS NULL
      AND s.public_key IS NOT NULL AND (s.expires_at IS NULL OR s.expires_at > now())
    ORDER BY s.expires_at DESC NULLS FIRST, s.id DESC`,
};

/** Reads the public halves of endpoints' keys, for whoever asks. */
@Injectable()
export class JwksRepository {
  constructor(private readonly database: Database) {}

  /** The live public keys as `whpk_…`, the newest first; none when there is no such ed25519 endpoint. */
  async listLive(endpointId: string): Promise<string[]> {
    const [tenant] = await this.database.rows<{ account_id: string; mode: Mode }>(FIND_ACCOUNT, [endpointId]);
    if (!tenant) return [];
    const values = [tenant.account_id, tenant.mode, endpointId];
    const rows = await this.database.rows<{ public_key: string }>(LIST_LIVE, values);
    return rows.map(({ public_key }) => public_key);
  }
}
