import { Injectable, Logger, type OnApplicationShutdown, type OnModuleInit } from '@nestjs/common';
import pg from 'pg';
import { DataSource } from 'typeorm';
import { connectionOptionsOf } from './data-source.js';

const FIRST_RETRY_MS = 100;
const LONGEST_RETRY_MS = 5_000;
/** A connection whose other end vanished answers nothing and reports nothing: it is found out within 4 s. */
const CHECK_EVERY_MS = 2_000;
const CHECK_TIMEOUT_MS = 2_000;

export type NotificationHandler = (payload: string) => void;
export type ConnectionHandler = (isConnected: boolean) => void;

/**
 * Hears PostgreSQL's notifications on one connection of its own. While it is down nothing is heard and nothing is kept:
 * whoever relies on it must poll, and must assume that anything may have happened when it comes back.
 */
@Injectable()
export class Listener implements OnModuleInit, OnApplicationShutdown {
  private readonly logger = new Logger(Listener.name);
  private readonly handlers = new Map<string, Set<NotificationHandler>>();
  private readonly connectionHandlers = new Set<ConnectionHandler>();
  private client: pg.Client | null = null;
  private connected = false;
  private stopped = false;
  private asking: Promise<void> = Promise.resolve();
  private retryMs = FIRST_RETRY_MS;
  private retryTimer: NodeJS.Timeout | undefined;
  private checkTimer: NodeJS.Timeout | undefined;

  constructor(private readonly dataSource: DataSource) {}

  get isConnected(): boolean {
    return this.connected;
  }

  /** Connects; when that fails it goes on trying behind the start, which does not need it. */
  async onModuleInit(): Promise<void> {
    await this.connect();
  }

  async onApplicationShutdown(): Promise<void> {
    this.stopped = true;
    clearTimeout(this.retryTimer);
    const client = this.client;
    this.lose(client);
    await client?.end().catch(() => undefined);
  }

  /** Calls `handler` with every payload on `channel`, a plain lower-case name. Returns how to stop. */
  on(channel: string, handler: NotificationHandler): () => void {
    if (!/^[a-z_][a-z0-9_]{0,62}$/.test(channel)) throw new Error(`${channel} is no name of a channel.`);
    const handlers = this.handlers.get(channel) ?? new Set();
    handlers.add(handler);
    if (!this.handlers.has(channel)) {
      this.handlers.set(channel, handlers);
      if (this.connected) void this.ask(this.client!, `LISTEN ${channel}`);
    }
    return () => handlers.delete(handler);
  }

  /** Calls `handler` whenever the connection is made or lost. Returns how to stop. */
  onConnectionChange(handler: ConnectionHandler): () => void {
    this.connectionHandlers.add(handler);
    return () => this.connectionHandlers.delete(handler);
  }

  private async connect(): Promise<void> {
    this.asking = Promise.resolve();
    const client = new pg.Client({ ...connectionOptionsOf(this.dataSource), application_name: 'signalpost listener' });
    this.client = client;
    client.on('error', () => this.lose(client));
    client.on('end', () => this.lose(client));
    client.on('notification', ({ channel, payload }) => this.dispatch(channel, payload ?? ''));
    try {
      await client.connect();
      for (const channel of this.handlers.keys()) await client.query(`LISTEN ${channel}`);
    } catch {
      this.lose(client);
      return;
    }
    if (this.client !== client) return;
    this.retryMs = FIRST_RETRY_MS;
    this.setConnected(true);
    this.scheduleCheck(client);
  }

  private scheduleCheck(client: pg.Client): void {
    this.checkTimer = setTimeout(() => {
      const deadline = setTimeout(() => this.lose(client), CHECK_TIMEOUT_MS);
      void this.ask(client, 'SELECT 1').finally(() => {
        clearTimeout(deadline);
        if (this.client === client) this.scheduleCheck(client);
      });
    }, CHECK_EVERY_MS);
    this.checkTimer.unref();
  }

  /** Sends one statement at a time, as the driver wants it; one that fails costs the connection. */
  private ask(client: pg.Client, statement: string): Promise<void> {
    this.asking = this.asking
      .then(() => client.query(statement))
      .then(
        () => undefined,
        () => this.lose(client),
      );
    return this.asking;
  }

  /** Every way to lose the connection ends here, once a connection. */
  private lose(client: pg.Client | null): void {
    if (client === null || this.client !== client) return;
    this.client = null;
    clearTimeout(this.checkTimer);
    this.setConnected(false);
    if (this.stopped) return;
    client.end().catch(() => undefined);
    this.retryTimer = setTimeout(() => void this.connect(), this.retryMs * (0.5 + Math.random() / 2));
    this.retryMs = Math.min(this.retryMs * 2, LONGEST_RETRY_MS);
  }

  private setConnected(connected: boolean): void {
    if (this.connected === connected) return;
    this.connected = connected;
    if (!connected && !this.stopped) this.logger.warn('The LISTEN connection was lost; polling until it is back.');
    for (const handler of this.connectionHandlers) this.guarded(() => handler(connected));
  }

  private dispatch(channel: string, payload: string): void {
    for (const handler of this.handlers.get(channel) ?? []) this.guarded(() => handler(payload));
  }

  /** One handler's error must reach neither the others nor the driver. */
  private guarded(call: () => void): void {
    try {
      call();
    } catch (error) {
      this.logger.error('A handler of a notification failed.', (error as Error).stack);
    }
  }
}
