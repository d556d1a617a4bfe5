import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import { Clock } from '../common/clock.js';
import type { AccountStatus, Locale } from './account.js';
import { AccountBoundCache } from './account-bound-cache.js';
import { AccountChanges } from './account-changes.js';
import { AccountsRepository } from './accounts.repository.js';

/** What requests need to know of an account. */
export interface AccountSettings {
  readonly id: string;
  readonly name: string;
  readonly status: AccountStatus;
  readonly locale: Locale;
  readonly livePublishing: boolean;
}

const REMEMBERED_ACCOUNTS = 50_000;

/** Accounts by id, remembered in this process until they change. */
@Injectable()
export class AccountDirectory {
  private readonly cache = new AccountBoundCache<AccountSettings>(REMEMBERED_ACCOUNTS);

  constructor(
    private readonly repository: AccountsRepository,
    private readonly changes: AccountChanges,
    private readonly clock: Clock,
  ) {
    changes.subscribe((accountId) => {
      if (accountId === null) this.cache.dropAll();
      else this.cache.dropAccount(accountId);
    });
  }

  /**
   * The account of this uuid, without a promise when it is remembered; null when there is none. Inside a transaction by
   * its `manager`: whoever holds a connection and waits for another may wait for ever.
   */
  find(accountId: string, manager?: EntityManager): AccountSettings | Promise<AccountSettings | null> {
    return this.cache.get(accountId, this.clock.monotonicMs()) ?? this.read(accountId, manager);
  }

  private async read(accountId: string, manager?: EntityManager): Promise<AccountSettings | null> {
    const { generation } = this.cache;
    const account = await this.repository.find(accountId, manager);
    if (!account) return null;
    const { id, name, status, locale, livePublishing } = account;
    const settings: AccountSettings = { id, name, status, locale, livePublishing };
    this.cache.set(id, id, settings, this.clock.monotonicMs() + this.changes.memoryMs, generation);
    return settings;
  }
}
