/**
 * Connections lost or refused (class 08), servers that stop or start, too many connections or too little room
 * (class 53), queries cut for time, and a server that only reads, as one does until it takes over from another.
 */
const PASSING_SQL_STATES = /^(08...|57P0[123]|53...|57014|25006)$/;
/** What ends a session, or lets none begin, whatever its code: no statement is to blame. */
const SESSION_ENDED: ReadonlySet<unknown> = new Set(['FATAL', 'PANIC']);
const PASSING_NETWORK_CODES: ReadonlySet<string> = new Set([
  'ECONNREFUSED',
  'ECONNRESET',
  'EPIPE',
  'ETIMEDOUT',
  'ENOTFOUND',
  'EAI_AGAIN',
]);
/** The pool and the client of pg throw these without a code. */
const PASSING_MESSAGES =
  /timeout exceeded when trying to connect|Connection terminated|Client has encountered a connection error|Query read timeout/i;

/** Whether `error` says that the database cannot answer right now, so that the same request may succeed soon. */
export function isDatabaseUnavailable(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  const { code, severity } = error as { code?: unknown; severity?: unknown };
  if (SESSION_ENDED.has(severity)) return true;
  if (typeof code === 'string' && (PASSING_SQL_STATES.test(code) || PASSING_NETWORK_CODES.has(code))) return true;
  if (PASSING_MESSAGES.test(error.message)) return true;
  const causes = error instanceof AggregateError ? (error.errors as unknown[]) : [error.cause];
  return causes.some((cause) => cause !== undefined && isDatabaseUnavailable(cause));
}
