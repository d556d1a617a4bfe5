import { Global, Module } from '@nestjs/common';
import { Idempotency } from './idempotency.js';
import { IdempotencyUpkeep } from './idempotency-upkeep.js';
import { IdempotencyRepository } from './idempotency.repository.js';

/** For every module with a POST; the roots import it beside `DatabaseModule`. */
@Global()
@Module({
  providers: [Idempotency, IdempotencyRepository, IdempotencyUpkeep],
  exports: [Idempotency],
})
export class IdempotencyModule {}
