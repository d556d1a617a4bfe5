import type { FastifyRequest } from 'fastify';

const JSON_MEDIA_TYPE = /^application\/json[ \t]*(?:;[ \t]*charset=(?:utf-8|"utf-8")[ \t]*)?;?[ \t]*$/i;

/** Whether the headers announce a body; those of GET and HEAD are never read. */
export function hasBody({ method, headers }: FastifyRequest): boolean {
  if (method === 'GET' || method === 'HEAD') return false;
  return headers['transfer-encoding'] !== undefined || headers['content-type'] !== undefined;
}

/** Whether the body that the headers announce is no plain JSON in UTF-8. */
export function isUnsupportedBody(request: FastifyRequest): boolean {
  const { 'content-type': type, 'content-encoding': encoding } = request.headers;
  const isOtherType = type !== undefined && !JSON_MEDIA_TYPE.test(type);
  return (isOtherType || (encoding ?? 'identity') !== 'identity') && hasBody(request);
}

/** Whether 413 or 415 is due, or can still become due while the body is read, as where its length is not announced. */
export function mayBodyBeRefused(request: FastifyRequest): boolean {
  const { method, headers, routeOptions } = request;
  if (method === 'GET' || method === 'HEAD') return false;
  const { 'content-length': length = '0', 'content-type': type } = headers;
  if (headers['transfer-encoding'] !== undefined) return true;
  if (type === undefined) return length !== '0';
  return isUnsupportedBody(request) || Number(length) > (routeOptions.bodyLimit ?? 0);
}
