import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import { Database, type Statement } from '../database/database.js';
import { isEd25519Secret, type NewSecret } from './endpoint-secret.js';
import { SecretBox, type SecretPlace } from './secret-box.js';
import { toSigningKey } from './signature.js';
import type { EndpointRef, SignatureScheme } from './webhook-endpoint.js';

export interface EndpointSecret {
  readonly secret: string;
  readonly createdAt: Date;
  /** Null: the present one. */
  readonly expiresAt: Date | null;
}

/** How long after its end a secret is kept, so that `verify-signature` can tell that it was past its overlap. */
export const KEPT_AFTER_END_DAYS = 7;
/** The latest of them: each costs a look at the whole body. */
const MAX_ENDED = 5;

interface SecretRow {
  readonly id: string;
  readonly ciphertext: Buffer;
  readonly created_at: Date;
  readonly expires_at: Date | null;
}

const INSERT: Statement = {
  name: 'webhook_secrets.insert',
  text: `INSERT INTO signalpost.webhook_secrets (account_id, mode, endpoint_id, id, ciphertext, key_id, public_key)
    VALUES ($1, $2, $3, $4, $5, $6, $7)`,
};

// Index: the primary key. The database's clock decides what is live.
const LIST_LIVE: Statement = {
  name: 'webhook_secrets.list_live',
  text: `SELECT id, ciphertext, created_at, expires_at FROM signalpost.webhook_secrets
    WHERE account_id = $1 AND mode = $2 AND endpoint_id = $3 AND (expires_at IS NULL OR expires_at > now())
    ORDER BY expires_at DESC NULLS FIRST, id DESC`,
};

// Index: the primary key.
const LIST_ENDED: Statement = {
  name: 'webhook_secrets.list_ended',
  text: `SELECT id, ciphertext, created_at, expires_at FROM signalpost.webhook_secrets
    WHERE account_id = $1 AND mode = $2 AND endpoint_id = $3
      AND expires_at <= now() AND expires_at > now() - interval '${KEPT_AFTER_END_DAYS} days'
    ORDER BY expires_at DESC, id DESC LIMIT ${MAX_ENDED}`,
};

// The present secret gets an end; those of earlier rotations keep their own, unless all end now ($4 is 0).
const EXPIRE: Statement = {
  name: 'webhook_secrets.expire',
  text: `UPDATE signalpost.webhook_secrets
    SET expires_at = now() + $4 * interval '1 second'
    WHERE account_id = $1 AND mode = $2 AND endpoint_id = $3
      AND (expires_at IS NULL OR ($4 = 0 AND expires_at > now()))`,
};

/** The signing secrets of endpoints, sealed at rest. */
@Injectable()
export class WebhookSecretsRepository {
  constructor(
    private readonly database: Database,
    private readonly box: SecretBox,
  ) {}

  async insert(
    endpoint: EndpointRef,
    id: string,
    { secret, publicKey }: NewSecret,
    manager: EntityManager,
  ): Promise<void> {
    const { accountId, mode } = endpoint;
    const ciphertext = this.box.seal(secret, secretPlace(endpoint, id));
    const values = [accountId, mode, endpoint.id, id, ciphertext, this.box.writingKeyId, publicKey];
    await this.database.rows(INSERT, values, manager);
  }

  /** The newest first. @throws Error when one does not open. */
  async listLive(endpoint: EndpointRef, manager?: EntityManager): Promise<EndpointSecret[]> {
    const values = [endpoint.accountId, endpoint.mode, endpoint.id];
    const rows = await this.database.rows<SecretRow>(LIST_LIVE, values, manager);
    return rows.map((row) => this.toSecret(endpoint, row));
  }

  /** Those whose overlap ended in the last days, the latest first. @throws Error when one does not open. */
  async listEnded(endpoint: EndpointRef): Promise<EndpointSecret[]> {
    const values = [endpoint.accountId, endpoint.mode, endpoint.id];
    const rows = await this.database.rows<SecretRow>(LIST_ENDED, values);
    return rows.map((row) => this.toSecret(endpoint, row));
  }

  /** Whether every live secret can sign under `scheme`; an ed25519 key is never a shared secret. */
  async allFit(endpoint: EndpointRef, scheme: SignatureScheme, manager: EntityManager): Promise<boolean> {
    const secrets = await this.listLive(endpoint, manager);
    return secrets.every(({ secret }) => fits(secret, scheme));
  }

  /** @param inSeconds 0 ends every earlier secret now */
  async expire(endpoint: EndpointRef, inSeconds: number, manager: EntityManager): Promise<void> {
    await this.database.rows(EXPIRE, [endpoint.accountId, endpoint.mode, endpoint.id, inSeconds], manager);
  }

  private toSecret(endpoint: EndpointRef, row: SecretRow): EndpointSecret {
    return {
      secret: this.box.open(row.ciphertext, secretPlace(endpoint, row.id)),
      createdAt: row.created_at,
      expiresAt: row.expires_at,
    };
  }
}

function fits(secret: string, scheme: SignatureScheme): boolean {
  if (isEd25519Secret(secret) !== (scheme === 'ed25519')) return false;
  try {
    toSigningKey(scheme, secret);
    return true;
  } catch {
    return false;
  }
}

export function secretPlace({ accountId, mode }: EndpointRef, secretId: string): SecretPlace {
  return { table: 'webhook_secrets', rowId: secretId, accountId, mode };
}
