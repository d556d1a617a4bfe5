import { OmitType } from '@nestjs/swagger';
import { AppError } from '../../common/app-error.js';
import { EventsQuery } from '../events-query.dto.js';

/** The filters of the list. */
export class EventStreamQuery extends OmitType(EventsQuery, ['limit', 'starting_after', 'ending_before'] as const) {}

/**
 * The sequence of `Last-Event-ID`; null when it was not sent.
 * @throws AppError 422 when it is not a whole number that a sequence can be.
 */
export function parseLastEventId(header: string | string[] | undefined): number | null {
  if (header === undefined) return null;
  const sequence = typeof header === 'string' && /^\d{1,16}$/.test(header) ? Number(header) : NaN;
  if (Number.isSafeInteger(sequence)) return sequence;
  throw AppError.invalid([
    { field: 'Last-Event-ID', code: 'invalid_sequence', message: 'Use the id of an event of this stream, or 0.' },
  ]);
}
