import type { FastifyInstance } from 'fastify';

const ALLOWED_METHODS = 'GET, POST, PATCH, DELETE';
const ALLOWED_HEADERS = [
  'authorization',
  'content-type',
  'idempotency-key',
  'last-event-id',
  'request-id',
  'signalpost-account',
  'signalpost-actor',
  'signalpost-client-token',
  'signalpost-mode',
].join(', ');
const EXPOSED_HEADERS = 'request-id, retry-after, ratelimit, ratelimit-policy, idempotency-replayed, www-authenticate';
const PREFLIGHT_SECONDS = '600';

/**
 * CORS of `/v1`: preflights get 204, and every answer may be read by the page that asked, so that a page which uses a
 * secret key can read why it was refused. Credentials of the browser (cookies) are never allowed, and none exist: what a
 * page may do is decided by its key.
 */
export function registerCrossOrigin(fastify: FastifyInstance): void {
  fastify.addHook('onRequest', async (request, reply) => {
    const { origin } = request.headers;
    if (!isApiPath(request.url)) return;
    void reply.header('vary', 'Origin');
    if (origin === undefined) return;
    void reply.header('access-control-allow-origin', origin);
    if (request.method === 'OPTIONS' && request.headers['access-control-request-method'] !== undefined) {
      return reply
        .headers({
          'access-control-allow-methods': ALLOWED_METHODS,
          'access-control-allow-headers': ALLOWED_HEADERS,
          'access-control-max-age': PREFLIGHT_SECONDS,
        })
        .code(204)
        .send();
    }
    void reply.header('access-control-expose-headers', EXPOSED_HEADERS);
  });
}

function isApiPath(url: string): boolean {
  return url.startsWith('/v1/') || url === '/v1' || url.startsWith('/v1?');
}
