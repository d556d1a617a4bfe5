import { SCOPES, type Scope } from '../auth/scopes.js';
import { EnumField, IdField, IntegerField, ObjectField, StringField, TextField, TimeField } from '../common/fields.js';
import { encodeId, encodeIdOrNull } from '../common/ids.js';
import type { ApiKeyRow, ApiKeyStatus } from './keys.repository.js';

const EXAMPLE_ID = 'key_01k96sd3k8e2r9wq6m4h0v5xtz';
const ADDRESSES = {
  description: 'IPv4 or IPv6 addresses or CIDR ranges from which the key may be used; empty: any.',
  example: ['203.0.113.9', '2001:db8::/32'],
} as const;
const ORIGINS = {
  description: 'Origins of pages that may use the public key; empty: any.',
  example: ['https://shop.example'],
} as const;
const NAME = { description: 'What people call the key.', example: 'Nightly export', maxLength: 100 } as const;

export class RegenerateKeysBody {
  @IntegerField({
    description: 'Seconds until the present pair ends; 0 ends every earlier pair at once.',
    example: 86400,
    maximum: 604_800,
    optional: true,
    default: 0,
  })
  expire_previous_in: number = 0;
}

export class CreateRestrictedKeyBody {
  @TextField(NAME)
  name!: string;

  @EnumField({
    description: 'What the key may do; `read` stands for all that end in `:read` but the secrets.',
    example: ['read', 'events:write'],
    values: SCOPES,
    isArray: true,
    minItems: 1,
    maxItems: SCOPES.length,
    unique: true,
  })
  scopes!: Scope[];

  @StringField({ ...ADDRESSES, isArray: true, optional: true, maxLength: 49, default: [] })
  allowed_ips: string[] = [];

  @TimeField({
    description: 'When the key ends; null: never.',
    example: '2027-01-01T00:00:00.000Z',
    optional: true,
    nullable: true,
  })
  expires_at: string | null = null;
}

export class ChangeKeyBody {
  @TextField({ ...NAME, optional: true })
  name?: string;

  @StringField({ ...ADDRESSES, isArray: true, optional: true, maxLength: 49 })
  allowed_ips?: string[];

  @StringField({ ...ORIGINS, isArray: true, optional: true, maxLength: 300 })
  allowed_origins?: string[];
}

export class ApiKeyResponse {
  @IdField('key', { description: 'The id of the key, which is no secret.', example: EXAMPLE_ID })
  id!: string;

  @EnumField({ description: 'The type of the object.', example: 'api_key', values: ['api_key'] })
  object!: 'api_key';

  @EnumField({ description: 'The mode that the key belongs to.', example: 'live', values: ['test', 'live'] })
  mode!: string;

  @EnumField({ description: 'What kind of key it is.', example: 'secret', values: ['public', 'secret', 'restricted'] })
  kind!: string;

  @StringField(NAME)
  name!: string;

  @EnumField({
    description: '`expiring`: replaced, and still valid until `expires_at`.',
    example: 'active',
    values: ['active', 'expiring', 'expired', 'revoked'],
  })
  status!: ApiKeyStatus;

  @StringField({
    description: 'The whole key: always of public ones, of others only in the answer that makes them.',
    example: null,
    nullable: true,
  })
  key!: string | null;

  @StringField({ description: 'Enough of the key to recognise it.', example: 'sk_live_…4f2a' })
  key_preview!: string;

  @EnumField({
    description: 'Scopes of a restricted key.',
    example: null,
    values: SCOPES,
    isArray: true,
    nullable: true,
  })
  scopes!: Scope[] | null;

  @StringField({ ...ADDRESSES, isArray: true })
  allowed_ips!: string[];

  @StringField({ ...ORIGINS, isArray: true })
  allowed_origins!: string[];

  @IdField('key', { description: 'The key that took over.', example: null, nullable: true })
  replaced_by!: string | null;

  @IntegerField({ description: 'Requests made with the key since it was replaced: who still uses it.', example: 42 })
  requests_since_replaced!: number;

  @TimeField({
    description: 'The last use, a second late at most.',
    example: '2026-11-02T20:10:00.000Z',
    nullable: true,
  })
  last_used_at!: string | null;

  @StringField({ description: 'The address of the last use.', example: '203.0.113.9', nullable: true })
  last_used_ip!: string | null;

  @StringField({ description: 'The user agent of the last use.', example: 'node', nullable: true })
  last_used_user_agent!: string | null;

  @TimeField({ description: 'When the key was made.', example: '2026-10-01T08:00:00.000Z' })
  created_at!: string;

  @TimeField({ description: 'When the key ends or ended by itself.', example: null, nullable: true })
  expires_at!: string | null;

  @TimeField({ description: 'When the key was ended.', example: null, nullable: true })
  revoked_at!: string | null;
}

export class KeyPairResponse {
  @ObjectField(() => ApiKeyResponse, { description: 'The public key, whole.', example: null })
  public_key!: ApiKeyResponse;

  @ObjectField(() => ApiKeyResponse, { description: 'The secret key, whole: here and never again.', example: null })
  secret_key!: ApiKeyResponse;
}

/** `wholeKey` only in the answer that makes the key. */
export function toApiKeyResponse(row: ApiKeyRow, wholeKey: string | null = null): ApiKeyResponse {
  return {
    id: encodeId('key', row.id),
    object: 'api_key',
    mode: row.mode,
    kind: row.kind,
    name: row.name,
    status: row.status,
    key: row.public_key ?? wholeKey,
    key_preview: row.preview,
    scopes: row.scopes,
    allowed_ips: row.allowed_ips,
    allowed_origins: row.allowed_origins,
    replaced_by: encodeIdOrNull('key', row.replaced_by),
    requests_since_replaced: Number(row.requests_since_replaced),
    last_used_at: row.last_used_at?.toISOString() ?? null,
    last_used_ip: row.last_used_ip,
    last_used_user_agent: row.last_used_user_agent,
    created_at: row.created_at.toISOString(),
    expires_at: row.expires_at?.toISOString() ?? null,
    revoked_at: row.revoked_at?.toISOString() ?? null,
  };
}
