import { EVENT_TYPE_PATTERN, MAX_EVENT_TYPE_LENGTH } from '../../common/event-type-names.js';
import { BooleanField, EnumField, IntegerField, ObjectField, StringField } from '../../common/fields.js';
import { ATTEMPT_ERRORS } from '../../deliveries/attempt-errors.js';
import type { TestSendError, TestSendErrorCode } from './test-send-advice.js';

export class TestSendRequest {
  @StringField({
    description: 'A type of the catalogue, whether the endpoint names it or not; left out: one that it names.',
    example: 'payment.succeeded',
    maxLength: MAX_EVENT_TYPE_LENGTH,
    pattern: EVENT_TYPE_PATTERN,
    patternMessage: 'Use a type such as payment.succeeded.',
    optional: true,
    nullable: true,
  })
  type?: string | null;
}

const CODES: readonly TestSendErrorCode[] = [
  ...ATTEMPT_ERRORS,
  ...(['status_1xx', 'status_3xx', 'status_4xx', 'status_5xx'] as const),
];

export class TestSendErrorResponse {
  @EnumField({ description: 'The class of the failure.', example: 'timeout', values: CODES })
  code!: TestSendErrorCode;

  @StringField({ description: 'What happened.', example: 'The receiver did not answer within 15000 ms.' })
  message!: string;

  @StringField({
    description: 'What to do.',
    example: 'Answer 2xx as soon as the event is stored, and do the work afterwards; or raise `timeout_ms`.',
  })
  advice!: string;
}

export class TestSendResponse {
  @BooleanField({ description: 'Whether it was answered by 2xx in time.', example: true })
  delivered!: boolean;

  @IntegerField({ description: 'The status of the answer; null: none came.', example: 200, nullable: true })
  status_code!: number | null;

  @IntegerField({ description: 'From DNS to the last byte, in milliseconds.', example: 120 })
  duration_ms!: number;

  @StringField({
    description: "The first 16 KiB of the answer's body as text; null: no answer came.",
    example: 'ok',
    minLength: 0,
    maxLength: 16_384,
    nullable: true,
  })
  response_body!: string | null;

  @ObjectField(() => TestSendErrorResponse, {
    description: 'Why it was not delivered; null when it was.',
    example: null,
    nullable: true,
  })
  error!: TestSendError | null;
}
