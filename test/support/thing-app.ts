import {
  Controller,
  Get,
  Global,
  HttpCode,
  Injectable,
  Module,
  Post,
  Query,
  Body,
  type CanActivate,
  type ExecutionContext,
} from '@nestjs/common';
import { APP_GUARD } from '@nestjs/core';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import type { FastifyRequest } from 'fastify';
import request from 'supertest';
import { AppError } from '../../src/common/app-error.js';
import {
  ArrayField,
  BooleanField,
  EnumField,
  IdField,
  IntegerField,
  MapField,
  ObjectField,
  StringField,
  TimeField,
} from '../../src/common/fields.js';
import { HealthModule } from '../../src/common/health/health.module.js';
import { IdParam } from '../../src/common/http/id-param.decorator.js';
import { BodyLimit, JsonBody } from '../../src/common/http/json-body.decorator.js';
import { createLogger } from '../../src/common/logging.js';
import { Metrics } from '../../src/common/metrics/metrics.js';
import { PageQuery, toPage, type Page } from '../../src/common/pagination.js';
import { servePlainly } from './plain-app.js';

class Part {
  @IntegerField({ description: 'Amount.', example: 1 })
  amount!: number;

  @StringField({ description: 'Name.', example: 'a', optional: true, nullable: true, maxLength: 5 })
  name?: string | null;
}

class ThingBody {
  @ObjectField(() => Part, { description: 'Part.', example: {} })
  part!: Part;

  @ArrayField(() => Part, { description: 'Parts.', example: [], optional: true, maxItems: 2 })
  parts?: Part[];

  @EnumField({ description: 'Kinds.', example: ['a'], values: ['a', 'b'], isArray: true, unique: true, optional: true })
  kinds?: string[];

  @TimeField({ description: 'When.', example: '2026-01-01T00:00:00Z', optional: true })
  at?: string;

  @MapField({ description: 'Metadata.', example: {}, optional: true, maxPairs: 2 })
  metadata?: Record<string, string>;
}

class OptionalBody {
  @IntegerField({ description: 'Seconds.', example: 0, maximum: 60, optional: true })
  expire_in = 0;
}

class ThingQuery extends PageQuery {
  @StringField({ description: 'Types.', example: 'a', isArray: true, optional: true })
  type?: string[];

  @TimeField({ description: 'From.', example: '2026-01-01T00:00:00Z', optional: true })
  created_after?: string;

  @BooleanField({ description: 'Dry.', example: true, optional: true })
  dry_run?: boolean;

  @IdField('evt', { description: 'Event.', example: 'evt_01k96sd3k8e2r9wq6m4h0v5xtz', optional: true })
  event_id?: string;
}

@Controller()
class ThingController {
  @Get('/v1/things')
  list(@Query() query: ThingQuery): { query: ThingQuery; page: Page } {
    return { query, page: toPage(query, 'evt') };
  }

  @Post('/v1/things')
  create(@JsonBody(ThingBody) body: ThingBody): object {
    return { body };
  }

  @Post('/v1/plain')
  createPlainly(@Body() body: ThingBody): object {
    return { body };
  }

  @Get('/v1/things/:id')
  get(@IdParam('evt') id: string): object {
    return { id };
  }

  @Post('/v1/things/:id/rotate')
  rotate(@JsonBody(OptionalBody) body: OptionalBody): object {
    return body;
  }

  @Post('/v1/things/:id/cancel')
  @HttpCode(200)
  cancel(): object {
    return {};
  }

  @Post('/v1/large')
  @BodyLimit(1_000_000)
  large(@JsonBody() body: unknown): object {
    return { length: JSON.stringify(body).length };
  }

  @Get('/v1/broken')
  broken(): never {
    throw new Error('relation "secret_table" does not exist');
  }

  @Get('/v1/away')
  away(): never {
    throw Object.assign(new Error('terminating connection due to administrator command'), { code: '57P01' });
  }
}

@Injectable()
class KeyGuard implements CanActivate {
  canActivate(context: ExecutionContext): boolean {
    const { headers } = context.switchToHttp().getRequest<FastifyRequest>();
    if (headers.authorization !== 'Bearer good') throw new AppError('missing_api_key');
    return true;
  }
}

@Global()
@Module({
  imports: [HealthModule],
  controllers: [ThingController],
  providers: [Metrics, { provide: APP_GUARD, useClass: KeyGuard }],
})
class ThingModule {}

export const goodId = 'evt_01k96sd3k8e2r9wq6m4h0v5xtz';

/** A small application on the real adapter, filter, pipe and guards, whose only key is `good`. */
export class ThingApp {
  /** Everything the process logged. */
  logged = '';
  app!: NestFastifyApplication;

  async start(): Promise<void> {
    const logger = createLogger({ level: 'info', destination: { write: (line) => void (this.logged += line) } });
    this.app = await servePlainly(ThingModule, logger);
  }

  call(method: 'get' | 'post' | 'delete' | 'patch' | 'options', path: string): request.Test {
    return request(this.app.getHttpServer())[method](path);
  }

  post(path: string, body: string, type = 'application/json'): request.Test {
    return this.call('post', path).set('authorization', 'Bearer good').set('content-type', type).send(body);
  }

  get(path: string): request.Test {
    return this.call('get', path).set('authorization', 'Bearer good');
  }
}
