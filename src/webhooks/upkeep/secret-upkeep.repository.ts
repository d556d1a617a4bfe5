import { Injectable } from '@nestjs/common';
import { NIL_ACCOUNT } from '../../common/ids.js';
import { Database, type Statement } from '../../database/database.js';
import type { EndpointRef } from '../webhook-endpoint.js';
import { KEPT_AFTER_END_DAYS } from '../webhook-secrets.repository.js';

/** A stored secret that is sealed under an old key, or that nobody needs any more. */
export interface AgedSecret {
  readonly endpoint: EndpointRef;
  readonly id: string;
  readonly ciphertext: Buffer;
  readonly isUnneeded: boolean;
}

interface AgedRow {
  readonly account_id: string;
  readonly mode: EndpointRef['mode'];
  readonly endpoint_id: string;
  readonly id: string;
  readonly ciphertext: Buffer;
  readonly is_unneeded: boolean;
}

// Index: both primary keys, walked in their order over all accounts; a few rows an endpoint, once a run.
const FIND_AGED: Statement = {
  name: 'secret_upkeep.find_aged',
  text: `SELECT s.account_id, s.mode, s.endpoint_id, s.id, s.ciphertext, aged.is_unneeded
    FROM signalpost.webhook_secrets s
    JOIN signalpost.webhook_endpoints w ON w.account_id = s.account_id AND w.mode = s.mode AND w.id = s.endpoint_id
    CROSS JOIN LATERAL (
      SELECT coalesce(
        least(s.expires_at, w.deleted_at) < $1::timestamptz - interval '${KEPT_AFTER_END_DAYS} days', false
      ) AS is_unneeded
    ) AS aged
    WHERE (s.account_id, s.mode, s.endpoint_id, s.id) > ($2::uuid, $3::text, $4::uuid, $5::uuid)
      AND (aged.is_unneeded OR s.key_id <> $6)
    ORDER BY s.account_id, s.mode, s.endpoint_id, s.id
    LIMIT $7`,
};

// Index: the primary key. A secret that changed since it was read is left to the next run.
const RESEAL: Statement = {
  name: 'secret_upkeep.reseal',
  text: `UPDATE signalpost.webhook_secrets SET ciphertext = $6, key_id = $7
    WHERE account_id = $1 AND mode = $2 AND endpoint_id = $3 AND id = $4 AND ciphertext = $5`,
};

const DELETE: Statement = {
  name: 'secret_upkeep.delete',
  text: `DELETE FROM signalpost.webhook_secrets WHERE account_id = $1 AND mode = $2 AND endpoint_id = $3 AND id = $4`,
};

@Injectable()
export class SecretUpkeepRepository {
  constructor(private readonly database: Database) {}

  /**
   * Up to `limit` secrets to look after, in the order of the primary key.
   * @param after the last one of the page before; null: from the start
   */
  async findAged(now: Date, writingKeyId: string, after: AgedSecret | null, limit: number): Promise<AgedSecret[]> {
    const start =
      after === null
        ? [NIL_ACCOUNT, '', NIL_ACCOUNT, NIL_ACCOUNT]
        : [after.endpoint.accountId, after.endpoint.mode, after.endpoint.id, after.id];
    const rows = await this.database.rows<AgedRow>(FIND_AGED, [now, ...start, writingKeyId, limit]);
    return rows.map((row) => ({
      endpoint: { accountId: row.account_id, mode: row.mode, id: row.endpoint_id },
      id: row.id,
      ciphertext: row.ciphertext,
      isUnneeded: row.is_unneeded,
    }));
  }

  async reseal(secret: AgedSecret, ciphertext: Buffer, keyId: string): Promise<void> {
    await this.database.rows(RESEAL, [...keyOf(secret), secret.ciphertext, ciphertext, keyId]);
  }

  async delete(secret: AgedSecret): Promise<void> {
    await this.database.rows(DELETE, keyOf(secret));
  }
}

function keyOf({ endpoint, id }: AgedSecret): string[] {
  return [endpoint.accountId, endpoint.mode, endpoint.id, id];
}
