import { Injectable } from '@nestjs/common';
import { Readiness } from '../common/health/readiness.js';
import { Database } from './database.js';

/** Lets `/readyz` fail while the database does not answer. */
@Injectable()
export class DatabaseReadiness {
  constructor(readiness: Readiness, database: Database) {
    readiness.addCheck('database', () => database.pool.query('SELECT 1'));
  }
}
