import { Catch, HttpException, NotFoundException, type ArgumentsHost, type ExceptionFilter } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Logger } from 'pino';
import { AppError } from '../app-error.js';
import { Clock } from '../clock.js';
import { RepeatedWarning } from '../repeated-warning.js';
import { fromFastifyError } from './framework-errors.js';
import { routeOf } from './request.js';
import { sendProblem } from './send-problem.js';
import { isDatabaseUnavailable } from './unavailable.js';

/** The one way out for errors: what the caller may know goes out as a problem, the rest stays in the log. */
@Catch()
export class ProblemFilter implements ExceptionFilter {
  /** Every request fails while the database is away: the line of each request says so, this says why. */
  private readonly unavailable: RepeatedWarning;

  constructor(private readonly logger: Logger) {
    this.unavailable = new RepeatedWarning((message) => logger.warn(message), new Clock());
  }

  catch(error: unknown, host: ArgumentsHost): void {
    const http = host.switchToHttp();
    const request = http.getRequest<FastifyRequest>();
    const reply = http.getResponse<FastifyReply>();
    const problem = this.toAppError(error, request);
    if (reply.sent || reply.raw.headersSent) {
      request.problemCode = problem.code;
      // Half an answer is out: to break the connection is the only way left to say that it is not whole.
      if (!reply.raw.writableEnded) reply.raw.destroy();
      return;
    }
    sendProblem(request, reply, problem);
  }

  private toAppError(error: unknown, request: FastifyRequest): AppError {
    if (error instanceof AppError) return error;
    if (error instanceof NotFoundException) return new AppError('not_found');
    if (request.raw.destroyed && !request.raw.complete) return new AppError('malformed_request');
    const refused = fromFastifyError(toStatusError(error));
    if (refused !== null) return refused;
    const entry = { err: error, request_id: request.id, route: routeOf(request), method: request.method };
    if (isDatabaseUnavailable(error)) {
      this.unavailable.warn(
        `The database cannot answer ${request.method} ${routeOf(request)}: ${(error as Error).message}`,
      );
      return new AppError('unavailable', undefined, { headers: { 'retry-after': '1' }, cause: error });
    }
    this.logger.error(entry, 'A request failed by a fault of ours');
    return new AppError('internal', undefined, { cause: error });
  }
}

/** Nest's own exceptions say their status by a method, Fastify's by a property that drivers' errors do not have. */
function toStatusError(error: unknown): { statusCode?: number } {
  if (error instanceof HttpException) return { statusCode: error.getStatus() };
  if (error instanceof Error && error.name === 'FastifyError') return error as { statusCode?: number };
  return {};
}
