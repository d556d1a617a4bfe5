import type { Mode } from '../auth/caller.js';
import {
  BooleanField,
  EnumField,
  FreeObjectField,
  IdField,
  IntegerField,
  ObjectField,
  StringField,
  TimeField,
} from '../common/fields.js';
import { OPERATION_STATUSES } from './operation-traits.js';
import { OperationStateResponse } from './operations.dto.js';

/** The operation as the event left it, or, when the event is stale, as it was reported. */
export class EventOperationResponse extends OperationStateResponse {
  @EnumField({
    description: 'Just before this event was accepted.',
    example: 'pending',
    values: OPERATION_STATUSES,
    nullable: true,
  })
  previous_status!: string | null;

  @BooleanField({ description: 'Came late: it changed nothing but the version.', example: false })
  stale!: boolean;
}

/** An event as it is read, streamed and delivered: for the document alone, for the stored bytes are what is sent. */
export class EventResponse {
  @IdField('evt', { description: 'Its id, which is the `webhook-id`.', example: 'evt_01k96sd3k8e2r9wq6m4h0v5xtz' })
  id!: string;

  @EnumField({ description: 'Always `event`.', example: 'event', values: ['event'] })
  object!: 'event';

  @IdField('acct', { description: 'Whose event it is.', example: 'acct_01k96sd3k8e2r9wq6m4h0v5xtz' })
  account!: string;

  @EnumField({ description: 'Mode of the account.', example: 'live', values: ['test', 'live'] })
  mode!: Mode;

  @StringField({ description: 'A type of the catalogue.', example: 'collect.failed' })
  type!: string;

  @EnumField({
    description: 'Who published it: the platform, the account with its own key, or this service.',
    example: 'platform',
    values: ['platform', 'account', 'system'],
  })
  source!: string;

  @StringField({ description: "The producer's own id of it.", example: 'led-99812', nullable: true })
  external_id!: string | null;

  @IntegerField({ description: 'Counts the events of the account and mode, without a gap.', example: 43, minimum: 1 })
  sequence!: number;

  @TimeField({ description: 'When it happened.', example: '2026-11-02T21:25:52.000Z' })
  occurred_at!: string;

  @TimeField({ description: 'When it was accepted.', example: '2026-11-02T21:25:52.418Z' })
  created_at!: string;

  @ObjectField(() => EventOperationResponse, {
    description: 'The operation it happened to; null in events of the system.',
    example: null,
    nullable: true,
  })
  operation!: EventOperationResponse | null;

  @FreeObjectField({ description: 'The details, as the producer gave them.', example: { fee: 20 } })
  data!: object;
}
