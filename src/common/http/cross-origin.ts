import type { FastifyReply, FastifyRequest } from 'fastify';

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
const EXPOSED_HEADERS =
  'request-id, retry-after, ratelimit, ratelimit-policy, idempotency-replayed, www-authenticate, allow';
const PREFLIGHT_SECONDS = '600';

/**
 * Lets the page that asked read every answer of `/v1`, so that one that wrongly uses a secret key can read why it is
 * refused. Cookies are never allowed and none exist: what a page may do is decided by its key alone.
 */
export function allowOrigin(request: FastifyRequest, reply: FastifyReply): void {
  void reply.header('vary', 'Origin');
  const { origin } = request.headers;
  if (origin === undefined) return;
  void reply.header('access-control-allow-origin', origin).header('access-control-expose-headers', EXPOSED_HEADERS);
}

/** The answer to OPTIONS on a path that exists; on `/v1` also to the preflights of browsers. */
export function answerOptions(request: FastifyRequest, reply: FastifyReply, methods: readonly string[]): void {
  const allowed = methods.join(', ');
  void reply.header('allow', allowed);
  if (reply.hasHeader('access-control-allow-origin') && request.headers['access-control-request-method']) {
    void reply.headers({
      'access-control-allow-methods': allowed,
      'access-control-allow-headers': ALLOWED_HEADERS,
      'access-control-max-age': PREFLIGHT_SECONDS,
    });
  }
  void reply.code(204).send();
}
