import type { Socket } from 'node:net';
import type { FastifyError, FastifyReply, FastifyRequest } from 'fastify';
import { AppError, type ErrorCode } from '../app-error.js';
import { PROBLEM_MEDIA_TYPE, problemText } from '../problem.js';
import { requestIdOf } from './request-id.js';
import { sendProblem } from './send-problem.js';

/** What Fastify's own refusals are here; null for what is no fault of the request. */
export function fromFastifyError(error: Partial<FastifyError>): AppError | null {
  const { statusCode } = error;
  if (typeof statusCode !== 'number' || statusCode < 400 || statusCode > 499) return null;
  return new AppError(codeOf(statusCode), undefined, { cause: error });
}

function codeOf(status: number): ErrorCode {
  switch (status) {
    case 404:
    case 414: // A part of the path that is longer than any we know.
      return 'not_found';
    case 408:
      return 'request_timeout';
    case 413:
      return 'body_too_large';
    case 415:
      return 'unsupported_media_type';
    case 431:
      return 'headers_too_large';
    default:
      return 'malformed_request';
  }
}

/** Paths that the router cannot read, such as `/v1/%zz`: no hook has run for them, and no route can be meant. */
export function answerRouterError(_error: Error, request: FastifyRequest, reply: FastifyReply): void {
  sendProblem(request, reply.header('request-id', request.id), new AppError('not_found'));
}

/** What is not HTTP, or breaks HTTP's limits: there is no request yet, so the answer is written to the socket. */
export function answerClientError(error: Error & { code?: string }, socket: Socket): void {
  if (error.code === 'ECONNRESET' || !socket.writable) {
    socket.destroy();
    return;
  }
  const problem = new AppError(clientErrorCode(error.code));
  const requestId = requestIdOf({ headers: {} });
  const body = problemText(problem, requestId);
  socket.end(
    [
      `HTTP/1.1 ${problem.status} ${problem.title}`,
      `content-type: ${PROBLEM_MEDIA_TYPE}`,
      `content-length: ${Buffer.byteLength(body)}`,
      `request-id: ${requestId}`,
      'connection: close',
      '',
      body,
    ].join('\r\n'),
  );
}

function clientErrorCode(code: string | undefined): ErrorCode {
  if (code === 'HPE_HEADER_OVERFLOW') return 'headers_too_large';
  return code === 'ERR_HTTP_REQUEST_TIMEOUT' ? 'request_timeout' : 'malformed_request';
}
