import { mkdtempSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Get, Controller, Module, Query } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import request from 'supertest';
import { MetricsModule } from '../src/common/metrics/metrics.module.js';
import { MetricsServer } from '../src/common/metrics/metrics-server.js';
import { AppConfig } from '../src/config/app-config.js';
import { ConfigModule } from '../src/config/config.module.js';
import { runOpenApi } from '../src/common/docs/openapi-command.js';
import { setupDocs } from '../src/common/docs/setup-docs.js';
import { StringField } from '../src/common/fields.js';
import { HealthModule } from '../src/common/health/health.module.js';
import { createAdapter } from '../src/common/http/adapter.js';
import { configureHttp } from '../src/common/http/configure-http.js';
import { createLogger } from '../src/common/logging.js';
import { ApiListResponse, PageQuery } from '../src/common/pagination.js';

class ItemResponse {
  @StringField({ description: 'Name.', example: 'a', nullable: true })
  name!: string | null;
}

@Controller()
class FirstController {
  @Get('/v1/first')
  @ApiListResponse(ItemResponse)
  list(@Query() _query: PageQuery): object {
    return {};
  }
}

/** Stands for a database that is not there while the document is written. */
class Connection {
  constructor() {
    throw new Error('connected');
  }
}

@Controller()
class SecondController {
  constructor(readonly connection: Connection) {}

  @Get('/v1/second')
  get(): object {
    return {};
  }
}

const config = { host: '127.0.0.1', metricsPort: 0, trustProxy: [] as readonly string[] } as AppConfig;

@Module({ imports: [ConfigModule.forRoot(config), HealthModule, MetricsModule], controllers: [FirstController] })
class ServedModule {}

@Module({ providers: [Connection], controllers: [FirstController, SecondController] })
class OneOrder {}

@Module({ providers: [Connection], controllers: [SecondController, FirstController] })
class OtherOrder {}

describe('the document', () => {
  let app: NestFastifyApplication;

  beforeAll(async () => {
    app = await NestFactory.create<NestFastifyApplication>(ServedModule, createAdapter(config), { logger: false });
    configureHttp(app, createLogger({ level: 'silent' }));
    setupDocs(app);
    await app.listen(0, '127.0.0.1');
  });
  afterAll(() => app.close());

  it('is served as a page with its parts, and as JSON', async () => {
    const page = await request(app.getHttpServer()).get('/docs').expect(200);
    expect(page.text).toContain('swagger-ui');
    await request(app.getHttpServer()).get('/docs/swagger-ui-bundle.js').expect(200);
    await request(app.getHttpServer()).get('/docs/errors').expect(200);
    await request(app.getHttpServer()).get('/docs/package.json').expect(404);
    const response = await request(app.getHttpServer()).get('/openapi.json').expect(200);
    const { paths, components } = response.body as { paths: Record<string, object>; components: { schemas: object } };
    expect(Object.keys(paths)).toEqual(['/docs', '/docs/errors', '/healthz', '/openapi.json', '/readyz', '/v1/first']);
    expect(Object.keys(components.schemas)).toEqual(['ItemResponse', 'Problem', 'ProblemField']);
    const list = paths['/v1/first'] as { get: { parameters: { name: string; schema: object; required: boolean }[] } };
    expect(list.get.parameters.map(({ name }) => name)).toEqual(['limit', 'starting_after', 'ending_before']);
    expect(list.get.parameters[0]).toMatchObject({
      required: false,
      schema: { type: 'integer', minimum: 1, maximum: 100, default: 20 },
    });
  });

  it('is the same file for any order of modules, and needs nothing of what the routes need', async () => {
    const path = join(mkdtempSync(join(tmpdir(), 'signalpost-test-data-')), 'openapi', 'openapi.json');
    expect(await runOpenApi(OneOrder, path, true)).toBe('differs');
    expect(await runOpenApi(OneOrder, path, false)).toBe('written');
    expect(await runOpenApi(OtherOrder, path, true)).toBe('same');
    expect(await runOpenApi(ServedModule, path, true)).toBe('differs');
    expect(readFileSync(path, 'utf8')).toContain('"/v1/second"');
  });

  it('leaves metrics to a port of their own', async () => {
    await request(app.getHttpServer()).get('/metrics').expect(404);
    await request(app.getHttpServer()).get('/healthz').expect(200);
    const metrics = await request(`http://127.0.0.1:${app.get(MetricsServer).port}`)
      .get('/metrics')
      .expect(200);
    expect(metrics.text).toMatch(
      /http_request_duration_seconds_count\{method="GET",route="\/healthz",status="200"\} 1/,
    );
    expect(metrics.text).toContain('process_cpu_seconds_total');
  });
});
