import { Logger } from '@nestjs/common';
import type { Logger as OrmLogger } from 'typeorm';

/** TypeORM's warnings go to the service's log; statements and their parameters, which hold customers' data, nowhere. */
export class QuietOrmLogger implements OrmLogger {
  private readonly logger = new Logger('Database');

  log(level: 'log' | 'info' | 'warn', message: unknown): void {
    if (level === 'warn') this.logger.warn(message);
  }

  logQuery(): void {}
  logQueryError(): void {}
  logQuerySlow(): void {}
  logSchemaBuild(): void {}
  logMigration(): void {}
}
