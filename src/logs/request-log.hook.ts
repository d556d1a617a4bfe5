import { Injectable, type OnModuleInit } from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';
import type { FastifyInstance, FastifyReply } from 'fastify';
import type { AuthenticatedRequest } from '../auth/authenticated-request.js';
import type { Credential } from '../auth/verification/credential.js';
import { isApiPath, routeOf } from '../common/http/request.js';
import { RequestLogger, type RequestMaker } from './request-logger.js';

/** Writes whose effect is a log itself, with the request's id and key. */
const LOGGED_BY_THEIR_EFFECT: ReadonlySet<string> = new Set(['/v1/events', '/v1/events/batch', '/v1/logs']);
/** Refusals that `keys` logs, with the page that they came from. */
const LOGGED_ELSEWHERE: ReadonlySet<string> = new Set(['secret_key_in_browser']);

/** Hands every API write, and every refused request whose key proved right, to the request logger. */
@Injectable()
export class RequestLogHook implements OnModuleInit {
  constructor(
    private readonly adapterHost: HttpAdapterHost,
    private readonly requestLogger: RequestLogger,
  ) {}

  onModuleInit(): void {
    const instance = this.adapterHost.httpAdapter?.getInstance<FastifyInstance>();
    // A process that serves no API has no such instance.
    instance?.addHook('onResponse', (request, reply, done) => {
      this.record(request, reply);
      done();
    });
  }

  private record(request: AuthenticatedRequest, reply: FastifyReply): void {
    const { method, id, problemCode } = request;
    const route = routeOf(request);
    const maker = request.caller ?? (request.credential && makerOf(request.credential, request.ip));
    if (!maker || !isApiPath(route) || !isWorthALog(method, route, reply.statusCode, problemCode)) return;
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
