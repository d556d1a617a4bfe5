import { Injectable, type OnModuleInit } from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';
import type { FastifyInstance, FastifyReply } from 'fastify';
import { Counter } from 'prom-client';
import type { AuthenticatedRequest } from '../auth/authenticated-request.js';
import { type BucketRule, TokenBuckets } from '../auth/limits/token-buckets.js';
import type { Credential } from '../auth/verification/credential.js';
import { Clock } from '../common/clock.js';
import { isApiPath, routeOf } from '../common/http/request.js';
import { Metrics } from '../common/metrics/metrics.js';
import { RequestLogger, type RequestMaker } from './request-logger.js';

/** Writes whose effect is a log itself, with the request's id and key. */
const LOGGED_BY_THEIR_EFFECT: ReadonlySet<string> = new Set(['/v1/events', '/v1/events/batch', '/v1/logs']);
/** Refusals that `keys` logs, with the page that they came from. */
const LOGGED_ELSEWHERE: ReadonlySet<string> = new Set(['secret_key_in_browser']);
/**
 * How many refused requests of one public key a process logs. Such a key stands in a page for everybody to copy, so it
 * proves nobody: a page that goes wrong shows at once, and no stranger fills the log of a merchant.
 */
export const PUBLIC_KEY_REFUSALS: BucketRule = { burst: 60, perSecond: 0.1 };

/** Hands every API write, and every refused request whose key proved right, to the request logger. */
@Injectable()
export class RequestLogHook implements OnModuleInit {
  private readonly publicKeyRefusals = new TokenBuckets(PUBLIC_KEY_REFUSALS);
  private readonly leftOut: Counter;

  constructor(
    private readonly adapterHost: HttpAdapterHost,
    private readonly requestLogger: RequestLogger,
    private readonly clock: Clock,
    metrics: Metrics,
  ) {
    this.leftOut = new Counter({
      name: 'signalpost_request_logs_left_out_total',
      help: 'Refused requests of public keys that were not logged, because the same key had sent too many.',
      registers: [metrics.registry],
    });
  }

  onModuleInit(): void {
    const instance = this.adapterHost.httpAdapter?.getInstance<FastifyInstance>();
    // A process that serves no API has no such instance.
    instance?.addHook('onResponse', (request, reply, done) => {
      this.record(request, reply);
      done();
    });
  }

  private record(request: AuthenticatedRequest, reply: FastifyReply): void {
    const { method, id, problemCode, credential } = request;
    const route = routeOf(request);
    const maker = request.caller ?? (credential && makerOf(credential, request.ip));
    if (!maker || !isApiPath(route) || !isWorthALog(method, route, reply.statusCode, problemCode)) return;
    if (reply.statusCode >= 400 && credential?.kind === 'public' && this.isTooMany(credential.id)) return;
    this.requestLogger.record({
      caller: maker,
      method,
      route,
      status: reply.statusCode,
      code: problemCode ?? null,
      durationMs: reply.elapsedTime,
      requestId: id,
    });
  }

  private isTooMany(publicKeyId: string): boolean {
    if (this.publicKeyRefusals.take(publicKeyId, this.clock.monotonicMs()).allowed) return false;
    this.leftOut.inc();
    return true;
  }
}

function isWorthALog(method: string, route: string, status: number, code: string | undefined): boolean {
  if (status >= 400) return code === undefined || !LOGGED_ELSEWHERE.has(code);
  if (method === 'GET' || method === 'HEAD') return false;
  return !(method === 'POST' && LOGGED_BY_THEIR_EFFECT.has(route));
}

function makerOf(credential: Credential, ip: string): RequestMaker {
  const { name } = credential;
  if (credential.kind === 'admin') {
    return { accountId: null, mode: null, apiKeyId: null, adminKeyName: name, actorName: name, locale: 'en', ip };
  }
  const { accountId, mode, id, locale } = credential;
  return { accountId, mode, apiKeyId: id, adminKeyName: null, actorName: name, locale, ip };
}
