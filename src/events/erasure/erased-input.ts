import { coverKnownPersons, type Person } from '../../common/covered-persons.js';
import { isPlainObject } from '../../common/field-rule.js';

const EVENT_FIELDS: ReadonlySet<string> = new Set(['type', 'operation', 'external_id', 'occurred_at']);
const OPERATION_FIELDS: ReadonlySet<string> = new Set([
  ...['id', 'kind', 'status', 'amount', 'currency', 'reference', 'channel', 'cause'],
]);
const CAUSE_FIELDS: ReadonlySet<string> = new Set(['code', 'description']);

/**
 * An event input of the operation without all that may be personal: of the fields that an input has, those but
 * `customer`, `metadata` and `data`, its customer and `customer` covered where the cause names them; a field left out
 * keeps what the operation has. Null when `text` is of another operation, or has nothing to erase.
 */
export function eraseInput(text: string, operationId: string, customer: Person | null = null): string | null {
  const input: unknown = JSON.parse(text);
  if (!isPlainObject(input) || !isPlainObject(input.operation) || input.operation.id !== operationId) return null;
  const persons = [customer, personIn(input.operation.customer)];
  const operation = pick(input.operation, OPERATION_FIELDS);
  if ('cause' in operation) operation.cause = withoutPersons(operation.cause, persons);
  const erased = JSON.stringify(pick({ ...input, operation }, EVENT_FIELDS));
  return erased === JSON.stringify(input) ? null : erased;
}

/** What was refused may hold anything anywhere. */
function withoutPersons(cause: unknown, persons: readonly (Person | null)[]): unknown {
  const cover = (value: unknown): unknown => (typeof value === 'string' ? coverKnownPersons(value, persons) : null);
  if (!isPlainObject(cause)) return cover(cause);
  return Object.fromEntries(Object.entries(pick(cause, CAUSE_FIELDS)).map(([field, value]) => [field, cover(value)]));
}

function personIn(customer: unknown): Person | null {
  if (!isPlainObject(customer)) return null;
  const textOf = (value: unknown): string | null => (typeof value === 'string' ? value : null);
  return { name: textOf(customer.name), email: textOf(customer.email), phone: textOf(customer.phone) };
}

function pick(from: Readonly<Record<string, unknown>>, fields: ReadonlySet<string>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(from).filter(([field]) => fields.has(field)));
}
