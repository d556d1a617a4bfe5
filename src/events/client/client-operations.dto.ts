import { CLIENT_TOKEN_EXAMPLE } from '../../auth/access.decorator.js';
import { EnumField, IntegerField, StringField, TimeField } from '../../common/fields.js';
import { OPERATION_KINDS, OPERATION_STATUSES } from '../operation-traits.js';
import type { OperationResponse } from '../operations.dto.js';

export class CreateClientTokenBody {
  @IntegerField({
    description: 'Seconds until the token ends.',
    example: 900,
    minimum: 60,
    maximum: 86_400,
    optional: true,
    default: 3_600,
  })
  expires_in: number = 3_600;
}

export class ClientTokenResponse {
  @StringField({
    description:
      'For the page, beside the public key. Null in the replay of an idempotent request: it is never stored.',
    example: CLIENT_TOKEN_EXAMPLE,
    maxLength: 226,
    nullable: true,
  })
  client_token!: string | null;

  @TimeField({ description: 'When the token ends.', example: '2026-11-02T22:17:27.000Z' })
  expires_at!: string;
}

/** What anybody who pays may see: nothing of who pays, to whom, or for what. */
export class ClientOperationResponse {
  @StringField({ description: "The platform's own id.", example: 'col_93d884b76dfaf45', maxLength: 128 })
  id!: string;

  @EnumField({
    description: 'Always `client_operation`.',
    example: 'client_operation',
    values: ['client_operation'],
  })
  object!: 'client_operation';

  @EnumField({ description: 'Never changes.', example: 'collect', values: OPERATION_KINDS })
  kind!: string;

  @EnumField({ description: 'Where it stands.', example: 'succeeded', values: OPERATION_STATUSES })
  status!: string;

  @IntegerField({ description: "In the currency's minor unit as ISO 4217 counts it.", example: 1000, nullable: true })
  amount!: number | null;

  @StringField({ description: 'ISO 4217.', example: 'XOF', nullable: true })
  currency!: string | null;

  @StringField({
    description: 'A stable word for why it failed or waits.',
    example: 'insufficient_funds',
    nullable: true,
  })
  cause_code!: string | null;

  @IntegerField({ description: 'Rises with every event: ask again until it does.', example: 2, minimum: 1 })
  version!: number;

  @TimeField({ description: 'The time of the state.', example: '2026-11-02T21:25:52.000Z' })
  updated_at!: string;
}

export function toClientOperationResponse(operation: OperationResponse): ClientOperationResponse {
  const { id, kind, status, amount, currency, cause, version, updated_at } = operation;
  const cause_code = cause?.code ?? null;
  return { id, object: 'client_operation', kind, status, amount, currency, cause_code, version, updated_at };
}
