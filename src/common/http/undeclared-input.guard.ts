import type { CanActivate, ExecutionContext } from '@nestjs/common';
import { ROUTE_ARGS_METADATA } from '@nestjs/common/constants.js';
import type { FastifyRequest } from 'fastify';
import { AppError, type FieldError } from '../app-error.js';
import { isPlainObject } from '../field-rule.js';
import { parseJsonBody } from '../input/json-gate.js';
import { DECLARES_BODY } from './body.js';
import './request.js';

const BODY_ARGUMENT = '3:';
const QUERY_ARGUMENT = '4:';
const API_PARAMETERS = 'swagger/apiParameters';

interface Declared {
  readonly body: boolean;
  readonly query: boolean;
}

/**
 * Refuses fields and parameters on routes that declare none, where nothing else would look at them. A route declares
 * them by `@Body`, `@JsonBody`, `@Query`, or by `@ApiBody`, `@ApiQuery` when it reads the request itself.
 * Runs after the guard that authenticates, as the order of checks wants.
 */
export class UndeclaredInputGuard implements CanActivate {
  private readonly declaredByHandler = new WeakMap<object, Declared>();

  canActivate(context: ExecutionContext): true {
    const request = context.switchToHttp().getRequest<FastifyRequest>();
    const declared = this.declaredBy(context);
    if (!declared.query && request.url.includes('?')) refuse(Object.keys(request.query as object));
    if (!declared.body && request.rawBody !== undefined && request.rawBody.length > 0) {
      const body = parseJsonBody(request.rawBody);
      if (!isPlainObject(body)) throw AppError.invalid([wrongBody]);
      refuse(Object.keys(body));
    }
    return true;
  }

  private declaredBy(context: ExecutionContext): Declared {
    const handler = context.getHandler();
    let declared = this.declaredByHandler.get(handler);
    if (declared === undefined) {
      const controller = context.getClass();
      const arguments_ = Object.keys(
        (Reflect.getMetadata(ROUTE_ARGS_METADATA, controller, handler.name) as object | undefined) ?? {},
      );
      const documented = (Reflect.getMetadata(API_PARAMETERS, handler) ?? []) as { in?: string }[];
      const declares = (argument: string, place: string): boolean =>
        arguments_.some((key) => key.startsWith(argument)) || documented.some((parameter) => parameter.in === place);
      const body = Reflect.hasMetadata(DECLARES_BODY, handler) || declares(BODY_ARGUMENT, 'body');
      declared = { body, query: declares(QUERY_ARGUMENT, 'query') };
      this.declaredByHandler.set(handler, declared);
    }
    return declared;
  }
}

const wrongBody: FieldError = { field: 'body', code: 'wrong_type', message: 'Use a JSON object.' };

function refuse(names: readonly string[]): void {
  if (names.length === 0) return;
  throw AppError.invalid(
    names.map((field) => ({ field, code: 'unknown_field', message: 'This operation does not know this name.' })),
  );
}
