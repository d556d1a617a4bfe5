import type { ApiBody } from '@nestjs/swagger';
import { OPERATION_ID_PATTERN } from '../common/operation-id.js';

type SchemaObject = Exclude<Extract<Parameters<typeof ApiBody>[0], { schema: unknown }>['schema'], { $ref: string }>;

const nullableText = (description: string, example: string, maxLength: number, pattern?: string): SchemaObject => ({
  type: 'string',
  nullable: true,
  maxLength,
  ...(pattern && { pattern }),
  description,
  example,
});

/** What a producer may call an event. */
export const EXTERNAL_ID_PATTERN = /^[\x20-\x7e]{1,255}$/;

const OPERATION_ID = OPERATION_ID_PATTERN.source;
const CURRENCY = '^[A-Z]{3}$';
const EXTERNAL_ID = EXTERNAL_ID_PATTERN.source;

/** What to use instead, said where a pattern of the schemas below does not match. */
export const PATTERN_ADVICE: Readonly<Record<string, string>> = {
  [OPERATION_ID]: 'Use 1 to 128 letters, digits or any of . _ : -',
  [CURRENCY]: 'Use three capital letters, such as XOF.',
  [EXTERNAL_ID]: 'Use 1 to 255 printable ASCII characters.',
};

/** What `POST /v1/events` takes. Compiled once for validation and shown as it is in the OpenAPI document. */
const OPERATION_INPUT_SCHEMA: SchemaObject = {
  type: 'object',
  additionalProperties: false,
  required: ['id'],
  description: 'What the event reports of its operation. A field left out keeps its value; null clears it.',
  properties: {
    id: {
      type: 'string',
      pattern: OPERATION_ID,
      description: "The platform's own id of the operation.",
      example: 'col_93d884b76dfaf45',
    },
    kind: {
      type: 'string',
      enum: ['payment', 'collect'],
      description: 'Defaults to the kind that a built-in type names; a mismatch is 422. Never changes.',
      example: 'collect',
    },
    status: {
      type: 'string',
      enum: ['pending', 'succeeded', 'failed', 'refunded', 'expired', 'cancelled'],
      description: 'Defaults to the status that a built-in type names; a mismatch is 422.',
      example: 'failed',
    },
    amount: {
      type: 'integer',
      nullable: true,
      minimum: 0,
      maximum: Number.MAX_SAFE_INTEGER,
      description: "In the currency's minor unit as ISO 4217 counts it: 2500 is 2,500 XOF or 25.00 EUR.",
      example: 1000,
    },
    currency: nullableText('Three capital letters of ISO 4217. Never changes once given.', 'XOF', 3, CURRENCY),
    reference: nullableText('What the merchant and the payer call it.', 'INV-2026-1021', 200),
    channel: nullableText('How the money moves.', 'mtn_bj', 100),
    customer: {
      type: 'object',
      nullable: true,
      additionalProperties: false,
      description: 'Who pays; replaced whole.',
      properties: {
        name: nullableText("The payer's name.", "Adjoua N'Guessan", 200),
        email: nullableText("The payer's e-mail address.", 'adjoua@example.com', 320),
        phone: nullableText("The payer's telephone number.", '+22971510758', 64),
      },
    },
    cause: {
      type: 'object',
      nullable: true,
      additionalProperties: false,
      description: 'Why it failed or waits. A change of status without a cause clears it.',
      properties: {
        code: nullableText('A stable word for programs.', 'insufficient_funds', 100),
        description: nullableText('A sentence for people.', 'Balance too low', 500),
      },
    },
    metadata: {
      type: 'object',
      nullable: true,
      additionalProperties: true,
      description: "The platform's own fields; replaced whole, and null is {}.",
      example: { order: 'A-77' },
    },
  },
};

export const EVENT_INPUT_SCHEMA: SchemaObject = {
  type: 'object',
  additionalProperties: false,
  required: ['type'],
  properties: {
    type: {
      type: 'string',
      minLength: 1,
      maxLength: 64,
      description: 'A type of the catalogue.',
      example: 'collect.failed',
    },
    operation: { ...OPERATION_INPUT_SCHEMA, nullable: true },
    data: {
      type: 'object',
      nullable: true,
      additionalProperties: true,
      description: "The details, kept as given; a custom type's schema applies to it.",
      example: { fee: 20 },
    },
    occurred_at: {
      type: 'string',
      nullable: true,
      maxLength: 40,
      description:
        'When it happened, ISO 8601 with an offset; at most 10 minutes ahead and within the retention. Default: now.',
      example: '2026-11-02T21:25:52.000Z',
    },
    external_id: nullableText(
      "The producer's own id of the event. The same id with the same content answers 200 with the first event.",
      'led-99812',
      255,
      EXTERNAL_ID,
    ),
  },
  example: {
    type: 'collect.failed',
    occurred_at: '2026-11-02T21:25:52.000Z',
    external_id: 'led-99812',
    operation: {
      id: 'col_93d884b76dfaf45',
      amount: 1000,
      currency: 'XOF',
      reference: 'INV-2026-1021',
      channel: 'mtn_bj',
      customer: { name: "Adjoua N'Guessan", phone: '+22971510758' },
      cause: { code: 'insufficient_funds', description: 'Balance too low' },
    },
    data: { fee: 20 },
  },
};
