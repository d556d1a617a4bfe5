import { AppError } from './app-error.js';

/**
 * Refuses an interval that ends before it starts; equal ends make an empty one. Times as `TimeField` leaves them.
 * @throws AppError 422 `invalid_input` naming the parameter of the end.
 */
export function assertInterval(
  after: string | null | undefined,
  before: string | null | undefined,
  names: readonly [after: string, before: string],
): void {
  if (!after || !before || Date.parse(after) <= Date.parse(before)) return;
  throw AppError.invalid([
    { field: names[1], code: 'reversed_interval', message: `Use a time that is not earlier than ${names[0]}.` },
  ]);
}
