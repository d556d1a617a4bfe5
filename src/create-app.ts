import type { LoggerService } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import type { FastifyInstance } from 'fastify';
import type { DataSource } from 'typeorm';
import { AppModule } from './app.module.js';
import { AppError } from './common/app-error.js';
import { setupDocs } from './common/docs/setup-docs.js';
import { createAdapter } from './common/http/adapter.js';
import { configureHttp } from './common/http/configure-http.js';
import { createLogger, type SignalpostLogger } from './common/logging.js';
import type { AppConfig } from './config/app-config.js';

const NEST_CONTEXTS = new Set<unknown>([
  'InstanceLoader',
  'NestApplication',
  'NestFactory',
  'RouterExplorer',
  'RoutesResolver',
]);
const DISPATCHER_PATHS = ['/healthz', '/readyz'];

/**
 * The service as `main.ts`, tests and the OpenAPI command use it: configured, not yet listening. `dataSource` belongs
 * to the caller, who ends it after the application is closed; it need not be connected until `init` or `listen`.
 */
export async function createApp(
  config: AppConfig,
  dataSource: DataSource,
  logger: SignalpostLogger = createLogger({ level: config.logLevel }),
): Promise<NestFastifyApplication> {
  const adapter = createAdapter(config);
  if (config.role === 'dispatcher') serveHealthOnly(adapter.getInstance<FastifyInstance>());
  const app: NestFastifyApplication = await NestFactory.create(AppModule.forRoot(config, dataSource), adapter, {
    logger: withoutBootDetails(logger),
    // Whoever called decides what a failed start means.
    abortOnError: false,
  });
  configureHttp(app, logger);
  setupDocs(app);
  return app;
}

/** Nest's own account of its start, a line for every module and route, is left out. */
function withoutBootDetails(logger: SignalpostLogger): LoggerService {
  const quiet = Object.create(logger) as SignalpostLogger;
  quiet.log = (message: unknown, ...details: unknown[]) => {
    if (!NEST_CONTEXTS.has(details.at(-1))) logger.log(message, ...details);
  };
  return quiet;
}

/** A dispatcher has the modules of the service, but answers for nothing except its own health. */
function serveHealthOnly(instance: FastifyInstance): void {
  instance.addHook('onRequest', async (request) => {
    if (!DISPATCHER_PATHS.includes(request.url.split('?')[0]!)) throw new AppError('not_found');
  });
}
