import { applyDecorators, createParamDecorator, type ExecutionContext } from '@nestjs/common';
import { RouteConfig } from '@nestjs/platform-fastify';
import { ApiBody } from '@nestjs/swagger';
import type { FastifyRequest } from 'fastify';
import type { JsonLimits } from '../input/json-gate.js';
import { allowsNoBody, type DtoClass } from '../input/validate.js';
import { DECLARES_BODY, readBody } from './body.js';
import './request.js';

const JsonBodyValue = createParamDecorator(
  ({ type, limits }: { type?: DtoClass; limits?: JsonLimits }, context: ExecutionContext): unknown =>
    readBody(context.switchToHttp().getRequest<FastifyRequest>().rawBody, type, limits),
);

/**
 * The body through the JSON gate, then as an instance of `type`; without `type` the value as it is, for routes that
 * validate by themselves and document their body with `@ApiBody`.
 */
export function JsonBody(type?: DtoClass, limits?: JsonLimits): ParameterDecorator {
  return (target, key, index) => {
    JsonBodyValue({ type, limits })(target, key, index);
    if (key === undefined) return;
    const descriptor = Object.getOwnPropertyDescriptor(target, key)!;
    Reflect.defineMetadata(DECLARES_BODY, true, descriptor.value as object);
    if (type === undefined) return;
    ApiBody({ type, required: !allowsNoBody(type) })(target, key, descriptor);
  };
}

/** Takes bodies up to `bytes` on this route instead of 256 KiB. */
export function BodyLimit(bytes: number): MethodDecorator {
  return applyDecorators(RouteConfig({ bodyLimit: bytes }));
}
