import { encodeId } from '../common/ids.js';
import {
  ArrayField,
  EnumField,
  IdField,
  IntegerField,
  MapField,
  ObjectField,
  StringField,
  TextField,
  TimeField,
} from '../common/fields.js';
import { ENDPOINT_EVENT_TYPE_PATTERN } from './event-type-patterns.js';
import { MAX_SCHEDULE_SECONDS, MAX_TIMEOUT_MS } from './endpoint-rules.js';
import { MAX_URL_LENGTH } from './url-policy.js';
import {
  type DisabledReason,
  type EndpointStatus,
  ORDERINGS,
  type Ordering,
  SIGNATURE_SCHEMES,
  type SignatureScheme,
} from './webhook-endpoint.js';
import type { WebhookEndpointEntity } from './webhook-endpoint.entity.js';

export class SignatureDto {
  @EnumField({
    description:
      'How requests are signed: `standard` and `ed25519` as Standard Webhooks says, `timestamped` as `t=…,v1=…`.',
    example: 'standard',
    values: SIGNATURE_SCHEMES,
  })
  scheme!: SignatureScheme;

  @StringField({
    description: 'The header of `timestamped`; `X-Webhook-Signature` when left out.',
    example: null,
    maxLength: 128,
    optional: true,
    nullable: true,
  })
  header?: string | null;

  @StringField({
    description: 'The label of `timestamped` before each signature; `v1` when left out; not `t`, the time.',
    example: null,
    maxLength: 16,
    pattern: /^[a-z0-9]{1,16}$/,
    patternMessage: 'Use 1 to 16 of a-z and 0-9.',
    optional: true,
    nullable: true,
  })
  label?: string | null;
}

const url = {
  description: 'Where events are sent. https in live mode; http too in test mode.',
  example: 'https://shop.example/hook',
  maxLength: MAX_URL_LENGTH,
};
const eventTypes = {
  description: 'Exact types, all of a noun (`payment.*`), or `*`.',
  example: 'collect.*',
  isArray: true,
  minItems: 1,
  maxItems: 50,
  unique: true,
  maxLength: 129,
  pattern: ENDPOINT_EVENT_TYPE_PATTERN,
  patternMessage: 'Use a type such as payment.succeeded, all of a noun such as payment.*, or *.',
};

/** What a merchant sets on creation and may change afterwards, but for `url` and `event_types`. */
class EndpointOptions {
  @TextField({
    description: 'For people.',
    example: 'Stock system',
    minLength: 0,
    maxLength: 500,
    lines: 'many',
    optional: true,
    nullable: true,
  })
  description?: string | null;

  @MapField({
    description: 'Headers of your own, sent with every request; not those of HTTP itself, nor `webhook-*`.',
    example: { Authorization: 'Basic c2hvcDpjaGFuZ2UtbWU=' },
    maxPairs: 20,
    maxKeyLength: 128,
    maxValueLength: 2048,
    optional: true,
    nullable: true,
  })
  headers?: Record<string, string> | null;

  @IntegerField({
    description: 'Requests per second at most; null: no limit.',
    example: null,
    minimum: 1,
    maximum: 100_000,
    optional: true,
    nullable: true,
  })
  rate_limit?: number | null;

  @IntegerField({
    description: 'For the whole exchange, from DNS to the last byte.',
    example: 15000,
    minimum: 1_000,
    maximum: MAX_TIMEOUT_MS,
    optional: true,
    nullable: true,
    default: 15_000,
  })
  timeout_ms?: number | null;

  @IntegerField({
    description:
      'Waits in seconds before each retry, 8 days together at most; null: the schedule of the documentation.',
    example: null,
    minimum: 0,
    maximum: MAX_SCHEDULE_SECONDS,
    isArray: true,
    maxItems: 20,
    optional: true,
    nullable: true,
  })
  retry_schedule?: number[] | null;

