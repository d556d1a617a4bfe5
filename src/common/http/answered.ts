import type { FastifyReply, FastifyRequest } from 'fastify';

/** Told of an answer with its status when it is made, whether or not it can leave. */
export type AnswerListener = (request: FastifyRequest, reply: FastifyReply) => void;

declare module 'fastify' {
  interface FastifyInstance {
    /** Those that `tellAnswered` tells. */
    answerListeners: AnswerListener[];
  }
}

/**
 * Tells of an answer once, when it is made; its status is set. Fastify's `onResponse` tells of answers that went out:
 * it never runs for a request whose client left before, though what was asked was done.
 */
export function tellAnswered(request: FastifyRequest, reply: FastifyReply): void {
  for (const listener of request.server.answerListeners) listener(request, reply);
}

/** Whether nobody is there any more to take an answer, also one that waits behind others on its connection. */
export function hasClientLeft(request: FastifyRequest): boolean {
  return request.raw.socket.destroyed;
}
