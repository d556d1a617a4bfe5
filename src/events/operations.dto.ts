import type { Mode } from '../auth/caller.js';
import {
  EnumField,
  FreeObjectField,
  IdField,
  IntegerField,
  ObjectField,
  StringField,
  TimeField,
} from '../common/fields.js';
import { encodeId, firstUuidAt } from '../common/ids.js';
import { assertInterval } from '../common/interval.js';
import { PageQuery } from '../common/pagination.js';
import { searchTerms } from '../common/search-text.js';
import { OPERATION_KINDS, OPERATION_STATUSES } from './operation-traits.js';
import type { OperationFilters, OperationRow } from './operations.repository.js';

const filter = { example: null, optional: true, isArray: true, maxItems: 20 };

/** Repeating a filter means or, different filters mean and. Cursors are ids of operations. */
export class OperationsQuery extends PageQuery {
  @EnumField({ ...filter, description: 'Payments or collects.', values: OPERATION_KINDS })
  kind?: string[];

  @EnumField({ ...filter, description: 'The latest status.', values: OPERATION_STATUSES })
  status?: string[];

  @StringField({ ...filter, description: 'The exact reference.', maxLength: 200 })
  reference?: string[];

  @StringField({
    description: 'Words and beginnings of words, all of which stand in the reference, id or customer.',
    example: null,
    optional: true,
    maxLength: 500,
  })
  q?: string;

  @TimeField({ description: 'Began at this time or later.', example: null, optional: true })
  created_after?: string;

  @TimeField({ description: 'Began before this time.', example: null, optional: true })
  created_before?: string;
}

/**
 * The filters of a query; operations without an event since `startMs` are gone.
 * @throws AppError 422 for a reversed interval or a `q` without a word.
 */
export function toOperationFilters(query: OperationsQuery, startMs: number): OperationFilters {
  assertInterval(query.created_after, query.created_before, ['created_after', 'created_before']);
  return {
    kinds: query.kind ?? [],
    statuses: query.status ?? [],
    references: query.reference ?? [],
    terms: query.q === undefined ? [] : searchTerms(query.q),
    createdAfter: query.created_after ?? null,
    createdBefore: query.created_before ?? null,
    lastEventFrom: firstUuidAt(startMs),
  };
}

export class CustomerResponse {
  @StringField({ description: "The payer's name.", example: "Adjoua N'Guessan", nullable: true })
  name!: string | null;

  @StringField({ description: "The payer's e-mail address.", example: 'adjoua@example.com', nullable: true })
  email!: string | null;

  @StringField({ description: "The payer's telephone number.", example: '+22971510758', nullable: true })
  phone!: string | null;
}

export class CauseResponse {
  @StringField({ description: 'A stable word for programs.', example: 'insufficient_funds', nullable: true })
  code!: string | null;

  @StringField({ description: 'A sentence for people.', example: 'Balance too low', nullable: true })
  description!: string | null;
}

/** What an operation and an event's snapshot of it have in common. */
export class OperationStateResponse {
  @StringField({ description: "The platform's own id.", example: 'col_93d884b76dfaf45', maxLength: 128 })
  id!: string;

  @EnumField({ description: 'Never changes.', example: 'collect', values: OPERATION_KINDS })
  kind!: string;

  @EnumField({ description: 'Where it stands.', example: 'failed', values: OPERATION_STATUSES })
  status!: string;

  @IntegerField({ description: "Counts the operation's accepted events.", example: 2, minimum: 1 })
  version!: number;

  @IntegerField({ description: "In the currency's minor unit as ISO 4217 counts it.", example: 1000, nullable: true })
  amount!: number | null;

  @StringField({ description: 'ISO 4217.', example: 'XOF', nullable: true })
  currency!: string | null;

  @StringField({ description: 'What merchant and payer call it.', example: 'INV-2026-1021', nullable: true })
  reference!: string | null;

  @StringField({ description: 'How the money moves.', example: 'mtn_bj', nullable: true })
  channel!: string | null;

  @ObjectField(() => CustomerResponse, {
    description: 'Who pays.',
    example: { name: "Adjoua N'Guessan", email: null, phone: '+22971510758' },
    nullable: true,
  })
  customer!: CustomerResponse | null;

  @ObjectField(() => CauseResponse, {
    description: 'Why it failed or waits.',
    example: { code: 'insufficient_funds', description: 'Balance too low' },
    nullable: true,
  })
  cause!: CauseResponse | null;

  @FreeObjectField({ description: "The platform's own fields.", example: { order: 'A-77' } })
  metadata!: object;
}

export class OperationResponse extends OperationStateResponse {
  @EnumField({ description: 'Always `operation`.', example: 'operation', values: ['operation'] })
  object!: 'operation';

  @EnumField({ description: 'Mode of the account.', example: 'live', values: ['test', 'live'] })
  mode!: Mode;

  @IdField('evt', { description: 'The event that made this state.', example: 'evt_01k96sd3k8e2r9wq6m4h0v5xtz' })
  last_event_id!: string;

  @TimeField({ description: 'When the first accepted event happened.', example: '2026-11-02T21:17:27.000Z' })
  created_at!: string;

  @TimeField({ description: 'The time of the state.', example: '2026-11-02T21:25:52.000Z' })
  updated_at!: string;
}

export function toOperationResponse(row: OperationRow, mode: Mode): OperationResponse {
  return {
    id: row.id,
    object: 'operation',
    mode,
    kind: row.kind,
    status: row.status,
    version: Number(row.version),
    amount: row.amount === null ? null : Number(row.amount),
    currency: row.currency,
    reference: row.reference,
    channel: row.channel,
    customer: row.customer,
    cause: toCause(row),
    metadata: row.metadata,
    last_event_id: encodeId('evt', row.last_event_id),
    created_at: row.created_at.toISOString(),
    updated_at: row.updated_at.toISOString(),
  };
}

function toCause({ cause_code, cause_description }: OperationRow): CauseResponse | null {
  if (cause_code === null && cause_description === null) return null;
  return { code: cause_code, description: cause_description };
}
