import type { DatabaseError } from 'pg';

const TRANSIENT_SQLSTATES = new Set(['40001', '40P01']);
const DATATYPE_MISMATCH = '42804';
const UNDEFINED_OBJECT = '42704';
const INTERNAL_ERROR = 'XX000';
const CHECK_VIOLATION = '23514';
const REFUSED_VALUES = /^(22|23|54)...$/;

/** Whether PostgreSQL undid a transaction only because of others beside it, so that doing it again may succeed. */
export function isTransient(error: unknown): boolean {
  return hasSqlState(error, (code) => TRANSIENT_SQLSTATES.has(code));
}

/** Whether PostgreSQL refused a value of the statement, so that doing it again with the same values will fail again. */
export function isRefusedValue(error: unknown): boolean {
  return hasSqlState(error, (code) => REFUSED_VALUES.test(code));
}

/** Whether a parameter was of a type that is there no more, or a value in the binary form of another one. */
export function isUnknownType(error: unknown): boolean {
  return hasSqlState(
    error,
    (code) =>
      code === DATATYPE_MISMATCH ||
      code === UNDEFINED_OBJECT ||
      // What a statement meets that was prepared before its type went.
      (code === INTERNAL_ERROR && (error as Error).message.startsWith('cache lookup failed for type')),
  );
}

/**
 * Whether a month has no partition for a row: only that comes under the code of a violated check without naming one. It
 * is no fault of the row, which may be written once there is a partition.
 */
export function isMissingPartition(error: unknown): boolean {
  return hasSqlState(error, (code) => code === CHECK_VIOLATION) && (error as DatabaseError).constraint === undefined;
}

function hasSqlState(error: unknown, matches: (code: string) => boolean): boolean {
  return error instanceof Error && 'code' in error && matches(String(error.code));
}
