import type { AccountEntity } from '../accounts/account.entity.js';
import type { Caller } from '../auth/caller.js';
import { SCOPES, type Scope } from '../auth/scopes.js';
import {
  BooleanField,
  EnumField,
  IdField,
  IntegerField,
  ObjectField,
  StringField,
  TimeField,
} from '../common/fields.js';
import { encodeId } from '../common/ids.js';

export class CallerKeyResponse {
  @IdField('key', { description: 'The id of the key.', example: 'key_01k96sd3k8e2r9wq6m4h0v5xtz' })
  id!: string;

  @EnumField({ description: 'What kind of key it is.', example: 'secret', values: ['public', 'secret', 'restricted'] })
  kind!: string;

  @StringField({ description: 'What people call the key.', example: 'Secret key' })
  name!: string;

  @EnumField({
    description: 'Scopes of a restricted key.',
    example: null,
    values: SCOPES,
    isArray: true,
    nullable: true,
  })
  scopes!: readonly Scope[] | null;
}

export class RetentionResponse {
  @IntegerField({ description: 'Days for which events, logs and deliveries are kept.', example: 400 })
  days!: number;

  @IntegerField({ description: 'Days for which attempts are kept.', example: 90 })
  attempt_days!: number;

  @TimeField({ description: 'What happened before is gone.', example: '2025-10-18T00:00:00.000Z' })
  oldest_at!: string;
}

export class OwnAccountResponse {
  @IdField('acct', { description: 'The id of the account.', example: 'acct_01k96sd3k8e2r9wq6m4h0v5xtz' })
  id!: string;

  @EnumField({ description: 'The type of the object.', example: 'account', values: ['account'] })
  object!: 'account';

  @StringField({ description: "The merchant's name.", example: 'Boutique Adjoua' })
  name!: string;

  @EnumField({
    description: 'Always `active` for keys: others are refused.',
    example: 'active',
    values: ['active', 'suspended'],
  })
  status!: string;

  @EnumField({ description: 'The language of descriptions in logs.', example: 'fr', values: ['en', 'fr'] })
  locale!: string;

  @BooleanField({ description: 'Whether the secret key may publish events in live mode.', example: false })
  live_publishing!: boolean;

  @EnumField({ description: 'The mode of the caller.', example: 'test', values: ['test', 'live'] })
  mode!: string;

  @ObjectField(() => CallerKeyResponse, {
    description: 'The key of this request; null for admin.',
    example: null,
    nullable: true,
  })
  api_key!: CallerKeyResponse | null;

  @ObjectField(() => RetentionResponse, { description: 'How long history is kept.', example: null })
  retention!: RetentionResponse;

  @TimeField({ description: 'When the account was made.', example: '2026-10-01T08:00:00.000Z' })
  created_at!: string;
}

export function toOwnAccountResponse(
  account: AccountEntity,
  caller: Caller,
  retention: RetentionResponse,
): OwnAccountResponse {
  const { kind, apiKeyId, actorName: name, scopes } = caller;
  return {
    id: encodeId('acct', account.id),
    object: 'account',
    name: account.name,
    status: account.status,
    locale: account.locale,
    live_publishing: account.livePublishing,
    mode: caller.mode!,
    api_key: apiKeyId === null ? null : { id: encodeId('key', apiKeyId), kind, name, scopes },
    retention,
    created_at: account.createdAt.toISOString(),
  };
}
