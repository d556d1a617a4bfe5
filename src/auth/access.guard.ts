import { type CanActivate, type ExecutionContext, Injectable } from '@nestjs/common';
import type { FastifyReply } from 'fastify';
import { accessOf, type AccessOptions } from './access.decorator.js';
import { assertMayCall } from './access-rules.js';
import type { AuthenticatedRequest } from './authenticated-request.js';
import { ActingAccount } from './acting-account.js';
import { BrowserGate } from './browser/browser-gate.js';
import type { Caller } from './caller.js';
import { RateLimits } from './limits/rate-limits.js';
import { KeyUsage } from './usage/key-usage.js';
import { Authenticator } from './verification/authenticator.js';
import type { Credential } from './verification/credential.js';
import type { VerifiedKey } from './verification/verified-key.js';

/** In front of every route: 401 and 403 first, then 429, all before the body is parsed. */
@Injectable()
export class AccessGuard implements CanActivate {
  constructor(
    private readonly authenticator: Authenticator,
    private readonly browserGate: BrowserGate,
    private readonly acting: ActingAccount,
    private readonly limits: RateLimits,
    private readonly usage: KeyUsage,
  ) {}

  canActivate(context: ExecutionContext): boolean | Promise<boolean> {
    const access = accessOf(context.getHandler(), context.getClass());
    if (access === 'open') return true;
    if (!access) throw new Error('The route says neither @Access() nor @Open().');
    const http = context.switchToHttp();
    const request = http.getRequest<AuthenticatedRequest>();
    const reply = http.getResponse<FastifyReply>();
    const credential = request.authenticated ?? this.authenticator.authenticateRequest(request);
    if (credential instanceof Promise) return credential.then((proved) => this.admit(proved, access, request, reply));
    return this.admit(credential, access, request, reply);
  }

  private admit(
    credential: Credential,
    access: AccessOptions,
    request: AuthenticatedRequest,
    reply: FastifyReply,
  ): boolean | Promise<boolean> {
    if (credential.kind !== 'admin') this.usage.record(credential, request.ip, request.headers['user-agent']);
    this.browserGate.assertNotExposed(request, credential);
    assertMayCall(access, credential);
    const name = credential.kind === 'admin' ? credential.name : credential.id;
    void reply.headers(this.limits.countRequest(name));
    const caller = this.callerOf(credential, access, request);
    if (caller instanceof Promise) return caller.then((found) => this.accept(found, access, request, reply));
    return this.accept(caller, access, request, reply);
  }

  private callerOf(
    credential: Credential,
    access: AccessOptions,
    request: AuthenticatedRequest,
  ): Caller | Promise<Caller> {
    if (credential.kind === 'admin') {
      return this.acting.callerOf(credential, access.kinds, request.headers, request.ip);
    }
    this.acting.assertAbsent(request.headers);
    return toKeyCaller(credential, request.ip);
  }

  private accept(caller: Caller, access: AccessOptions, request: AuthenticatedRequest, reply: FastifyReply): true {
    if (access.limit) {
      void reply.headers(this.limits.countAction(access.limit, `${caller.accountId}/${caller.mode}`));
    }
    request.caller = caller;
    return true;
  }
}

function toKeyCaller(key: VerifiedKey, ip: string): Caller {
  return {
    kind: key.kind,
    accountId: key.accountId,
    mode: key.mode,
    apiKeyId: key.id,
    actorName: key.name,
    adminKeyName: null,
    scopes: key.scopes,
    locale: key.locale,
    livePublishing: key.livePublishing,
    ip,
  };
}
