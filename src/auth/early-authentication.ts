import { Injectable, type OnModuleInit } from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';
import type { FastifyInstance, FastifyReply } from 'fastify';
import { AppError } from '../common/app-error.js';
import { hasClientLeft } from '../common/http/answered.js';
import { hasBody, mayBodyBeRefused } from '../common/http/body-headers.js';
import { isApiPath, pathOf } from '../common/http/request.js';
import { sendProblem } from '../common/http/send-problem.js';
import type { AuthenticatedRequest } from './authenticated-request.js';
import { Authenticator } from './verification/authenticator.js';
import type { Credential } from './verification/credential.js';

type Done = (error?: Error) => void;

/**
 * Authenticates as soon as the headers are there: a stranger is answered before the body is read, and before any layer
 * behind Fastify's first hooks is entered. Everything under `/v1` needs a key; `RouteCoverage` sees to that.
 */
@Injectable()
export class EarlyAuthentication implements OnModuleInit {
  constructor(
    private readonly adapterHost: HttpAdapterHost,
    private readonly authenticator: Authenticator,
  ) {}

  onModuleInit(): void {
    const instance = this.adapterHost.httpAdapter?.getInstance<FastifyInstance>();
    // A process that serves no API has no such instance.
    instance?.addHook('onRequest', (request, reply, done) => this.judge(request, reply, done));
  }

  private judge(request: AuthenticatedRequest, reply: FastifyReply, done: Done): void {
    // 413 and 415 come before 401: where they are still to be decided, the guard authenticates, behind the body's
    // reader.
    if (!isApiPath(pathOf(request)) || mayBodyBeRefused(request)) {
      done();
      return;
    }
    const pass = (credential: Credential): void => {
      if (!hasBody(request)) {
        request.authenticated = credential;
        done();
        return;
      }
      // A body can take its time, in which the key may end: then the guard judges it again. One that its client took
      // along while the key was proved is not there any more, and its reader would wait for it for ever.
      done(hasClientLeft(request) ? new AppError('malformed_request') : undefined);
    };
    const refuse = (error: Error): void => {
      // Whoever proved a key is answered as usual, and gets a log of the refusal.
      if (request.credential !== undefined || !(error instanceof AppError)) done(error);
      else sendProblem(request, reply, error);
    };
    try {
      const credential = this.authenticator.authenticateRequest(request);
      if (credential instanceof Promise) credential.then(pass, refuse);
      else pass(credential);
    } catch (error) {
      refuse(error as Error);
    }
  }
}
