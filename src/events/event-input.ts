import { Ajv } from 'ajv';
import { AppError, type FieldError } from '../common/app-error.js';
import { schemaErrors } from '../common/schema-errors.js';
import { DAY_MS, parseTime } from '../common/time.js';
import { EVENT_INPUT_SCHEMA, PATTERN_ADVICE } from './event-input.schema.js';
import type { Cause, Customer } from './operation-state.js';

/** An event as a producer gives it, its shape proven. */
export interface EventInput {
  readonly type: string;
  readonly operation?: OperationInput | null;
  readonly data?: Readonly<Record<string, unknown>> | null;
  readonly occurred_at?: string | null;
  readonly external_id?: string | null;
}

export interface OperationInput {
  readonly id: string;
  readonly kind?: string;
  readonly status?: string;
  readonly amount?: number | null;
  readonly currency?: string | null;
  readonly reference?: string | null;
  readonly channel?: string | null;
  readonly customer?: Partial<Customer> | null;
  readonly cause?: Partial<Cause> | null;
  readonly metadata?: Readonly<Record<string, unknown>> | null;
}

/** How far ahead of our clock a producer's may be. */
const MAX_AHEAD_MS = 10 * 60_000;

const ajv = new Ajv({ allErrors: true, strict: true });
ajv.addKeyword('example');
const isEventInput = ajv.compile<EventInput>(EVENT_INPUT_SCHEMA);

/**
 * Proves the shape of one event of a request.
 * @throws AppError `invalid_input` naming every wrong field.
 */
export function parseEventInput(value: unknown): EventInput {
  if (!isEventInput(value)) throw AppError.invalid(schemaErrors(isEventInput.errors ?? [], '', PATTERN_ADVICE));
  return value;
}

/**
 * The time an event happened, in milliseconds since 1970; null when its producer left it out.
 * @throws AppError `invalid_input` when it does not parse, lies more than 10 minutes ahead or before the retention.
 */
export function parseOccurredAt(text: string | null | undefined, nowMs: number, retentionDays: number): number | null {
  if (text === null || text === undefined) return null;
  const time = parseTime(text);
  if (time === null) {
    throw invalidTime('invalid_time', 'Use ISO 8601 with an offset, such as 2026-11-02T21:25:52.000Z.');
  }
  const timeMs = Date.parse(time);
  const earliestMs = nowMs - retentionDays * DAY_MS;
  const latestMs = nowMs + MAX_AHEAD_MS;
  if (timeMs < earliestMs || timeMs > latestMs) {
    const bounds = `${new Date(earliestMs).toISOString()} and ${new Date(latestMs).toISOString()}`;
    throw invalidTime('out_of_range', `Use a time between ${bounds}.`);
  }
  return timeMs;
}

function invalidTime(code: string, message: string): AppError {
  const error: FieldError = { field: 'occurred_at', code, message };
  return AppError.invalid([error]);
}
