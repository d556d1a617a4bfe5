import type { FastifyRequest } from 'fastify';

declare module 'fastify' {
  interface FastifyRequest {
    /** The body as it came: what is hashed, parsed and validated after the guard. */
    rawBody?: Buffer;
    /** The code that the answer carries when it is a problem. */
    problemCode?: string;
    /** Set for what comes in floods: counted in the metrics, without a line of its own in the log. */
    isOnlyCounted?: boolean;
  }
}

/** What the log line of a request tells of its caller; the guard puts a whole caller there. */
export interface LoggedCaller {
  readonly apiKeyId: string | null;
  readonly adminKeyName: string | null;
  readonly accountId: string | null;
  readonly mode: string | null;
}

export function callerOf(request: FastifyRequest): LoggedCaller | undefined {
  return (request as { caller?: LoggedCaller }).caller;
}

/**
 * The pattern that the request matched, such as `/v1/events/:id`; never the path, which may hold what must not be
 * logged.
 */
export function routeOf(request: FastifyRequest): string {
  return request.routeOptions?.url ?? 'unmatched';
}

export function pathOf(request: FastifyRequest): string {
  const { url } = request;
  const query = url.indexOf('?');
  return query < 0 ? url : url.slice(0, query);
}

export function isApiPath(path: string): boolean {
  return path === '/v1' || path.startsWith('/v1/');
}
