import type { AccountEntity } from '../accounts/account.entity.js';
import type { AccountStatus, Locale } from '../accounts/account.js';
import {
  ArrayField,
  BooleanField,
  EnumField,
  FreeObjectField,
  IdField,
  ObjectField,
  StringField,
  TextField,
  TimeField,
} from '../common/fields.js';
import { encodeId } from '../common/ids.js';
import { PageQuery } from '../common/pagination.js';
import { ApiKeyResponse, toApiKeyResponse } from '../keys/keys.dto.js';
import type { IssuedPair } from '../keys/key-issuer.js';
import type { KeyPair } from '../keys/keys.service.js';

const NAME = { description: "The merchant's name.", example: 'Boutique Adjoua', maxLength: 200 } as const;
const EXTERNAL_ID = {
  description: "The platform's own id of the merchant; unique.",
  example: 'm-1043',
  maxLength: 200,
  nullable: true,
} as const;
const LOCALE = { description: 'The language of descriptions in logs.', example: 'fr', values: ['en', 'fr'] } as const;
const LIVE_PUBLISHING = {
  description: "Whether the account's own secret key may publish events in live mode.",
  example: false,
} as const;
const METADATA = { description: 'Anything of the platform; the merchant never sees it.', example: {} } as const;
const STATUS = {
  description: '`suspended`: keys are refused and deliveries pause; nothing is lost.',
  example: 'active',
  values: ['active', 'suspended'],
} as const;

export class CreateAccountBody {
  @TextField(NAME)
  name!: string;

  @StringField({ ...EXTERNAL_ID, optional: true })
  external_id: string | null = null;

  @EnumField({ ...LOCALE, optional: true, default: 'en' })
  locale: Locale = 'en';

  @BooleanField({ ...LIVE_PUBLISHING, optional: true, default: false })
  live_publishing: boolean = false;

  @FreeObjectField({ ...METADATA, optional: true, default: {} })
  metadata: object = {};
}

export class ChangeAccountBody {
  @TextField({ ...NAME, optional: true })
  name?: string;

  @StringField({ ...EXTERNAL_ID, optional: true })
  external_id?: string | null;

  @EnumField({ ...LOCALE, optional: true })
  locale?: Locale;

  @BooleanField({ ...LIVE_PUBLISHING, optional: true })
  live_publishing?: boolean;

  @EnumField({ ...STATUS, optional: true })
  status?: AccountStatus;

  @FreeObjectField({ ...METADATA, optional: true })
  metadata?: object;
}

export class AccountsQuery extends PageQuery {
  @StringField({
    description: 'Only the account with this `external_id`.',
    example: null,
    maxLength: 200,
    isArray: true,
    optional: true,
  })
  external_id: string[] = [];
}

export class AccountResponse {
  @IdField('acct', { description: 'The id of the account.', example: 'acct_01k96sd3k8e2r9wq6m4h0v5xtz' })
  id!: string;

  @EnumField({ description: 'The type of the object.', example: 'account', values: ['account'] })
  object!: 'account';

  @StringField(NAME)
  name!: string;

  @StringField(EXTERNAL_ID)
  external_id!: string | null;

  @EnumField(STATUS)
  status!: AccountStatus;

  @EnumField(LOCALE)
  locale!: Locale;

  @BooleanField(LIVE_PUBLISHING)
  live_publishing!: boolean;

  @FreeObjectField(METADATA)
  metadata!: object;

  @TimeField({ description: 'When the account was made.', example: '2026-10-01T08:00:00.000Z' })
  created_at!: string;

  @TimeField({ description: 'When the account was changed last.', example: '2026-10-01T08:00:00.000Z' })
  updated_at!: string;
}

export class AccountKeysResponse {
  @EnumField({ description: 'The mode of the pair.', example: 'test', values: ['test', 'live'] })
  mode!: string;

  @ObjectField(() => ApiKeyResponse, { description: 'The public key, whole.', example: null })
  public_key!: ApiKeyResponse;

  @ObjectField(() => ApiKeyResponse, { description: 'The secret key, whole: here and never again.', example: null })
  secret_key!: ApiKeyResponse;
}

export class CreatedAccountResponse {
  @ObjectField(() => AccountResponse, { description: 'The account.', example: null })
  account!: AccountResponse;

  @ArrayField(() => AccountKeysResponse, { description: 'A pair for each mode.', example: [] })
  keys!: AccountKeysResponse[];
}

export function toAccountResponse(account: AccountEntity): AccountResponse {
  return {
    id: encodeId('acct', account.id),
    object: 'account',
    name: account.name,
    external_id: account.externalId,
    status: account.status,
    locale: account.locale,
    live_publishing: account.livePublishing,
    metadata: account.metadata,
    created_at: account.createdAt.toISOString(),
    updated_at: account.updatedAt.toISOString(),
  };
}

/** A new account. */
export interface CreatedAccount {
  readonly account: AccountEntity;
  /** For each mode, the pair as stored and as issued: the only moment at which the secrets are known. */
  readonly keys: readonly (KeyPair & { readonly issued: IssuedPair })[];
}

/** A replay of the request never shows the secret keys again. */
export function toCreatedAccountResponse(
  { account, keys }: CreatedAccount,
  { withSecrets }: { withSecrets: boolean },
): CreatedAccountResponse {
  return {
    account: toAccountResponse(account),
    keys: keys.map(({ issued, publicKey, secretKey }) => ({
      mode: publicKey.mode,
      public_key: toApiKeyResponse(publicKey),
      secret_key: toApiKeyResponse(secretKey, withSecrets ? issued.secretKey.wholeKey : null),
    })),
  };
}