  @EnumField({
    description:
      '`operation`: events of one operation arrive in order, one at a time. A change holds for events published after it: what waits under `operation` keeps its order under `none`, and what waited under `none` may be overtaken.',
    example: 'none',
    values: ORDERINGS,
    optional: true,
    default: 'none',
  })
  ordering?: Ordering;

  @ObjectField(() => SignatureDto, { description: 'How requests are signed.', example: null, optional: true })
  signature?: SignatureDto;

  @MapField({ description: 'Your own pairs.', example: {}, optional: true, nullable: true })
  metadata?: Record<string, string> | null;
}

export class CreateWebhookEndpointRequest extends EndpointOptions {
  @StringField(url)
  url!: string;

  @StringField(eventTypes)
  event_types!: string[];

  @StringField({
    description: 'A secret of your own, for moving in from another sender; left out: one is made.',
    example: null,
    minLength: 16,
    maxLength: 256,
    optional: true,
    nullable: true,
  })
  secret?: string | null;
}

export class UpdateWebhookEndpointRequest extends EndpointOptions {
  @StringField({ ...url, optional: true })
  url?: string;

  @StringField({ ...eventTypes, optional: true })
  event_types?: string[];

  @EnumField({
    description: '`disabled` stops sending; `enabled` starts it again, and answers with `recoverable_count`.',
    example: 'enabled',
    values: ['enabled', 'disabled'],
    optional: true,
  })
  status?: EndpointStatus;
}

export class SignatureResponse {
  @EnumField({ description: 'The scheme.', example: 'standard', values: SIGNATURE_SCHEMES })
  scheme!: SignatureScheme;

  @StringField({ description: 'The header of `timestamped`.', example: null, nullable: true })
  header!: string | null;

  @StringField({ description: 'The label of `timestamped`.', example: null, nullable: true })
  label!: string | null;
}

export class WebhookEndpointResponse {
  @IdField('we', { description: 'The endpoint.', example: 'we_01k96sd3k8e2r9wq6m4h0v5xtz' })
  id!: string;

  @EnumField({ description: 'The kind of object.', example: 'webhook_endpoint', values: ['webhook_endpoint'] })
  object!: 'webhook_endpoint';

  @EnumField({ description: 'The mode it belongs to.', example: 'live', values: ['test', 'live'] })
  mode!: string;

  @StringField({ ...url, description: 'Where events are sent, as it was understood.' })
  url!: string;

  @StringField(eventTypes)
  event_types!: string[];

  @StringField({ description: 'For people.', example: null, nullable: true })
  description!: string | null;

  @EnumField({ description: 'Whether it is sent to.', example: 'enabled', values: ['enabled', 'disabled'] })
  status!: EndpointStatus;

  @EnumField({
    description: 'Why it is disabled: by hand, by a 410, or after a day of failures.',
    example: null,
    values: ['manual', 'gone', 'failing'],
    nullable: true,
  })
  disabled_reason!: DisabledReason | null;

  @TimeField({ description: 'Since when it is disabled.', example: null, nullable: true })
  disabled_at!: string | null;

  @MapField({ description: 'Your own headers.', example: {}, maxPairs: 20 })
  headers!: Record<string, string>;

  @IntegerField({ description: 'Requests per second at most.', example: null, nullable: true })
  rate_limit!: number | null;

  @IntegerField({ description: 'For the whole exchange.', example: 15000 })
  timeout_ms!: number;

  @IntegerField({ description: 'Waits in seconds.', example: null, isArray: true, maxItems: 20, nullable: true })
  retry_schedule!: number[] | null;

  @EnumField({ description: 'The order kept.', example: 'none', values: ORDERINGS })
  ordering!: Ordering;

  @ObjectField(() => SignatureResponse, { description: 'How requests are signed.', example: null })
  signature!: SignatureResponse;

  @StringField({ description: 'The public key of `ed25519`.', example: null, nullable: true })
  public_key!: string | null;

  @MapField({ description: 'Your own pairs.', example: {} })
  metadata!: Record<string, string>;

  @TimeField({ description: 'When it was made.', example: '2026-11-02T20:00:00.000Z' })
  created_at!: string;

