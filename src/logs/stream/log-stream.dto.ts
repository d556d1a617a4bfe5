import { AppError } from '../../common/app-error.js';
import { tryDecodeId } from '../../common/ids.js';
import { LogFilterQuery } from '../logs.dto.js';

/** The filters of the list. */
export class LogStreamQuery extends LogFilterQuery {}

/**
 * The uuid of `Last-Event-ID`, or '0'; null when it was not sent.
 * @throws AppError 422 when it is neither.
 */
export function parseLastLogId(header: string | string[] | undefined): string | null {
  if (header === undefined) return null;
  const id = header === '0' ? '0' : tryDecodeId('log', header);
  if (id !== null) return id;
  throw AppError.invalid([
    { field: 'Last-Event-ID', code: 'invalid_id', message: 'Use the id of a log of this stream, or 0.' },
  ]);
}
