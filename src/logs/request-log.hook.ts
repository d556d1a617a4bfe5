import { Injectable, type OnModuleInit } from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';
import type { FastifyInstance, FastifyReply } from 'fastify';
import type { AuthenticatedRequest } from '../auth/authenticated-request.js';
import type { Credential } from '../auth/verification/credential.js';
import { hasClientLeft } from '../common/http/answered.js';
import { isApiPath, routeOf } from '../common/http/request.js';
import { RequestLogger, type RequestMaker } from './request-logger.js';
import { type SparingReason, SparingLogs } from './sparing-logs.js';

/** Writes whose effect is a log itself, with the request's id and key. */
const LOGGED_BY_THEIR_EFFECT: ReadonlySet<string> = new Set(['/v1/events', '/v1/events/batch', '/v1/logs']);
/** Refusals that `keys` logs, with the page that they came from. */
const LOGGED_ELSEWHERE: ReadonlySet<string> = new Set(['secret_key_in_browser']);
/** Refusals of keys that were ended because strangers may have them, or that strangers have in vain. */
const OF_UNUSABLE_KEYS: ReadonlySet<string> = new Set(['api_key_revoked', 'api_key_expired', 'ip_not_allowed']);

/** Hands every API write, and every refused request whose key proved right, to the request logger. */
@Injectable()
export class RequestLogHook implements OnModuleInit {
  constructor(
    private readonly adapterHost: HttpAdapterHost,
    private readonly requestLogger: RequestLogger,
    private readonly sparing: SparingLogs,
  ) {}

  onModuleInit(): void {
    const instance = this.adapterHost.httpAdapter?.getInstance<FastifyInstance>();
    // A process that serves no API has no such instance.
    instance?.answerListeners.push((request, reply) => this.record(request, reply));
  }

  private record(request: AuthenticatedRequest, reply: FastifyReply): void {
    const { method, id, problemCode, credential } = request;
    const route = routeOf(request);
    if (!credential || !isApiPath(route) || !isWorthALog(method, route, reply.statusCode, problemCode)) return;
    const leftOut = this.leftOutBefore(credential, problemCode);
    if (leftOut === null) return;
    this.requestLogger.record({
      caller: request.caller ?? makerOf(credential, request.ip),
      method,
      route,
      status: reply.statusCode,
      code: problemCode ?? null,
      durationMs: reply.elapsedTime,
      requestId: id,
      hasClientLeft: hasClientLeft(request),
      leftOut,
    });
  }

  /** Null when this one is left out, too: a stranger must not fill the log of a merchant. */
  private leftOutBefore(credential: Credential, code: string | undefined): number | null {
    const reason = reasonToSpare(credential, code);
    return credential.kind === 'admin' || reason === null ? 0 : this.sparing.take(reason, credential.id);
  }
}

function isWorthALog(method: string, route: string, status: number, code: string | undefined): boolean {
  if (status >= 400) return code === undefined || !LOGGED_ELSEWHERE.has(code);
  if (method === 'GET' || method === 'HEAD') return false;
  return !(method === 'POST' && LOGGED_BY_THEIR_EFFECT.has(route));
}

function reasonToSpare({ kind }: Credential, code: string | undefined): SparingReason | null {
  // It reads one operation and a few facts, so that all of its logs are refusals.
  if (kind === 'public') return 'public_key';
  return code !== undefined && OF_UNUSABLE_KEYS.has(code) ? 'unusable_key' : null;
}

function makerOf(credential: Credential, ip: string): RequestMaker {
  const { name } = credential;
  if (credential.kind === 'admin') {
    return { accountId: null, mode: null, apiKeyId: null, adminKeyName: name, actorName: name, locale: 'en', ip };
  }
  const { accountId, mode, id, locale } = credential;
  return { accountId, mode, apiKeyId: id, adminKeyName: null, actorName: name, locale, ip };
}
