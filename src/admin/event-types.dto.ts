import { EVENT_TYPE_PATTERN, MAX_EVENT_TYPE_LENGTH } from '../common/event-type-names.js';
import { BooleanField, FreeObjectField, StringField, TextField } from '../common/fields.js';

const DESCRIPTION = {
  description: 'What it tells.',
  example: "A payout left for the merchant's account.",
  maxLength: 500,
  lines: 'many',
} as const;
const SCHEMA = {
  description:
    'JSON Schema (2020-12) of `data`, at most 32 KiB; events that do not fit it are refused. References stay within ' +
    'it (`#/$defs/name`) and lead in no circle; patterns have no look-arounds, references or word boundaries.',
  example: { type: 'object', required: ['amount'], properties: { amount: { type: 'integer' } } },
  nullable: true,
  optional: true,
} as const;
const SAMPLE = {
  description: 'A whole event input that fits the schema; test sends deliver it.',
  example: { type: 'payout.sent', data: { amount: 2500 } },
  nullable: true,
  optional: true,
} as const;

export class CreateEventTypeBody {
  @StringField({
    description: 'Its name: `noun.verb`.',
    example: 'payout.sent',
    maxLength: MAX_EVENT_TYPE_LENGTH,
    pattern: EVENT_TYPE_PATTERN,
    patternMessage: 'Use a name such as payout.sent: noun.verb of a-z, 0-9 and _.',
  })
  type!: string;

  @TextField(DESCRIPTION)
  description!: string;

  @FreeObjectField(SCHEMA)
  schema: object | null = null;

  @FreeObjectField(SAMPLE)
  sample: object | null = null;
}

export class ChangeEventTypeBody {
  @TextField({ ...DESCRIPTION, optional: true })
  description?: string;

  @FreeObjectField(SCHEMA)
  schema?: object | null;

  @FreeObjectField(SAMPLE)
  sample?: object | null;

  @BooleanField({ description: '`true`: it takes no new events.', example: true, optional: true })
  retired?: boolean;
}
