import type { Mode } from '../auth/caller.js';
import {
  ArrayField,
  BooleanField,
  EnumField,
  IdField,
  IntegerField,
  ObjectField,
  StringField,
  TimeField,
} from '../common/fields.js';
import { toIdInterval } from '../common/id-interval.js';
import { decodeId, encodeId, encodeIdOrNull, uuidTime } from '../common/ids.js';
import { PageQuery } from '../common/pagination.js';
import { ATTEMPT_ERRORS } from './attempt-errors.js';
import type { DeliveryFilters } from './delivery-list.js';
import { DELIVERY_STATUSES, type AttemptRow, type DeliveryRow, type DeliveryStatus } from './delivery-rows.js';

const MODES = ['test', 'live'] as const;
const TRIGGERS = ['event', 'retry', 'redeliver', 'recovery'] as const;
const STATUS_REASONS = [
  'exhausted',
  'poison',
  'expired',
  'gone',
  'endpoint_disabled',
  'endpoint_deleted',
  'cancelled_by_user',
] as const;

/** Repeating a filter means or, different filters mean and. */
export class DeliveriesQuery extends PageQuery {
  @IdField('we', {
    description: 'Deliveries to this endpoint.',
    example: null,
    optional: true,
    isArray: true,
    maxItems: 20,
  })
  endpoint_id?: string[];

  @IdField('evt', {
    description: 'Deliveries of this event.',
    example: null,
    optional: true,
    isArray: true,
    maxItems: 20,
  })
  event_id?: string[];

  @StringField({
    description: "Deliveries of this operation's events.",
    example: null,
    maxLength: 128,
    optional: true,
    isArray: true,
    maxItems: 20,
  })
  operation_id?: string[];

  @EnumField({
    description: 'Where the delivery stands.',
    example: null,
    values: DELIVERY_STATUSES,
    optional: true,
    isArray: true,
    maxItems: DELIVERY_STATUSES.length,
  })
  status?: DeliveryStatus[];

  @TimeField({ description: 'Created at this time or later.', example: null, optional: true })
  created_after?: string;

  @TimeField({ description: 'Created before this time.', example: null, optional: true })
  created_before?: string;
}

/** The filters of a query; nothing before `startMs` is given. @throws AppError 422 for a reversed interval. */
export function toDeliveryFilters(query: DeliveriesQuery, startMs: number): DeliveryFilters {
  return {
    endpointIds: decodeAll('we', query.endpoint_id),
    eventIds: decodeAll('evt', query.event_id),
    operationIds: [...new Set(query.operation_id)],
    statuses: query.status ?? [],
    ...toIdInterval(query, startMs),
  };
}

function decodeAll(prefix: 'we' | 'evt', ids: readonly string[] | undefined): string[] {
  return [...new Set(ids)].map((id) => decodeId(prefix, id));
}

export class AttemptErrorResponse {
  @EnumField({ description: 'A stable word for programs.', example: 'timeout', values: ATTEMPT_ERRORS })
  code!: string;

  @StringField({ description: 'A sentence for people.', example: 'No answer within 15 s.' })
  message!: string;
}

export class AttemptResponse {
  @IdField('att', { description: 'Id of the attempt.', example: 'att_01k96sd3k8e2r9wq6m4h0v5xtz' })
  id!: string;

  @EnumField({ description: 'Always `attempt`.', example: 'attempt', values: ['attempt'] })
  object!: 'attempt';

  @IntegerField({ description: 'Counts from 1.', example: 1, minimum: 1 })
  number!: number;

  @TimeField({ description: 'When the request began.', example: '2026-11-02T21:25:52.480Z' })
  started_at!: string;

  @IntegerField({ description: 'How long it took, in milliseconds.', example: 120 })
  duration_ms!: number;

  @EnumField({ description: 'Only a 2xx succeeds.', example: 'failed', values: ['succeeded', 'failed'] })
  outcome!: 'succeeded' | 'failed';

  @IntegerField({ description: "The answer's status, when there was one.", example: 500, nullable: true })
  status_code!: number | null;

  @ObjectField(() => AttemptErrorResponse, {
    description: 'What went wrong on the way; null when the answer came whole, or to its cap, in time.',
    example: null,
    nullable: true,
  })
  error!: AttemptErrorResponse | null;

  @StringField({ description: "The beginning of the answer's body.", example: 'oops', minLength: 0, nullable: true })
  response_body!: string | null;

