import { type CanActivate, type ExecutionContext, Injectable } from '@nestjs/common';
import type { FastifyRequest } from 'fastify';
import { accessOf } from '../access.decorator.js';
import type { ClientCaller, TenantCaller } from '../caller.js';
import { ClientTokenSigner } from './client-token-signer.js';

export const CLIENT_TOKEN_HEADER = 'signalpost-client-token';

/** Behind the guard that proves the key: routes that ask for a client token get its operation with the caller. */
@Injectable()
export class ClientTokenGuard implements CanActivate {
  constructor(private readonly signer: ClientTokenSigner) {}

  canActivate(context: ExecutionContext): true {
    const access = accessOf(context.getHandler(), context.getClass());
    if (access === null || access === 'open' || !access.clientToken) return true;
    const request = context.switchToHttp().getRequest<FastifyRequest & { caller: TenantCaller | ClientCaller }>();
    const token = request.headers[CLIENT_TOKEN_HEADER];
    const clientOperationId = this.signer.verify(request.caller, Array.isArray(token) ? token.join() : token);
    request.caller = { ...request.caller, clientOperationId };
    return true;
  }
}
