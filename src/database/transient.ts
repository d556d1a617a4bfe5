const TRANSIENT_SQLSTATES = new Set(['40001', '40P01']);

/** Whether PostgreSQL undid a transaction only because of others beside it, so that doing it again may succeed. */
export function isTransient(error: unknown): boolean {
  return error instanceof Error && 'code' in error && TRANSIENT_SQLSTATES.has(String(error.code));
}