  @TimeField({ description: 'When it was last changed.', example: '2026-11-02T20:00:00.000Z' })
  updated_at!: string;
}

export class WarningResponse {
  @EnumField({
    description: 'What to look at.',
    example: 'duplicate_url',
    values: ['duplicate_url', 'unresolvable', 'plain_http'],
  })
  code!: string;

  @StringField({ description: 'A sentence for people.', example: 'we_00z has this URL.' })
  message!: string;
}

export class CreatedWebhookEndpointResponse extends WebhookEndpointResponse {
  @StringField({
    description: 'The signing secret: shown here, and by `GET …/secret`. Null for `ed25519`, and in a replay.',
    example: 'whsec_…',
    nullable: true,
  })
  secret!: string | null;

  @ArrayField(() => WarningResponse, { description: 'What deserves a look; nothing is wrong.', example: [] })
  warnings!: WarningResponse[];
}

export class UpdatedWebhookEndpointResponse extends WebhookEndpointResponse {
  @IntegerField({
    description:
      'Only with `status: enabled`: how many deliveries `POST …/recover` with `since: recoverable_since` would make ' +
      'now; 100,000 stands for that and more.',
    example: 12,
    optional: true,
  })
  recoverable_count?: number;

  @TimeField({
    description:
      'Only with `status: enabled`: where what was missed begins: when the endpoint was disabled, or at the oldest ' +
      'event whose delivery that left unfinished. Null when it was not disabled.',
    example: '2026-11-02T20:00:00.000Z',
    optional: true,
    nullable: true,
  })
  recoverable_since?: string | null;
}

export class RotateSecretRequest {
  @IntegerField({
    description: 'Seconds that the present secret goes on signing beside the new one; 0 ends every earlier one.',
    example: 86400,
    minimum: 0,
    maximum: 604_800,
    optional: true,
    default: 86_400,
  })
  expire_previous_in = 86_400;

  @StringField({
    description: 'A secret of your own; left out: one is made.',
    example: null,
    minLength: 16,
    maxLength: 256,
    optional: true,
    nullable: true,
  })
  secret?: string | null;
}

export class RotatedWebhookEndpointResponse extends WebhookEndpointResponse {
  @StringField({
    description: 'The new signing secret. Null for `ed25519`, and in a replay.',
    example: 'whsec_…',
    nullable: true,
  })
  secret!: string | null;
}

export class EndpointSecretResponse {
  @StringField({ description: 'A live signing secret.', example: 'whsec_…' })
  secret!: string;

  @TimeField({ description: 'When it was made.', example: '2026-11-02T20:00:00.000Z' })
  created_at!: string;

  @TimeField({ description: 'When it stops signing; null: it is the present one.', example: null, nullable: true })
  expires_at!: string | null;
}

export class EndpointSecretsResponse {
  @ArrayField(() => EndpointSecretResponse, { description: 'Live secrets, the newest first.', example: [] })
  secrets!: EndpointSecretResponse[];
}

export function toWebhookEndpointResponse(endpoint: WebhookEndpointEntity): WebhookEndpointResponse {
  return {
    id: encodeId('we', endpoint.id),
    object: 'webhook_endpoint',
    mode: endpoint.mode,
    url: endpoint.url,
    event_types: endpoint.eventTypes,
    description: endpoint.description,
    status: endpoint.status,
    disabled_reason: endpoint.disabledReason,
    disabled_at: endpoint.disabledAt?.toISOString() ?? null,
    headers: endpoint.headers,
    rate_limit: endpoint.rateLimit,
    timeout_ms: endpoint.timeoutMs,
    retry_schedule: endpoint.retrySchedule,
    ordering: endpoint.ordering,
    signature: {
      scheme: endpoint.signatureScheme,
      header: endpoint.signatureHeader,
      label: endpoint.signatureLabel,
    },
    public_key: endpoint.publicKey,
    metadata: endpoint.metadata,
    created_at: endpoint.createdAt.toISOString(),
    updated_at: endpoint.updatedAt.toISOString(),
  };
}
