import type { Type } from '@nestjs/common';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { Test } from '@nestjs/testing';
import { createAdapter } from '../../src/common/http/adapter.js';
import { configureHttp } from '../../src/common/http/configure-http.js';
import { createLogger, type SignalpostLogger } from '../../src/common/logging.js';

/** A module of a test's own behind the adapter, filter and pipe of the service, where no route of ours would do. */
export async function servePlainly(
  module: Type,
  logger: SignalpostLogger = createLogger({ level: 'silent' }),
): Promise<NestFastifyApplication> {
  const compiled = await Test.createTestingModule({ imports: [module] }).compile();
  const app = compiled.createNestApplication<NestFastifyApplication>(createAdapter({ trustProxy: [] }));
  app.useLogger(logger);
  configureHttp(app, logger);
  await app.listen(0, '127.0.0.1');
  return app;
}
