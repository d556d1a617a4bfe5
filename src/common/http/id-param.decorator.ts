import { createParamDecorator, type ExecutionContext } from '@nestjs/common';
import { ApiParam } from '@nestjs/swagger';
import type { FastifyRequest } from 'fastify';
import { decodeId, type IdPrefix } from '../ids.js';

const DecodedId = createParamDecorator(
  ({ prefix, name }: { prefix: IdPrefix; name: string }, context: ExecutionContext): string => {
    const { params } = context.switchToHttp().getRequest<FastifyRequest<{ Params: Record<string, string> }>>();
    return decodeId(prefix, params[name] ?? '', name);
  },
);

/** A TypeID in the path as its uuid; 422 when it is malformed or of another kind. */
export function IdParam(prefix: IdPrefix, name = 'id'): ParameterDecorator {
  return (target, key, index) => {
    DecodedId({ prefix, name })(target, key, index);
    if (key === undefined) return;
    const example = `${prefix}_01k96sd3k8e2r9wq6m4h0v5xtz`;
    const schema = { type: 'string', pattern: `^${prefix}_[0-9a-z]{26}$`, example };
    ApiParam({ name, schema })(target, key, Object.getOwnPropertyDescriptor(target, key)!);
  };
}
