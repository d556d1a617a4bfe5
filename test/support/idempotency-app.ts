import { Controller, Global, Module, Post, Req, Res, type CanActivate, type ExecutionContext } from '@nestjs/common';
import { APP_GUARD } from '@nestjs/core';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { DataSource } from 'typeorm';
import { AppError } from '../../src/common/app-error.js';
import { StringField } from '../../src/common/fields.js';
import { HealthModule } from '../../src/common/health/health.module.js';
import { JsonBody } from '../../src/common/http/json-body.decorator.js';
import { Metrics } from '../../src/common/metrics/metrics.js';
import { Database } from '../../src/database/database.js';
import { Idempotency } from '../../src/database/idempotency.js';
import { IdempotencyUpkeep } from '../../src/database/idempotency-upkeep.js';
import { IdempotencyRepository } from '../../src/database/idempotency.repository.js';
import { Singleton } from '../../src/database/singleton.js';
import { Clock } from '../../src/common/clock.js';
import { servePlainly } from './plain-app.js';

class NoteBody {
  @StringField({ description: 'Text.', example: 'a' })
  text!: string;
}

/** Lets a test hold the work of a request open, and see that it runs. */
export class Gate {
  private open: () => void = () => undefined;
  private enter: () => void = () => undefined;
  entered = new Promise<void>((resolve) => (this.enter = resolve));
  private readonly opened = new Promise<void>((resolve) => (this.open = resolve));

  async pass(): Promise<void> {
    this.enter();
    await this.opened;
  }

  release(): void {
    this.open();
  }
}

/** Set by a test for the next request whose text is `hold`. */
export const held: { gate: Gate | null } = { gate: null };

@Controller()
class NoteController {
  constructor(private readonly idempotency: Idempotency) {}

  @Post('/v1/notes')
  create(
    @JsonBody(NoteBody) body: NoteBody,
    @Req() request: FastifyRequest,
    @Res({ passthrough: true }) reply: FastifyReply,
  ) {
    return this.idempotency.run(request, reply, async (manager) => {
      if (body.text === 'hold') await held.gate!.pass();
      const rows: { id: number }[] = await manager.query('INSERT INTO notes (text) VALUES ($1) RETURNING id', [
        body.text,
      ]);
      if (body.text === 'conflict') throw new AppError('limit_reached');
      const note = { id: rows[0]!.id, text: body.text };
      return { status: 202, body: { ...note, secret: 'whsec_once' }, stored: { ...note, secret: null } };
    });
  }
}

/** Takes the caller from the request's `caller` header: account, mode and `admin` or `key`. */
class HeaderGuard implements CanActivate {
  canActivate(context: ExecutionContext): boolean {
    const request = context.switchToHttp().getRequest<FastifyRequest & { caller?: object }>();
    const [accountId, mode, kind] = String(request.headers.caller).split('/');
    request.caller = { accountId, mode, apiKeyId: null, adminKeyName: kind === 'admin' ? 'ops' : null };
    return true;
  }
}

/** An application with one idempotent route over a table `notes`. */
export async function startIdempotencyApp(dataSource: DataSource): Promise<NestFastifyApplication> {
  @Global()
  @Module({
    imports: [HealthModule],
    controllers: [NoteController],
    providers: [
      Metrics,
      Clock,
      { provide: Database, useValue: new Database(dataSource) },
      Singleton,
      Idempotency,
      IdempotencyRepository,
      IdempotencyUpkeep,
      { provide: APP_GUARD, useClass: HeaderGuard },
    ],
  })
  class NoteModule {}
  return servePlainly(NoteModule);
}