  @BooleanField({ description: 'Whether there was more of the body.', example: false })
  response_truncated!: boolean;
}

/** As lists give it. */
export class DeliverySummaryResponse {
  @IdField('del', { description: 'Id of the delivery.', example: 'del_01k96sd3k8e2r9wq6m4h0v5xtz' })
  id!: string;

  @EnumField({ description: 'Always `delivery`.', example: 'delivery', values: ['delivery'] })
  object!: 'delivery';

  @EnumField({ description: 'Mode of the account.', example: 'live', values: MODES })
  mode!: Mode;

  @IdField('evt', { description: 'The event, and the `webhook-id`.', example: 'evt_01k96sd3k8e2r9wq6m4h0v5xtz' })
  event_id!: string;

  @StringField({ description: "The event's type.", example: 'collect.failed' })
  event_type!: string;

  @IdField('we', { description: 'Where it goes.', example: 'we_01k96sd3k8e2r9wq6m4h0v5xtz' })
  endpoint_id!: string;

  @StringField({ description: "The event's operation.", example: 'col_93d8', nullable: true })
  operation_id!: string | null;

  @EnumField({ description: 'Where the delivery stands.', example: 'pending', values: DELIVERY_STATUSES })
  status!: DeliveryStatus;

  @EnumField({ description: 'Why it ended so.', example: null, values: STATUS_REASONS, nullable: true })
  status_reason!: string | null;

  @BooleanField({ description: 'Whether an attempt is under way now.', example: false })
  in_flight!: boolean;

  @EnumField({ description: 'What made this delivery.', example: 'event', values: TRIGGERS })
  trigger!: string;

  @IdField('del', { description: 'The delivery that this one repeats.', example: null, nullable: true })
  previous_delivery_id!: string | null;

  @IdField('rec', { description: 'The recovery that made it.', example: null, nullable: true })
  recovery_id!: string | null;

  @IntegerField({ description: 'Attempts so far.', example: 1 })
  attempt_count!: number;

  @TimeField({
    description: 'When the next attempt is due; null when there is none, or when it waits for its turn.',
    example: '2026-11-02T21:25:57.600Z',
    nullable: true,
  })
  next_attempt_at!: string | null;

  @TimeField({ description: 'When it was made.', example: '2026-11-02T21:25:52.418Z' })
  created_at!: string;

  @TimeField({ description: 'When it ended.', example: null, nullable: true })
  ended_at!: string | null;
}

export class DeliveryResponse extends DeliverySummaryResponse {
  @ArrayField(() => AttemptResponse, { description: 'Its attempts, oldest first.', example: [], isArray: true })
  attempts!: AttemptResponse[];
}

export function toDeliverySummaryResponse(row: DeliveryRow, mode: Mode): DeliverySummaryResponse {
  return {
    id: encodeId('del', row.id),
    object: 'delivery',
    mode,
    event_id: encodeId('evt', row.event_id),
    event_type: row.event_type,
    endpoint_id: encodeId('we', row.endpoint_id),
    operation_id: row.operation_id,
    status: row.status,
    status_reason: row.status_reason,
    in_flight: row.in_flight,
    trigger: row.trigger,
    previous_delivery_id: encodeIdOrNull('del', row.previous_delivery_id),
    recovery_id: encodeIdOrNull('rec', row.recovery_id),
    attempt_count: row.attempt_count,
    next_attempt_at: toTime(row.next_attempt_ms),
    created_at: new Date(uuidTime(row.id)).toISOString(),
    ended_at: toTime(row.ended_ms),
  };
}

export function toDeliveryResponse(row: DeliveryRow, mode: Mode): DeliveryResponse {
  return { ...toDeliverySummaryResponse(row, mode), attempts: (row.attempts ?? []).map(toAttemptResponse) };
}

function toAttemptResponse(row: AttemptRow): AttemptResponse {
  return {
    id: encodeId('att', row.id),
    object: 'attempt',
    number: row.number,
    started_at: new Date(row.started_ms).toISOString(),
    duration_ms: row.duration_ms,
    outcome: row.outcome,
    status_code: row.status_code,
    error: row.error_code === null ? null : { code: row.error_code, message: row.error_message ?? '' },
    response_body: row.response_body,
    response_truncated: row.response_truncated,
  };
}

function toTime(timeMs: number | null): string | null {
  return timeMs === null ? null : new Date(timeMs).toISOString();
}
