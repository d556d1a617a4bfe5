import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import type { SignalpostLogger } from '../logging.js';
import { registerErrorPage } from '../docs/error-page.js';
import { registerHealthRoutes } from '../health/health-routes.js';
import { Readiness } from '../health/readiness.js';
import { Metrics } from '../metrics/metrics.js';
import { recordRequests } from './access-log.js';
import { InputPipe } from './input.pipe.js';
import { ProblemFilter } from './problem.filter.js';
import { UndeclaredInputGuard } from './undeclared-input.guard.js';

/**
 * What every application of the service has in front of and behind its routes. To be called once, after the
 * application is created on `createAdapter` and before it is initialised: global guards run in the order in which they
 * are given, and this one must come after those of the modules.
 */
export function configureHttp(app: NestFastifyApplication, logger: SignalpostLogger): void {
  const instance = app.getHttpAdapter().getInstance();
  app.useGlobalFilters(new ProblemFilter(logger.pino));
  app.useGlobalPipes(new InputPipe());
  app.useGlobalGuards(new UndeclaredInputGuard());
  recordRequests(instance, logger.pino, app.get(Metrics, { strict: false }));
  registerHealthRoutes(instance, app.get(Readiness, { strict: false }));
  registerErrorPage(instance);
}
