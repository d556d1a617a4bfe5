import type { FastifyInstance } from 'fastify';
import type { Logger } from 'pino';
import type { Metrics } from '../metrics/metrics.js';
import { callerOf, routeOf } from './request.js';

/** One line and one observation for each request, when its answer has gone out; a flood is observed without lines. */
export function recordRequests(instance: FastifyInstance, logger: Logger, metrics: Metrics | null): void {
  instance.addHook('onResponse', (request, reply, done) => {
    const route = routeOf(request);
    const durationMs = Math.round(reply.elapsedTime * 1_000) / 1_000;
    metrics?.observeRequest({ method: request.method, route, status: reply.statusCode, durationMs });
    if (request.isOnlyCounted === true || !logger.isLevelEnabled('info')) return done();
    const caller = callerOf(request);
    logger.info(
      {
        request_id: request.id,
        method: request.method,
        route,
        status: reply.statusCode,
        duration_ms: durationMs,
        ip: request.ip,
        account: caller?.accountId ?? null,
        mode: caller?.mode ?? null,
        api_key_id: caller?.apiKeyId ?? null,
        admin: caller?.adminKeyName ?? null,
      },
      'request',
    );
    done();
  });
}
