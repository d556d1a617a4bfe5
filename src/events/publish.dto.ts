import { ArrayField, EnumField, IntegerField, ObjectField } from '../common/fields.js';
import { Problem } from '../common/problem.js';
import { EventResponse } from './event.dto.js';

/** What became of one event of a batch. */
export class BatchItemResult {
  @IntegerField({ description: '201 new, 200 known by its external_id, else the status of its error.', example: 201 })
  status!: number;

  @ObjectField(() => EventResponse, {
    description: 'The event; null when it was refused.',
    example: null,
    nullable: true,
  })
  event!: EventResponse | null;

  @ObjectField(() => Problem, {
    description: 'Why it was refused; null when it was not.',
    example: null,
    nullable: true,
  })
  error!: Problem | null;
}

export class BatchResult {
  @EnumField({ description: 'Always `batch_result`.', example: 'batch_result', values: ['batch_result'] })
  object!: 'batch_result';

  @IntegerField({ description: 'How many events are new.', example: 1 })
  created!: number;

  @IntegerField({ description: 'How many were refused.', example: 0 })
  failed!: number;

  @ArrayField(() => BatchItemResult, { description: 'One for each event, in the order given.', example: [] })
  results!: BatchItemResult[];
}
