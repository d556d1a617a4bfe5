import { Global, Module } from '@nestjs/common';
import { Clock } from '../common/clock.js';
import { Idempotency } from './idempotency.js';
import { IdempotencyUpkeep } from './idempotency-upkeep.js';
import { IdempotencyRepository } from './idempotency.repository.js';

/** For every module with a POST; the roots import it beside `DatabaseModule`. */
@Global()
@Module({
  providers: [Clock, Idempotency, IdempotencyRepository, IdempotencyUpkeep],
  exports: [Idempotency],
})
export class IdempotencyModule {}
