import { IntersectionType } from '@nestjs/swagger';
import type { Mode } from '../auth/caller.js';
import {
  EnumField,
  FreeObjectField,
  IdField,
  IntegerField,
  ObjectField,
  StringField,
  TextField,
  TimeField,
} from '../common/fields.js';
import { encodeId, encodeIdOrNull, uuidTime } from '../common/ids.js';
import { OPERATION_ID_PATTERN } from '../common/operation-id.js';
import { PageQuery } from '../common/pagination.js';
import { ACTOR_TYPES, LOG_CATEGORIES, LOG_STATUSES, type ActorType, type LogCategory, type LogStatus } from './log.js';
import type { LogRow } from './log-statements.js';

const MODES = ['test', 'live'] as const;
const ACTION = /^[A-Za-z0-9][A-Za-z0-9._:-]*$/;
const LIST = { example: null, optional: true, isArray: true, maxItems: 20 } as const;

/** The filters of logs: repeating one means or, different ones mean and. */
export class LogFilterQuery {
  @StringField({
    description:
      'Words and beginnings of words, all of which a log must have in its description, or in the id or the reference of its operation, without regard to accents and case.',
    example: null,
    maxLength: 200,
    optional: true,
  })
  q?: string;

  @EnumField({ description: 'How the action ended.', values: LOG_STATUSES, ...LIST })
  status?: LogStatus[];

  @EnumField({ description: 'What kind of action.', values: LOG_CATEGORIES, ...LIST })
  category?: LogCategory[];

  @StringField({ description: 'The action, such as `delivery.failed`.', maxLength: 100, ...LIST })
  action?: string[];

  @StringField({ description: 'Logs about this operation.', maxLength: 128, ...LIST })
  operation_id?: string[];

  @IdField('evt', { description: 'Logs about this event.', ...LIST })
  event_id?: string[];

  @IdField('we', { description: 'Logs about this webhook endpoint.', ...LIST })
  endpoint_id?: string[];

  @IdField('key', { description: 'Logs of what this API key did, or of what was done to it.', ...LIST })
  api_key_id?: string[];

  @StringField({ description: 'Logs of this request.', maxLength: 128, ...LIST })
  request_id?: string[];

  @TimeField({ description: 'Happened at this time or later.', example: null, optional: true })
  occurred_after?: string;

  @TimeField({ description: 'Happened before this time.', example: null, optional: true })
  occurred_before?: string;

  @TimeField({ description: 'Recorded at this time or later.', example: null, optional: true })
  created_after?: string;

  @TimeField({ description: 'Recorded before this time.', example: null, optional: true })
  created_before?: string;
}

export class LogsQuery extends IntersectionType(PageQuery, LogFilterQuery) {}

export const EXPORT_FORMATS = ['csv', 'ndjson'] as const;
export type ExportFormat = (typeof EXPORT_FORMATS)[number];

export class LogsExportQuery extends LogFilterQuery {
  @EnumField({
    description: 'CSV with a header row, or the objects of the list, one a line.',
    example: 'csv',
    values: EXPORT_FORMATS,
    optional: true,
    default: 'csv',
  })
  format: ExportFormat = 'csv';
}

/** A log that the account writes itself. */
export class CreateLogBody {
  @StringField({
    description: 'A short name of what was done, for filters. One that looks like a card number or a key is refused.',
    example: 'collect.reminder_sent',
    maxLength: 100,
    pattern: ACTION,
    patternMessage: 'Use letters, digits, dots, colons, hyphens and underscores.',
    withoutSecrets: true,
  })
  action!: string;

  @EnumField({ description: 'How it ended.', example: 'succeeded', values: LOG_STATUSES })
  status!: LogStatus;

  @TextField({
    description: 'A sentence for people. What looks like a card number or a key is covered.',
    example: 'Reminder sent for INV-1021',
    maxLength: 1_000,
    lines: 'many',
  })
  description!: string;

  @StringField({
    description: 'The operation that it is about; it need not exist here. Kept as given: it joins the two.',
    example: 'col_93d8',
    maxLength: 128,
    pattern: OPERATION_ID_PATTERN,
    patternMessage: 'Use letters, digits, dots, colons, hyphens and underscores.',
    optional: true,
    nullable: true,
  })
  operation_id?: string | null;

  @TimeField({
    description: 'When it happened; now when left out.',
    example: '2026-11-02T21:25:52.000Z',
    optional: true,
    nullable: true,
  })
  occurred_at?: string | null;

  @FreeObjectField({
    description: 'Anything for programs. Card numbers and keys in it are covered as well.',
    example: { channel: 'sms' },
    optional: true,
  })
  metadata?: Record<string, unknown>;
}

