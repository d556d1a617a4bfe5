import { Injectable } from '@nestjs/common';
import { Database, type Statement } from '../database/database.js';

export interface EventTypeRow {
  readonly type: string;
  readonly description: string;
  readonly schema: object | null;
  readonly sample: object | null;
  readonly retired: boolean;
  readonly created_at: Date;
}

// A table of the platform, small; read whole.
const READ_ALL: Statement = {
  name: 'event_types.read_all',
  text: `SELECT type, description, schema, sample, retired, created_at FROM signalpost.event_types
         ORDER BY created_at DESC, type`,
};

@Injectable()
export class EventTypesRepository {
  constructor(private readonly database: Database) {}

  /** Every registered type, newest first. */
  readAll(): Promise<EventTypeRow[]> {
    return this.database.rows(READ_ALL, []);
  }
}
