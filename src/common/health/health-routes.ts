import type { FastifyInstance } from 'fastify';
import { AppError } from '../app-error.js';
import { tellAnswered } from '../http/answered.js';
import { sendProblem } from '../http/send-problem.js';
import type { Readiness } from './readiness.js';

/**
 * `/healthz` (the process answers) and `/readyz` (it wants requests). They are plain routes, before guards and modules,
 * so that they are the same for every role and depend on nothing that may be broken.
 */
export function registerHealthRoutes(instance: FastifyInstance, readiness: Readiness): void {
  instance.get('/healthz', async (_request, reply) => {
    void reply.header('cache-control', 'no-store');
    return { status: 'ok' };
  });
  instance.get('/readyz', async (request, reply) => {
    void reply.header('cache-control', 'no-store');
    const reason = await readiness.reasonNotReady();
    if (reason === null) {
      tellAnswered(request, reply);
      return { status: 'ready' };
    }
    sendProblem(request, reply, new AppError('unavailable', reason, { headers: { 'retry-after': '1' } }));
    return reply;
  });
}
