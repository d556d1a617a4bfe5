import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import { Database, type Statement } from '../database/database.js';
import type { EventType } from './built-in-event-types.js';

export interface EventTypeRow {
  readonly type: string;
  readonly description: string;
  readonly schema: object | null;
  readonly sample: object | null;
  readonly retired: boolean;
  readonly created_at: Date;
}

/** Tells every process that the registered types changed; the payload says nothing. */
export const EVENT_TYPES_CHANNEL = 'signalpost_event_types';

/** What a registered type consists of besides its name and its age. */
export type EventTypeFields = Omit<EventTypeRow, 'type' | 'created_at'>;

const COLUMNS = 'type, description, schema, sample, retired, created_at';

// A table of the platform, small; read whole.
const READ_ALL: Statement = {
  name: 'event_types.read_all',
  text: `SELECT ${COLUMNS} FROM signalpost.event_types ORDER BY created_at DESC, type`,
};

/** Of two that register one name at once, the second waits and finds it taken. */
const INSERT: Statement = {
  name: 'event_types.insert',
  text: `INSERT INTO signalpost.event_types (type, description, schema, sample, retired) VALUES ($1, $2, $3, $4, $5)
         ON CONFLICT (type) DO NOTHING RETURNING ${COLUMNS}`,
};

/** Lock: the row, to the end of the transaction. */
const LOCK: Statement = {
  name: 'event_types.lock',
  text: `SELECT ${COLUMNS} FROM signalpost.event_types WHERE type = $1 FOR UPDATE`,
};

const UPDATE: Statement = {
  name: 'event_types.update',
  text: `UPDATE signalpost.event_types SET description = $2, schema = $3, sample = $4, retired = $5 WHERE type = $1
         RETURNING ${COLUMNS}`,
};

const DELETE: Statement = {
  name: 'event_types.delete',
  text: `DELETE FROM signalpost.event_types WHERE type = $1`,
};

// Over all accounts, without an index: a type is deleted once in its life.
const COUNT_ENDPOINTS: Statement = {
  name: 'event_types.count_endpoints',
  text: `SELECT count(*)::integer AS count FROM signalpost.webhook_endpoints
         WHERE $1 = ANY (event_types) AND deleted_at IS NULL`,
};

/** Told when the transaction commits. */
const NOTIFY: Statement = {
  name: 'event_types.notify',
  text: `SELECT pg_notify('${EVENT_TYPES_CHANNEL}', '')`,
};

@Injectable()
export class EventTypesRepository {
  constructor(private readonly database: Database) {}

  /** Every registered type, newest first. */
  readAll(): Promise<EventTypeRow[]> {
    return this.database.rows(READ_ALL, []);
  }

  /** Null when the name is taken. */
  async insert(type: string, fields: EventTypeFields, manager: EntityManager): Promise<EventTypeRow | null> {
    const [row] = await this.database.rows<EventTypeRow>(INSERT, [type, ...valuesOf(fields)], manager);
    return row ?? null;
  }

  async lock(type: string, manager: EntityManager): Promise<EventTypeRow | null> {
    const [row] = await this.database.rows<EventTypeRow>(LOCK, [type], manager);
    return row ?? null;
  }

  async update(type: string, fields: EventTypeFields, manager: EntityManager): Promise<EventTypeRow> {
    const [row] = await this.database.rows<EventTypeRow>(UPDATE, [type, ...valuesOf(fields)], manager);
    return row!;
  }

  async delete(type: string, manager: EntityManager): Promise<void> {
    await this.database.rows(DELETE, [type], manager);
  }

  /** How many endpoints, of whichever account, name the type itself. */
  async countEndpoints(type: string, manager: EntityManager): Promise<number> {
    const [row] = await this.database.rows<{ count: number }>(COUNT_ENDPOINTS, [type], manager);
    return row!.count;
  }

  async notify(manager: EntityManager): Promise<void> {
    await this.database.rows(NOTIFY, [], manager);
  }
}

export function toEventType({ created_at, ...row }: EventTypeRow): EventType {
  return { ...row, builtIn: false, createdAt: created_at };
}

function valuesOf({ description, schema, sample, retired }: EventTypeFields): unknown[] {
  return [description, jsonOf(schema), jsonOf(sample), retired];
}

function jsonOf(value: object | null): string | null {
  return value === null ? null : JSON.stringify(value);
}
