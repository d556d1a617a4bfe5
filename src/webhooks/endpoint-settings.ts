import { Injectable, Logger } from '@nestjs/common';
import type { Mode } from '../auth/caller.js';
import { Database, type Statement } from '../database/database.js';
import { SecretBox } from './secret-box.js';
import { type SigningKey, toSigningKey } from './signature.js';
import type { EndpointRef, EndpointStatus, Ordering, SignatureScheme, SignatureSettings } from './webhook-endpoint.js';
import { secretPlace } from './webhook-secrets.repository.js';

/** What the dispatcher needs to send to one endpoint. */
export interface EndpointSettings extends EndpointRef {
  /** That of the endpoint's row; a claim that shows a higher one means: read again. */
  readonly revision: bigint;
  readonly status: EndpointStatus;
  readonly isDeleted: boolean;
  readonly failingSince: Date | null;
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly timeoutMs: number;
  /** Waits in seconds; null: the service's own schedule. */
  readonly retrySchedule: readonly number[] | null;
  /** Requests per second; null: no limit. */
  readonly rateLimit: number | null;
  readonly ordering: Ordering;
  /** Spread it into `signRequest`. Null: a secret does not open, so nothing may be sent; the log says why. */
  readonly signature: (SignatureSettings & { readonly secrets: readonly SigningKey[] }) | null;
  /** After so long a secret's overlap ends and the settings must be read again; null: never by itself. */
  readonly secretsLiveForMs: number | null;
}

interface SettingsRow {
  readonly account_id: string;
  readonly mode: Mode;
  readonly id: string;
  readonly revision: string;
  readonly status: EndpointStatus;
  readonly is_deleted: boolean;
  readonly failing_since: Date | null;
  readonly url: string;
  readonly headers: Record<string, string>;
  readonly timeout_ms: number;
  readonly retry_schedule: number[] | null;
  readonly rate_limit: number | null;
  readonly ordering: Ordering;
  readonly signature_scheme: SignatureScheme;
  readonly signature_header: string | null;
  readonly signature_label: string | null;
  readonly secret_ids: string[];
  readonly ciphertexts: Buffer[];
  readonly secrets_live_for_ms: number | null;
}

// Index: both primary keys. Each table is filtered by the accounts, so that a group of one shard stays in it.
const LOAD: Statement = {
  name: 'endpoint_settings.load',
  text: `SELECT w.account_id, w.mode, w.id, w.revision, w.status, w.deleted_at IS NOT NULL AS is_deleted,
      w.failing_since, w.url, w.headers, w.timeout_ms, w.retry_schedule, w.rate_limit, w.ordering,
      w.signature_scheme, w.signature_header, w.signature_label,
      coalesce(live.ids, '{}') AS secret_ids, coalesce(live.ciphertexts, '{}') AS ciphertexts,
      live.live_for_ms AS secrets_live_for_ms
    FROM unnest($1::uuid[], $2::text[], $3::uuid[]) AS given (account_id, mode, id)
    JOIN signalpost.webhook_endpoints w
      ON w.account_id = given.account_id AND w.mode = given.mode AND w.id = given.id
    CROSS JOIN LATERAL (
      SELECT array_agg(s.id ORDER BY s.expires_at DESC NULLS FIRST, s.id DESC) AS ids,
        array_agg(s.ciphertext ORDER BY s.expires_at DESC NULLS FIRST, s.id DESC) AS ciphertexts,
        (extract(epoch FROM min(s.expires_at) - now()) * 1000)::double precision AS live_for_ms
      FROM signalpost.webhook_secrets s
      WHERE s.account_id = ANY ($1) AND s.account_id = w.account_id AND s.mode = w.mode AND s.endpoint_id = w.id
        AND (s.expires_at IS NULL OR s.expires_at > now())
    ) AS live
    WHERE w.account_id = ANY ($1)`,
};

/** Reads endpoints for the dispatcher, which remembers them until their revision rises or a secret's overlap ends. */
@Injectable()
export class EndpointSettingsReader {
  private readonly logger = new Logger(EndpointSettingsReader.name);

  constructor(
    private readonly database: Database,
    private readonly box: SecretBox,
  ) {}

  /** The endpoints that exist, deleted ones too, in one round trip and in no order. */
  async load(endpoints: readonly EndpointRef[]): Promise<EndpointSettings[]> {
    if (endpoints.length === 0) return [];
    const rows = await this.database.rows<SettingsRow>(LOAD, [
      endpoints.map(({ accountId }) => accountId),
      endpoints.map(({ mode }) => mode),
      endpoints.map(({ id }) => id),
    ]);
    return rows.map((row) => this.toSettings(row));
  }

  private toSettings(row: SettingsRow): EndpointSettings {
    return {
      accountId: row.account_id,
      mode: row.mode,
      id: row.id,
      revision: BigInt(row.revision),
      status: row.status,
      isDeleted: row.is_deleted,
      failingSince: row.failing_since,
      url: row.url,
      headers: row.headers,
      timeoutMs: row.timeout_ms,
      retrySchedule: row.retry_schedule,
      rateLimit: row.rate_limit,
      ordering: row.ordering,
      signature: this.signatureOf(row),
      secretsLiveForMs: row.secrets_live_for_ms,
    };
  }

  /** One endpoint's broken secret must not keep the others of the batch from being sent to. */
  private signatureOf(row: SettingsRow): EndpointSettings['signature'] {
    const { signature_scheme: scheme, signature_header: header, signature_label: label } = row;
    const endpoint: EndpointRef = { accountId: row.account_id, mode: row.mode, id: row.id };
    try {
      const secrets = row.ciphertexts.map((ciphertext, index) =>
        toSigningKey(scheme, this.box.open(ciphertext, secretPlace(endpoint, row.secret_ids[index]!))),
      );
      if (secrets.length === 0) throw new Error('The endpoint has no live secret');
      return { scheme, header, label, secrets };
    } catch (error) {
      this.logger.error(`Endpoint ${row.id} cannot be signed for: ${(error as Error).message}`);
      return null;
    }
  }
}
