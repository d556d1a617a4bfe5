import type { Socket } from 'node:net';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { Logger } from 'pino';
import type { Metrics } from '../metrics/metrics.js';
import { hasClientLeft } from './answered.js';
import { callerOf, routeOf } from './request.js';

declare module 'fastify' {
  interface FastifyRequest {
    /** Has its line and its observation. */
    isRecorded: boolean;
  }
}

/**
 * One line and one observation for each request: when its answer has gone out or, where the client left before, as soon
 * as both are known, with the answer that it would have had. A flood is observed without lines. A stream of server-sent
 * events has no answer that it could miss: one that its reader ends is not recorded.
 */
export function recordRequests(instance: FastifyInstance, logger: Logger, metrics: Metrics | null): void {
  const record = (request: FastifyRequest, reply: FastifyReply, clientLeft: boolean): void => {
    if (request.isRecorded) return;
    request.isRecorded = true;
    const route = routeOf(request);
    const durationMs = Math.round(reply.elapsedTime * 1_000) / 1_000;
    metrics?.observeRequest({ method: request.method, route, status: reply.statusCode, durationMs });
    if (request.isOnlyCounted === true || !logger.isLevelEnabled('info')) return;
    const caller = callerOf(request);
    logger.info(
      {
        request_id: request.id,
        method: request.method,
        route,
        status: reply.statusCode,
        duration_ms: durationMs,
        ip: request.ip,
        account: caller?.accountId ?? null,
        mode: caller?.mode ?? null,
        api_key_id: caller?.apiKeyId ?? null,
        admin: caller?.adminKeyName ?? null,
        ...(clientLeft && { client_left: true }),
      },
      'request',
    );
  };
  const outgoing = new OutgoingAnswers((request, reply) => record(request, reply, true));
  instance.decorateRequest('isRecorded', false);
  instance.answerListeners.push((request, reply) => {
    if (hasClientLeft(request)) record(request, reply, true);
    else outgoing.add(request, reply);
  });
  instance.addHook('onResponse', (request, reply, done) => {
    outgoing.delete(request);
    record(request, reply, false);
    done();
  });
}

/**
 * Answers that are made and have not gone out, by connection, since only the connection tells of its end: an answer
 * that waits behind others hears nothing.
 */
class OutgoingAnswers {
  private readonly bySocket = new WeakMap<Socket, Map<FastifyRequest, FastifyReply>>();

  constructor(private readonly onLost: (request: FastifyRequest, reply: FastifyReply) => void) {}

  add(request: FastifyRequest, reply: FastifyReply): void {
    const { socket } = request.raw;
    let answers = this.bySocket.get(socket);
    if (answers === undefined) {
      answers = new Map();
      this.bySocket.set(socket, answers);
      socket.once('close', () => this.lose(socket));
    }
    answers.set(request, reply);
  }

  delete(request: FastifyRequest): void {
    this.bySocket.get(request.raw.socket)?.delete(request);
  }

  private lose(socket: Socket): void {
    const answers = this.bySocket.get(socket)!;
    this.bySocket.delete(socket);
    answers.forEach((reply, request) => this.onLost(request, reply));
  }
}
