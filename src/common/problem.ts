import { AppError, ERROR_CODES } from './app-error.js';
import { maskText } from './masked-text.js';
import { ArrayField, EnumField, IntegerField, StringField } from './fields.js';

export class ProblemField {
  @StringField({ description: 'Path of the field, or name of the parameter.', example: 'operation.amount' })
  field!: string;

  @StringField({ description: 'What is wrong; stable.', example: 'unsafe_integer' })
  code!: string;

  @StringField({ description: 'What to do, for a person.', example: 'Use an integer up to 9007199254740991.' })
  message!: string;
}

/** RFC 9457 with `code`, `request_id` and `errors`: the body of every answer that is not a success. */
export class Problem {
  @StringField({ description: 'Where the code is explained.', example: '/docs/errors#invalid_input' })
  type!: string;

  @StringField({ description: 'The same for every problem with this code.', example: 'Invalid input' })
  title!: string;

  @IntegerField({ description: 'The HTTP status.', example: 422 })
  status!: number;

  @StringField({ description: 'What went wrong this time.', example: '1 field is wrong.' })
  detail!: string;

  @EnumField({ description: 'Stable: decide by this.', example: 'invalid_input', values: Object.keys(ERROR_CODES) })
  code!: string;

  @StringField({ description: 'Names the request in our logs.', example: 'req_01k96sd3k8e2r9wq6m4h0v5xtz' })
  request_id!: string;

  @ArrayField(() => ProblemField, {
    description: 'The wrong fields, at most 20; empty for other problems.',
    example: [],
  })
  errors!: ProblemField[];
}

export const PROBLEM_MEDIA_TYPE = 'application/problem+json';

/**
 * What an error tells. Names and values of the caller's own can stand in it, and it ends up in logs and chats: masked.
 */
export function toldOf(error: AppError): Pick<Problem, 'code' | 'detail' | 'errors'> {
  return {
    code: error.code,
    detail: maskText(error.detail),
    errors: error.errors.map(({ field, code, message }) => ({
      field: maskText(field),
      code,
      message: maskText(message),
    })),
  };
}

export function toProblem(error: AppError, requestId: string): Problem {
  const { code, detail, errors } = toldOf(error);
  return {
    type: `/docs/errors#${code}`,
    title: error.title,
    status: error.status,
    detail,
    code,
    request_id: requestId,
    errors,
  };
}

export function problemText(error: AppError, requestId: string): string {
  return JSON.stringify(toProblem(error, requestId));
}
