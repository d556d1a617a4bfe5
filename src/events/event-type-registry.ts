import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import { AppError } from '../common/app-error.js';
import { BUILT_IN_EVENT_TYPES } from '../common/event-type-names.js';
import type { EventType } from './built-in-event-types.js';
import { eventTypeProblems } from './event-type-rules.js';
import {
  EventTypesRepository,
  toEventType,
  type EventTypeFields,
  type EventTypeRow,
} from './event-types.repository.js';

const BUILT_IN: ReadonlySet<string> = new Set(BUILT_IN_EVENT_TYPES);

/**
 * Registers, changes and deletes the platform's own event types, in the transaction of whoever asks, and tells every
 * process when it commits. Whoever must see the change in this process refreshes the catalogue after the commit.
 */
@Injectable()
export class EventTypeRegistry {
  constructor(private readonly repository: EventTypesRepository) {}

  /** @throws AppError 409 `event_type_exists`; 422 for a schema or a sample that does not do. */
  async create(type: string, fields: EventTypeFields, manager: EntityManager): Promise<EventType> {
    refuse(eventTypeProblems(type, fields));
    const row = BUILT_IN.has(type) ? null : await this.repository.insert(type, fields, manager);
    if (row === null) throw new AppError('event_type_exists', `There is an event type ${type}.`);
    await this.repository.notify(manager);
    return toEventType(row);
  }

  /** @throws AppError 404; 409 `event_type_built_in`; 422 as `create`, for a kept sample and a new schema too. */
  async change(type: string, change: Partial<EventTypeFields>, manager: EntityManager): Promise<EventType> {
    const { description, schema, sample, retired } = await this.lock(type, manager);
    const fields: EventTypeFields = {
      description: change.description ?? description,
      schema: change.schema === undefined ? schema : change.schema,
      sample: change.sample === undefined ? sample : change.sample,
      retired: change.retired ?? retired,
    };
    if (change.schema !== undefined || change.sample !== undefined) refuse(eventTypeProblems(type, fields));
    const row = await this.repository.update(type, fields, manager);
    await this.repository.notify(manager);
    return toEventType(row);
  }

  /** Its events stay readable. @throws AppError 404; 409 `event_type_built_in`, `event_type_in_use`. */
  async delete(type: string, manager: EntityManager): Promise<void> {
    await this.lock(type, manager);
    const count = await this.repository.countEndpoints(type, manager);
    if (count > 0) {
      const who = count === 1 ? '1 webhook endpoint names' : `${count} webhook endpoints name`;
      throw new AppError('event_type_in_use', `${who} ${type}; retire it instead.`);
    }
    await this.repository.delete(type, manager);
    await this.repository.notify(manager);
  }

  private async lock(type: string, manager: EntityManager): Promise<EventTypeRow> {
    if (BUILT_IN.has(type)) throw new AppError('event_type_built_in', `${type} is built in and cannot be changed.`);
    const row = await this.repository.lock(type, manager);
    if (row === null) throw new AppError('not_found', 'There is no such event type.');
    return row;
  }
}

function refuse(problems: ReturnType<typeof eventTypeProblems>): void {
  if (problems.length > 0) throw AppError.invalid(problems);
}
