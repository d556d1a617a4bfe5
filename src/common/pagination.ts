import { applyDecorators, HttpStatus, type Type } from '@nestjs/common';
import { ApiExtraModels, ApiResponse, getSchemaPath } from '@nestjs/swagger';
import { AppError } from './app-error.js';
import { IntegerField, StringField } from './fields.js';
import { decodeId, type IdPrefix } from './ids.js';

/** The parameters of every list; lists with filters extend it. */
export class PageQuery {
  @IntegerField({
    description: 'How many to give.',
    example: 20,
    minimum: 1,
    maximum: 100,
    optional: true,
    default: 20,
  })
  limit = 20;

  @StringField({
    description: 'An id: gives what follows it, older. Not together with `ending_before`.',
    example: null,
    maxLength: 128,
    optional: true,
  })
  starting_after?: string;

  @StringField({
    description: 'An id: gives the page nearest before it, newer. Not together with `starting_after`.',
    example: null,
    maxLength: 128,
    optional: true,
  })
  ending_before?: string;
}

/**
 * Where a page starts. `after` and `before` are uuids, at most one of them is set; a cursor is a position, not a
 * look-up.
 */
export interface Page {
  readonly limit: number;
  /** Rows older than this one, newest first. */
  readonly after: string | null;
  /** The rows next above this one: to be read oldest first, and turned by `toList`. */
  readonly before: string | null;
}

/** @throws AppError 422 when both cursors are given, or one is malformed or of another kind. */
export function toPage(query: PageQuery, prefix: IdPrefix): Page {
  const { limit, starting_after, ending_before } = query;
  assertOneCursor(query);
  return {
    limit,
    after: starting_after === undefined ? null : decodeId(prefix, starting_after, 'starting_after'),
    before: ending_before === undefined ? null : decodeId(prefix, ending_before, 'ending_before'),
  };
}

/** @throws AppError 422 when both cursors are given. */
export function assertOneCursor({ starting_after, ending_before }: PageQuery): void {
  if (starting_after === undefined || ending_before === undefined) return;
  throw AppError.invalid([
    {
      field: 'ending_before',
      code: 'conflicting_parameters',
      message: 'Use starting_after or ending_before, not both.',
    },
  ]);
}

export class ListResponse<T> {
  readonly object = 'list';

  constructor(
    readonly data: T[],
    readonly has_more: boolean,
  ) {}
}

/**
 * The answer of a list from up to `limit` + 1 rows, the last of which only tells that there are more.
 * `reversed`: the rows were read oldest first, for `ending_before`.
 */
export function toList<R, T>(
  rows: readonly R[],
  limit: number,
  toResponse: (row: R) => T,
  reversed = false,
): ListResponse<T> {
  const data = rows.slice(0, limit).map(toResponse);
  return new ListResponse(reversed ? data.reverse() : data, rows.length > limit);
}

/** Documents a list of `type`. */
export function ApiListResponse(
  type: Type,
  description = 'A page, newest first.',
  status = HttpStatus.OK,
): MethodDecorator {
  return applyDecorators(
    ApiExtraModels(type),
    ApiResponse({
      status,
      description,
      schema: {
        type: 'object',
        required: ['object', 'data', 'has_more'],
        properties: {
          object: { type: 'string', enum: ['list'], description: 'Always `list`.', example: 'list' },
          data: { type: 'array', items: { $ref: getSchemaPath(type) }, description: 'The page.' },
          has_more: { type: 'boolean', description: 'Whether there is more in this direction.', example: false },
        },
      },
    }),
  );
}
