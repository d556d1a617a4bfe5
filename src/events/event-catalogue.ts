import { Injectable, Logger, type OnModuleInit } from '@nestjs/common';
import { Interval } from '@nestjs/schedule';
import { AppError, type FieldError } from '../common/app-error.js';
import { OPERATION_EVENT_TYPES } from '../common/event-type-names.js';
import { Listener } from '../database/listener.js';
import { BUILT_IN_TYPES, type EventType } from './built-in-event-types.js';
import { editDistance } from './edit-distance.js';
import { EVENT_TYPES_CHANNEL, EventTypesRepository, toEventType } from './event-types.repository.js';
import { DataSchema } from './schemas/data-schema.js';

const REFRESH_MS = 5_000;

interface RegisteredSchema {
  readonly text: string;
  readonly compiled: DataSchema;
}

/** The types of events that exist, held in this process; follows the table within moments of a change. */
@Injectable()
export class EventCatalogue implements OnModuleInit {
  private readonly logger = new Logger(EventCatalogue.name);
  private types: ReadonlyMap<string, EventType> = new Map(BUILT_IN_TYPES.map((type) => [type.type, type]));
  private schemas: ReadonlyMap<string, RegisteredSchema> = new Map();
  private refreshing: Promise<void> | null = null;

  constructor(
    private readonly repository: EventTypesRepository,
    listener: Listener,
  ) {
    listener.on(EVENT_TYPES_CHANNEL, () => void this.refreshQuietly());
    listener.onConnectionChange((isConnected) => isConnected && void this.refreshQuietly());
  }

  async onModuleInit(): Promise<void> {
    await this.refresh();
  }

  find(type: string): EventType | null {
    return this.types.get(type) ?? null;
  }

  /**
   * What the type's schema finds wrong with `data`; empty: nothing, or no schema. Those of the built-in types describe
   * what is customary and refuse nothing: what the platform tells of its operations is its own.
   */
  dataErrors(type: string, data: object): FieldError[] {
    try {
      return this.schemas.get(type)?.compiled.errorsOf(data) ?? [];
    } catch (error) {
      // Registering refuses such a schema; a hand in the table does not.
      throw new AppError('internal', `The schema of ${type} does not compile.`, { cause: error });
    }
  }

  /** All types, newest first; the built-in ones last. */
  list(): EventType[] {
    return [...this.types.values()];
  }

  /** Up to three names that someone who wrote `type` may have meant, of those that can be published. */
  nearest(type: string): string[] {
    const farthest = Math.max(3, Math.floor(type.length / 2));
    return this.list()
      .filter(({ type: name, builtIn, retired }) => !retired && (!builtIn || isPublishable(name)))
      .map(({ type: name }) => ({ name, distance: editDistance(type.slice(0, 64), name) }))
      .filter(({ distance }) => distance <= farthest)
      .sort((one, other) => one.distance - other.distance || (one.name < other.name ? -1 : 1))
      .slice(0, 3)
      .map(({ name }) => name);
  }

  /** Reads the table; what a change of this process must wait for before it answers. */
  async refresh(): Promise<void> {
    // A read under way may have begun before the change: wait for it, then read again.
    while (this.refreshing !== null) await this.refreshing.catch(() => undefined);
    this.refreshing = this.read();
    try {
      await this.refreshing;
    } finally {
      this.refreshing = null;
    }
  }

  @Interval('event-catalogue', REFRESH_MS)
  async refreshQuietly(): Promise<void> {
    await this.refresh().catch((error: Error) => this.logger.warn(`Event types were not read: ${error.message}`));
  }

  private async read(): Promise<void> {
    const registered = (await this.repository.readAll()).map(toEventType);
    this.types = new Map([...registered, ...BUILT_IN_TYPES].map((type) => [type.type, type]));
    this.schemas = new Map(
      registered.flatMap(({ type, schema }) => (schema === null ? [] : [[type, this.keepSchema(type, schema)]])),
    );
  }

  /** What was compiled for the same revision of the type is kept. */
  private keepSchema(type: string, schema: object): RegisteredSchema {
    const text = JSON.stringify(schema);
    const known = this.schemas.get(type);
    return known?.text === text ? known : { text, compiled: new DataSchema(schema) };
  }
}

function isPublishable(name: string): boolean {
  return (OPERATION_EVENT_TYPES as readonly string[]).includes(name);
}
