import { BooleanField, EnumField, FreeObjectField, StringField, TimeField } from '../common/fields.js';
import type { EventType } from './built-in-event-types.js';

export class EventTypeResponse {
  @StringField({ description: 'Its name, which is its id.', example: 'payout.sent' })
  type!: string;

  @EnumField({ description: 'Always `event_type`.', example: 'event_type', values: ['event_type'] })
  object!: 'event_type';

  @StringField({ description: 'What it tells.', example: "A payout left for the merchant's account." })
  description!: string;

  @BooleanField({ description: 'Built-in types cannot be changed.', example: false })
  built_in!: boolean;

  @BooleanField({ description: 'Retired types take no new events.', example: false })
  retired!: boolean;

  @FreeObjectField({ description: 'JSON Schema of `data`.', example: { type: 'object' }, nullable: true })
  schema!: object | null;

  @FreeObjectField({
    description: 'A whole event input.',
    example: { type: 'payout.sent', data: {} },
    nullable: true,
  })
  sample!: object | null;

  @TimeField({ description: 'When it was registered.', example: '2026-10-01T08:00:00.000Z' })
  created_at!: string;
}

export function toEventTypeResponse(type: EventType): EventTypeResponse {
  return {
    type: type.type,
    object: 'event_type',
    description: type.description,
    built_in: type.builtIn,
    retired: type.retired,
    schema: type.schema,
    sample: type.sample,
    created_at: type.createdAt.toISOString(),
  };
}
