import { Controller, Post, Req, Res } from '@nestjs/common';
import { ApiBody, ApiHeader, ApiOkResponse, ApiCreatedResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { Access, SECRET_OR_PLATFORM, SECRET_ROUTE } from '../auth/access.decorator.js';
import type { Caller } from '../auth/caller.js';
import { CurrentCaller } from '../auth/current-caller.decorator.js';
import { AppError } from '../common/app-error.js';
import { BATCH_BODY_LIMIT_BYTES } from '../common/http/body.js';
import { BodyLimit, JsonBody } from '../common/http/json-body.decorator.js';
import { pathOf } from '../common/http/request.js';
import { toProblem } from '../common/problem.js';
import { hashBody, idempotencyKeyOf } from '../database/idempotency.js';
import { MAX_BATCH_EVENTS, parseBatch } from './batch-input.js';
import { EventResponse } from './event.dto.js';
import { EVENT_INPUT_SCHEMA } from './event-input.schema.js';
import { EventsService, type PublishRequest } from './events.service.js';
import type { PublishOutcome } from './ingest-snapshot.js';
import { BatchResult } from './publish.dto.js';

const JSON_TYPE = 'application/json; charset=utf-8';
const IdempotencyKey = () =>
  ApiHeader({
    name: 'Idempotency-Key',
    required: false,
    description:
      'Such as led-99812-1. Sent again with the same body within 30 days: the same answer, and nothing happens twice.',
    schema: { type: 'string', maxLength: 255 },
  });

/** Publishing events, one or many; what is answered are the bytes that were stored. */
@ApiTags('Events')
@Controller('v1/events')
export class PublishController {
  constructor(private readonly events: EventsService) {}

  @Post()
  @Access({
    kinds: SECRET_ROUTE,
    scope: 'events:write',
    errors: [
      ...(['body_too_large', 'unsupported_media_type', 'malformed_json', 'invalid_input'] as const),
      ...(['event_type_reserved', 'live_publishing_disabled', 'external_id_conflict', 'operation_conflict'] as const),
      'idempotency_key_reused',
    ],
  })
  @ApiOperation({
    summary: 'Publish an event',
    description: 'Committed together with its deliveries before it is answered. At most 256 KiB.',
  })
  @IdempotencyKey()
  @ApiBody({ schema: EVENT_INPUT_SCHEMA })
  @ApiCreatedResponse({ type: EventResponse })
  @ApiOkResponse({
    type: EventResponse,
    description: 'The external_id is known with the same content: the first event.',
  })
  async publish(
    @CurrentCaller() caller: Caller,
    @JsonBody() input: unknown,
    @Req() request: FastifyRequest,
    @Res() reply: FastifyReply,
  ): Promise<void> {
    const { event, replayed } = await this.events.publishOne(input, publishRequest(caller, request));
    if (replayed) void reply.header('idempotency-replayed', 'true');
    void reply
      .code(event.kind === 'created' ? 201 : 200)
      .header('content-type', JSON_TYPE)
      .send(event.body);
  }

  @Post('batch')
  @BodyLimit(BATCH_BODY_LIMIT_BYTES)
  @Access({
    kinds: SECRET_OR_PLATFORM,
    scope: 'events:write',
    errors: ['body_too_large', 'unsupported_media_type', 'malformed_json', 'invalid_input', 'idempotency_key_reused'],
  })
  @ApiOperation({
    summary: 'Publish many events',
    description:
      'The good ones are kept, in order, each with its own status. At most 1,000 events and 5 MiB. ' +
      'An admin key may name `account` and `mode` in each event; its acting headers are the default.',
  })
  @IdempotencyKey()
  @ApiBody({
    schema: {
      type: 'object',
      required: ['events'],
      properties: {
        events: {
          type: 'array',
          minItems: 1,
          maxItems: MAX_BATCH_EVENTS,
          items: EVENT_INPUT_SCHEMA,
          description: 'Events as for `POST /v1/events`.',
        },
      },
    },
  })
  @ApiOkResponse({ type: BatchResult })
  async publishBatch(
    @CurrentCaller() caller: Caller,
    @Req() request: FastifyRequest,
    @Res() reply: FastifyReply,
  ): Promise<void> {
    const items = parseBatch(request.rawBody ?? Buffer.alloc(0));
    const { outcomes, replayed } = await this.events.publishBatch(items, publishRequest(caller, request));
    if (replayed) void reply.header('idempotency-replayed', 'true');
    void reply.code(200).header('content-type', JSON_TYPE).send(renderBatch(outcomes, request.id));
  }
}

function publishRequest(caller: Caller, request: FastifyRequest): PublishRequest {
  const key = idempotencyKeyOf(request);
  return {
    caller,
    requestId: request.id,
    path: pathOf(request),
    idempotency: key === null ? null : { key, bodyHash: hashBody(request.rawBody) },
  };
}

/** Put together as text, so that the events' bytes stay as they are stored. */
function renderBatch(outcomes: readonly PublishOutcome[], requestId: string): string {
  const created = outcomes.filter(({ kind }) => kind === 'created').length;
  const failed = outcomes.filter(({ kind }) => kind === 'refused').length;
  const results = outcomes.map((outcome) => renderItem(outcome, requestId)).join(',');
  return `{"object":"batch_result","created":${created},"failed":${failed},"results":[${results}]}`;
}

function renderItem(outcome: PublishOutcome, requestId: string): string {
  if (outcome.kind !== 'refused') {
    return `{"status":${outcome.kind === 'created' ? 201 : 200},"event":${outcome.body},"error":null}`;
  }
  const error: AppError = outcome.error;
  return `{"status":${error.status},"event":null,"error":${JSON.stringify(toProblem(error, requestId))}}`;
}
