import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';

/** Told of an answer with its status, before it leaves. */
export type AnswerListener = (request: FastifyRequest, reply: FastifyReply) => void;

declare module 'fastify' {
  interface FastifyInstance {
    /** Those that `tellAnswered` tells. */
    answerListeners: AnswerListener[];
  }
}

/**
 * Lets listeners in `instance.answerListeners` hear of each answer once, when it is made. Fastify's `onResponse` tells
 * of answers that went out: it never runs for a request whose client left before, though what was asked was done.
 */
export function tellAnswers(instance: FastifyInstance): void {
  instance.decorate('answerListeners', []);
  instance.addHook('onSend', (request, reply, _payload, done) => {
    tellAnswered(request, reply);
    done();
  });
}

/** To be called by whoever answers past Fastify's own way out, once the status is set. */
export function tellAnswered(request: FastifyRequest, reply: FastifyReply): void {
  for (const listener of request.server.answerListeners) listener(request, reply);
}

/** Whether nobody is there any more to take an answer, also one that waits behind others on its connection. */
export function hasClientLeft(request: FastifyRequest): boolean {
  return request.raw.socket.destroyed;
}
