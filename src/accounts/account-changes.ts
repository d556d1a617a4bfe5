import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import { Database, type Statement } from '../database/database.js';
import { Listener } from '../database/listener.js';

/** Tells every process that an account or one of its keys changed; the payload is the account's uuid. */
export const ACCOUNT_CHANGES_CHANNEL = 'signalpost_keys';

/** How long what was read of keys and accounts may be remembered: changes are announced, so only as a last resort. */
const MEMORY_MS = 60_000;
/** While announcements cannot be heard, this bounds how long a revoked key lives. */
const DEAF_MEMORY_MS = 2_000;

const NOTIFY: Statement = {
  name: 'accounts.notify_change',
  text: `SELECT pg_notify('${ACCOUNT_CHANGES_CHANNEL}', $1)`,
};

/** The account that changed, or null when any may have: announcements may have been missed. */
export type AccountChangeHandler = (accountId: string | null) => void;

/** Announces and hears changes of accounts and of their keys, in every process of the service. */
@Injectable()
export class AccountChanges {
  private readonly handlers = new Set<AccountChangeHandler>();

  constructor(
    private readonly database: Database,
    private readonly listener: Listener,
  ) {
    listener.on(ACCOUNT_CHANGES_CHANNEL, (accountId) => this.emit(accountId));
    // Lost: from here on nothing is heard. Back: what happened in between was not heard.
    listener.onConnectionChange(() => this.emit(null));
  }

  /** How long an answer read now may be remembered, in milliseconds. */
  get memoryMs(): number {
    return this.listener.isConnected ? MEMORY_MS : DEAF_MEMORY_MS;
  }

  /** Returns the function that ends the subscription. */
  subscribe(handler: AccountChangeHandler): () => void {
    this.handlers.add(handler);
    return () => this.handlers.delete(handler);
  }

  /** A statement of its own in the transaction that changes the account or a key: heard when it commits. */
  async announce(accountId: string, manager: EntityManager): Promise<void> {
    await this.database.rows(NOTIFY, [accountId], manager);
  }

  /** After that commit: this process forgets at once, so that its own next request sees what it changed. */
  apply(accountId: string): void {
    this.emit(accountId);
  }

  private emit(accountId: string | null): void {
    for (const handler of this.handlers) handler(accountId);
  }
}
