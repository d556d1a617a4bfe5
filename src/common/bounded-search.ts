import { AppError } from './app-error.js';

/** What the routes say about searches that are given up. */
export const BOUNDED_SEARCH =
  'A search looks at a bounded number of entries: one whose filters are each frequent and yet have next to nothing in common may end with 503 `unavailable`; narrow its time interval.';

/** The answer to a search that reached its bound. */
export function searchGivenUp(): AppError {
  return new AppError('unavailable', 'This search takes too long; narrow its time interval.');
}
