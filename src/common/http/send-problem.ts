import type { OutgoingHttpHeaders } from 'node:http';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { AppError } from '../app-error.js';
import { PROBLEM_MEDIA_TYPE, problemText } from '../problem.js';
import { tellAnswered } from './answered.js';

/**
 * Answers with a problem. As text, past Fastify's own way out, which would add a charset that this media type does not
 * have: text leaves with its headers in one write, bytes behind them, and refusals are what a flood is made of.
 */
export function sendProblem(request: FastifyRequest, reply: FastifyReply, error: AppError): void {
  request.problemCode = error.code;
  const text = problemText(error, request.id);
  void reply.headers(error.headers).headers({
    // A route that lets its answers be kept does not mean its failures.
    'cache-control': 'no-store',
    'content-type': PROBLEM_MEDIA_TYPE,
    'content-length': Buffer.byteLength(text),
  });
  reply.hijack();
  reply.raw.writeHead(error.status, reply.getHeaders() as OutgoingHttpHeaders);
  reply.raw.end(text);
  tellAnswered(request, reply);
}
