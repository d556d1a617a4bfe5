import { createParamDecorator, type ExecutionContext } from '@nestjs/common';
import type { FastifyRequest } from 'fastify';
import type { Caller } from './caller.js';

/**
 * The caller that the guard proved. On a route that acts inside one account (any but `ADMIN_ONLY` and the kinds with
 * `platform`) it is a `TenantCaller`.
 */
export const CurrentCaller = createParamDecorator((_data: unknown, context: ExecutionContext): Caller => {
  const { caller } = context.switchToHttp().getRequest<FastifyRequest & { caller?: Caller }>();
  if (!caller) throw new Error('@CurrentCaller() on a route without @Access().');
  return caller;
});
