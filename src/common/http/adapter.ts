import type { Socket } from 'node:net';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import { fastify, type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify';
import type { AppConfig } from '../../config/app-config.js';
import { AppError } from '../app-error.js';
import { parseQueryString } from '../input/query-string.js';
import { BODY_LIMIT_BYTES } from './body.js';
import { tellAnswered } from './answered.js';
import { isUnsupportedBody } from './body-headers.js';
import { allowOrigin, answerOptions } from './cross-origin.js';
import { answerClientError, answerRouterError } from './framework-errors.js';
import { assertNoKeyInQuery } from './key-in-query.js';
import { requestIdOf } from './request-id.js';
import { isApiPath, pathOf } from './request.js';
import { RouteTable } from './route-table.js';

const KEEP_ALIVE_MS = 72_000;
const REQUEST_TIMEOUT_MS = 30_000;
/** The router gives up on longer parts of a path before the route can say what is wrong with them. */
const MAX_PARAMETER_LENGTH = 4_096;

/** Fastify as every process of the service serves it: everything that comes before a guard is decided here. */
export class HttpAdapter extends FastifyAdapter {
  /** Bodies are read by the parser of `createAdapter` alone. */
  override registerParserMiddleware(): void {}

  /** Errors reach the filter as they were thrown. */
  override mapException(error: unknown): unknown {
    return error;
  }

  override reply(...given: Parameters<FastifyAdapter['reply']>): FastifyReply {
    const reply = super.reply(...given);
    // A problem that took its place has told of itself.
    if (reply.request.problemCode === undefined) tellAnswered(reply.request, reply);
    return reply;
  }
}

/**
 * The adapter with the part of the order of checks that needs no key: 404 and 405, then keys in query strings, then
 * 413 and 415. Bodies arrive as `request.rawBody`; a route's own limit is `@BodyLimit`.
 */
export function createAdapter(config: Pick<AppConfig, 'trustProxy'>): HttpAdapter {
  const instance = fastify({
    logger: false,
    genReqId: requestIdOf,
    trustProxy: config.trustProxy.length > 0 ? [...config.trustProxy] : false,
    bodyLimit: BODY_LIMIT_BYTES,
    keepAliveTimeout: KEEP_ALIVE_MS,
    requestTimeout: REQUEST_TIMEOUT_MS,
    return503OnClosing: false,
    forceCloseConnections: 'idle',
    frameworkErrors: answerRouterError,
    clientErrorHandler: answerClientError,
    routerOptions: { maxParamLength: MAX_PARAMETER_LENGTH, querystringParser: parseQueryString },
  });
  const routes = new RouteTable();
  instance.decorate('routeTable', routes);
  instance.decorate('answerListeners', []);
  instance.decorateRequest('rawBody', undefined);
  instance.addHook('onRoute', (route) => {
    routes.add(route.method, route.url);
    const { bodyLimit } = (route.config ?? {}) as { bodyLimit?: number };
    if (bodyLimit !== undefined) route.bodyLimit = bodyLimit;
  });
  instance.addHook('onRequest', (request, reply, done) => {
    try {
      if (!admit(request, reply, routes)) done();
    } catch (error) {
      done(error as Error);
    }
  });
  endSilentConnections(instance);
  readBodiesAsBuffers(instance);
  return new HttpAdapter(instance as never);
}

/**
 * A connection on which nothing was ever asked (a browser's spare one, a probe) is not idle to Node, and would hold up
 * the end.
 */
function endSilentConnections(instance: FastifyInstance): void {
  const silent = new Set<Socket>();
  instance.server.on('connection', (socket) => {
    silent.add(socket);
    socket.once('close', () => silent.delete(socket));
  });
  instance.addHook('onRequest', (request, _reply, done) => {
    silent.delete(request.raw.socket);
    done();
  });
  instance.addHook('preClose', (done) => {
    silent.forEach((socket) => socket.destroy());
    done();
  });
}

/** Sets the headers of every answer and makes the first checks; true when the request has been answered. */
function admit(request: FastifyRequest, reply: FastifyReply, routes: RouteTable): boolean {
  const path = pathOf(request);
  void reply.header('request-id', request.id).header('x-content-type-options', 'nosniff');
  if (isApiPath(path)) {
    void reply.header('cache-control', 'no-store');
    allowOrigin(request, reply);
  }
  if (request.is404) {
    const methods = routes.allowedMethods(path);
    if (methods.length === 0) throw new AppError('not_found');
    if (request.method === 'OPTIONS') {
      answerOptions(request, reply, methods);
      return true;
    }
    const allow = methods.join(', ');
    throw new AppError('method_not_allowed', `This path is for ${allow}.`, { headers: { allow } });
  }
  if (request.raw.url?.includes('?')) assertNoKeyInQuery(request.query as Record<string, string | string[]>);
  return false;
}

function readBodiesAsBuffers(instance: FastifyInstance): void {
  instance.removeAllContentTypeParsers();
  instance.addContentTypeParser('application/json', { parseAs: 'buffer' }, (request, body, done) => {
    request.rawBody = body as Buffer;
    done(null, body);
  });
  instance.addHook('preParsing', (request, _reply, payload, done) => {
    if (isUnsupportedBody(request)) done(new AppError('unsupported_media_type'));
    else done(null, payload);
  });
}