export class LogActorResponse {
  @EnumField({ description: 'What kind of actor.', example: 'system', values: ACTOR_TYPES })
  type!: ActorType;

  @StringField({ description: "The key's id, or the name of an admin key.", example: null, nullable: true })
  id!: string | null;

  @StringField({ description: "`Signalpost-Actor`, or the key's name.", example: null, nullable: true })
  name!: string | null;

  @StringField({ description: 'The address that the request came from.', example: null, nullable: true })
  ip!: string | null;
}

export class LogHttpResponse {
  @StringField({ description: 'Method.', example: 'POST' })
  method!: string;

  @StringField({ description: 'Pattern of the route.', example: '/v1/webhook-endpoints' })
  route!: string;

  @IntegerField({ description: 'Status of the answer.', example: 422 })
  status!: number;

  @StringField({ description: "The error's code.", example: 'invalid_input', nullable: true })
  code!: string | null;

  @IntegerField({ description: 'How long the request took, in milliseconds.', example: 12 })
  duration_ms!: number;
}

export class LogResponse {
  @IdField('log', { description: 'Id of the log.', example: 'log_01k96sd3k8e2r9wq6m4h0v5xtz' })
  id!: string;

  @EnumField({ description: 'Always `log`.', example: 'log', values: ['log'] })
  object!: 'log';

  @EnumField({
    description: "Mode of the account; null in the platform's own logs.",
    example: 'live',
    values: MODES,
    nullable: true,
  })
  mode!: Mode | null;

  @EnumField({ description: 'What kind of action.', example: 'webhook', values: LOG_CATEGORIES })
  category!: LogCategory;

  @StringField({ description: 'The action.', example: 'delivery.failed' })
  action!: string;

  @EnumField({ description: 'How it ended.', example: 'failed', values: LOG_STATUSES })
  status!: LogStatus;

  @StringField({
    description: "A sentence for people, in the account's language.",
    example: 'Webhook to shop.example/hook failed: 500 after 120 ms; next try in 30 s',
    maxLength: 1_000,
  })
  description!: string;

  @StringField({ description: 'The operation that it is about.', example: 'col_93d8', nullable: true })
  operation_id!: string | null;

  @IdField('evt', { description: 'The event.', example: 'evt_01k96sd3k8e2r9wq6m4h0v5xtz', nullable: true })
  event_id!: string | null;

  @IdField('we', { description: 'The webhook endpoint.', example: 'we_01k96sd3k8e2r9wq6m4h0v5xtz', nullable: true })
  endpoint_id!: string | null;

  @IdField('del', { description: 'The delivery.', example: 'del_01k96sd3k8e2r9wq6m4h0v5xtz', nullable: true })
  delivery_id!: string | null;

  @IdField('key', { description: 'The API key.', example: null, nullable: true })
  api_key_id!: string | null;

  @StringField({ description: 'The request.', example: null, nullable: true })
  request_id!: string | null;

  @ObjectField(() => LogActorResponse, {
    description: 'Who did it.',
    example: { type: 'system', id: null, name: null, ip: null },
  })
  actor!: LogActorResponse;

  @ObjectField(() => LogHttpResponse, {
    description: 'The request and its answer, in `api` logs.',
    example: null,
    nullable: true,
  })
  http!: LogHttpResponse | null;

  @FreeObjectField({ description: 'More for programs.', example: {} })
  metadata!: Record<string, unknown>;

  @TimeField({ description: 'When it happened.', example: '2026-11-02T21:25:52.600Z' })
  occurred_at!: string;

  @TimeField({ description: 'When it was recorded.', example: '2026-11-02T21:25:52.640Z' })
  created_at!: string;
}

export function toLogResponse(row: LogRow): LogResponse {
  return {
    id: encodeId('log', row.id),
    object: 'log',
    mode: row.mode === '' ? null : (row.mode as Mode),
    category: row.category,
    action: row.action,
    status: row.status,
    description: row.description,
    operation_id: row.operation_id,
    event_id: encodeIdOrNull('evt', row.event_id),
    endpoint_id: encodeIdOrNull('we', row.endpoint_id),
    delivery_id: encodeIdOrNull('del', row.delivery_id),
    api_key_id: encodeIdOrNull('key', row.api_key_id),
    request_id: row.request_id,
    actor: { type: row.actor_type, id: row.actor_id, name: row.actor_name, ip: row.actor_ip },
    http: row.http,
    metadata: row.metadata,
    occurred_at: row.occurred_at.toISOString(),
    created_at: new Date(uuidTime(row.id)).toISOString(),
  };
}
