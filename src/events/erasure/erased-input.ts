import { isPlainObject } from '../../common/field-rule.js';

const EVENT_FIELDS: ReadonlySet<string> = new Set(['type', 'operation', 'external_id', 'occurred_at']);
const OPERATION_FIELDS: ReadonlySet<string> = new Set([
  ...['id', 'kind', 'status', 'amount', 'currency', 'reference', 'channel', 'cause'],
]);

/**
 * An event input of the operation without all that may be personal: of the fields that an input has, those but
 * `customer`, `metadata` and `data`; a field left out keeps what the operation has. Null when `text` is of another
 * operation, or has nothing to erase.
 */
export function eraseInput(text: string, operationId: string): string | null {
  const input: unknown = JSON.parse(text);
  if (!isPlainObject(input) || !isPlainObject(input.operation) || input.operation.id !== operationId) return null;
  const operation = pick(input.operation, OPERATION_FIELDS);
  const erased = pick({ ...input, operation }, EVENT_FIELDS);
  const isClean = sizeOf(operation) === sizeOf(input.operation) && sizeOf(erased) === sizeOf(input);
  return isClean ? null : JSON.stringify(erased);
}

function pick(from: Readonly<Record<string, unknown>>, fields: ReadonlySet<string>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(from).filter(([field]) => fields.has(field)));
}

function sizeOf(value: object): number {
  return Object.keys(value).length;
}
