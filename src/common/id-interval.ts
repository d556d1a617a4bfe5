import { firstUuidAt } from './ids.js';
import { assertInterval } from './interval.js';

/** A range of ids, which is one of time as well: `from` ≤ id < `until`; null: no end. */
export interface IdInterval {
  readonly from: string;
  readonly until: string | null;
}

export interface CreatedInterval {
  readonly created_after?: string;
  readonly created_before?: string;
}

/**
 * Turns a filter on `created_at` into bounds on ids, for objects whose id holds their time; nothing before `startMs`
 * is in it.
 * @throws AppError 422 when the interval is reversed.
 */
export function toIdInterval({ created_after, created_before }: CreatedInterval, startMs: number): IdInterval {
  assertInterval(created_after, created_before, ['created_after', 'created_before']);
  const fromMs = created_after === undefined ? startMs : Math.max(startMs, Date.parse(created_after));
  return {
    from: firstUuidAt(fromMs),
    until: created_before === undefined ? null : firstUuidAt(Math.max(0, Date.parse(created_before))),
  };
}
