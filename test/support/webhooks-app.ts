import { Global, Module, type CanActivate, type ExecutionContext, type Provider, type Type } from '@nestjs/common';
import { MODULE_METADATA } from '@nestjs/common/constants.js';
import { APP_GUARD } from '@nestjs/core';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { Test } from '@nestjs/testing';
import type { FastifyRequest } from 'fastify';
import type { DataSource } from 'typeorm';
import type { TenantCaller } from '../../src/auth/caller.js';
import { Clock } from '../../src/common/clock.js';
import { HealthModule } from '../../src/common/health/health.module.js';
import { createAdapter } from '../../src/common/http/adapter.js';
import { configureHttp } from '../../src/common/http/configure-http.js';
import { createLogger } from '../../src/common/logging.js';
import { Metrics } from '../../src/common/metrics/metrics.js';
import { AppConfig } from '../../src/config/app-config.js';
import { Database } from '../../src/database/database.js';
import { Idempotency } from '../../src/database/idempotency.js';
import { IdempotencyRepository } from '../../src/database/idempotency.repository.js';
import { LogWriter } from '../../src/logs/log-writer.js';
import { HostResolver, ResolutionError, type ResolvedAddress } from '../../src/webhooks/sending/host-resolver.js';
import { WebhooksModule } from '../../src/webhooks/webhooks.module.js';

/** The caller that the guard of this application lets in, from the header `caller`: account/mode. */
class HeaderGuard implements CanActivate {
  canActivate(context: ExecutionContext): boolean {
    const request = context.switchToHttp().getRequest<FastifyRequest & { caller?: TenantCaller }>();
    const [accountId, mode] = String(request.headers.caller).split('/');
    request.caller = {
      kind: 'secret',
      accountId: accountId!,
      mode: mode as TenantCaller['mode'],
      apiKeyId: '0198c0de-0000-7000-8000-00000000000a',
      actorName: 'Secret key',
      adminKeyName: null,
      scopes: null,
      locale: 'en',
      livePublishing: false,
      ip: '203.0.113.9',
    };
    return true;
  }
}

/** DNS as a test says: names that it does not know do not exist. */
export class FakeDns extends HostResolver {
  readonly addresses = new Map<string, string[]>();

  async resolve(hostname: string): Promise<ResolvedAddress[]> {
    const addresses = this.addresses.get(hostname);
    if (!addresses) throw new ResolutionError('The host name does not exist in DNS.');
    return addresses.map((address) => ({ address, family: address.includes(':') ? 6 : 4 }));
  }
}

/** What the module declares, without its imports, which bring the real guard. */
function declared(what: string): Provider[] {
  return Reflect.getMetadata(what, WebhooksModule) as Provider[];
}

/** The webhooks module alone over a database: routes and rules are its own, the caller is taken on trust. */
export async function startWebhooksApp(
  config: AppConfig,
  dataSource: DataSource,
  dns: HostResolver,
): Promise<NestFastifyApplication> {
  @Global()
  @Module({
    imports: [HealthModule],
    providers: [
      Metrics,
      Clock,
      { provide: AppConfig, useValue: config },
      { provide: Database, useValue: new Database(dataSource) },
      Idempotency,
      IdempotencyRepository,
      { provide: APP_GUARD, useClass: HeaderGuard },
    ],
    exports: [Clock, AppConfig, Database, Idempotency],
  })
  class GroundModule {}
  const module = await Test.createTestingModule({
    imports: [GroundModule],
    controllers: declared(MODULE_METADATA.CONTROLLERS) as Type[],
    providers: [...declared(MODULE_METADATA.PROVIDERS), LogWriter],
  })
    .overrideProvider(HostResolver)
    .useValue(dns)
    .compile();
  const logger = createLogger({ level: 'silent' });
  const app = module.createNestApplication<NestFastifyApplication>(createAdapter({ trustProxy: [] }));
  app.useLogger(logger);
  configureHttp(app, logger);
  await app.listen(0, '127.0.0.1');
  return app;
}
