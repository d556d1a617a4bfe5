import { ApiParam } from '@nestjs/swagger';
import { OPERATION_ID_PATTERN } from '../common/operation-id.js';

/** Documents the `:id` of an operation's path. */
export function ApiOperationId(): MethodDecorator {
  return ApiParam({
    name: 'id',
    schema: { type: 'string', pattern: OPERATION_ID_PATTERN.source, example: 'col_93d884b76dfaf45' },
  });
}
