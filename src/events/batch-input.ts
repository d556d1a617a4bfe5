import { AppError, type FieldError } from '../common/app-error.js';
import { BODY_LIMIT_BYTES } from '../common/http/body.js';
import { DEFAULT_JSON_LIMITS, readJson, type JsonLimits } from '../common/input/json-gate.js';
import type { BatchItem } from './events.service.js';

export const MAX_BATCH_EVENTS = 1_000;
const BATCH_LIMITS: JsonLimits = { ...DEFAULT_JSON_LIMITS, itemsIn: 'events' };
const ITEM_FIELD = /^events\[(\d+)\]\.?(.*)$/;

/**
 * The items of a batch in order; one that could not be stored as it is stands as its error, so that the others go on.
 * @throws AppError when the batch itself is wrong.
 */
export function parseBatch(bytes: Buffer): (BatchItem | AppError)[] {
  const { value, errors } = readJson(bytes, BATCH_LIMITS);
  const { ofItems, others } = divide(errors);
  if (others.length > 0) throw AppError.invalid(others);
  return itemsOf(value).map((item, index) => {
    const wrong = ofItems.get(index);
    if (wrong !== undefined) return AppError.invalid(wrong);
    if (typeof item !== 'object' || item === null || Array.isArray(item)) {
      return AppError.invalid([{ field: '', code: 'wrong_type', message: 'Use an object.' }]);
    }
    // Only a batch that is large as a whole can hold an item over the limit.
    if (bytes.length > BODY_LIMIT_BYTES && Buffer.byteLength(JSON.stringify(item)) > BODY_LIMIT_BYTES) {
      return new AppError('body_too_large', 'An event may have 256 KiB.');
    }
    return item as BatchItem;
  });
}

function itemsOf(value: unknown): unknown[] {
  const fail = (field: string, code: string, message: string) => AppError.invalid([{ field, code, message }]);
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw fail('', 'wrong_type', 'Use an object with the list events.');
  }
  const { events, ...others } = value as Record<string, unknown>;
  const [unknown] = Object.keys(others);
  if (unknown !== undefined) throw fail(unknown, 'unknown_field', 'This field is not known here.');
  if (events === undefined) throw fail('events', 'required', 'This field is required.');
  if (!Array.isArray(events)) throw fail('events', 'wrong_type', 'Use a list.');
  if (events.length === 0) throw fail('events', 'too_short', 'Use at least 1 event.');
  if (events.length > MAX_BATCH_EVENTS) throw fail('events', 'too_long', `Use at most ${MAX_BATCH_EVENTS} events.`);
  return events;
}

function divide(errors: readonly FieldError[]): { ofItems: Map<number, FieldError[]>; others: FieldError[] } {
  const ofItems = new Map<number, FieldError[]>();
  const others: FieldError[] = [];
  for (const error of errors) {
    const match = ITEM_FIELD.exec(error.field);
    if (match === null) {
      others.push(error);
      continue;
    }
    const index = Number(match[1]);
    ofItems.set(index, [...(ofItems.get(index) ?? []), { ...error, field: match[2]! }]);
  }
  return { ofItems, others };
}
