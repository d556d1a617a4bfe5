import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import { Database } from '../database/database.js';
import type { EventType } from '../events/built-in-event-types.js';
import { EventTypeRegistry } from '../events/event-type-registry.js';
import { type AdminAction, AdminJournal } from './admin-journal.js';
import type { ChangeEventTypeBody, CreateEventTypeBody } from './event-types.dto.js';

/** What the platform does to its event types, each with its log. */
@Injectable()
export class EventTypeAdmin {
  constructor(
    private readonly registry: EventTypeRegistry,
    private readonly journal: AdminJournal,
    private readonly database: Database,
  ) {}

  /** @throws AppError as `EventTypeRegistry.create`. */
  async create(action: AdminAction, body: CreateEventTypeBody, manager: EntityManager): Promise<EventType> {
    const { type, description, schema, sample } = body;
    const created = await this.registry.create(type, { description, schema, sample, retired: false }, manager);
    await this.journal.eventType('created', action, type, [], manager);
    return created;
  }

  /** @throws AppError as `EventTypeRegistry.change`. */
  change(action: AdminAction, type: string, body: ChangeEventTypeBody): Promise<EventType> {
    const { description, schema, sample, retired } = body;
    const change = { description, schema, sample, retired };
    const changed = Object.entries(change).flatMap(([field, value]) => (value === undefined ? [] : [field]));
    return this.database.transaction(async (manager) => {
      const after = await this.registry.change(type, change, manager);
      await this.journal.eventType(retired === true ? 'retired' : 'updated', action, type, changed, manager);
      return after;
    });
  }

  /** @throws AppError as `EventTypeRegistry.delete`. */
  async delete(action: AdminAction, type: string): Promise<void> {
    await this.database.transaction(async (manager) => {
      await this.registry.delete(type, manager);
      await this.journal.eventType('deleted', action, type, [], manager);
    });
  }
}
