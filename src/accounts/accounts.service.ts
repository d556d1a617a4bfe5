import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import { AppError } from '../common/app-error.js';
import { Clock } from '../common/clock.js';
import { newUuid } from '../common/ids.js';
import type { AccountEntity } from './account.entity.js';
import { AccountChanges } from './account-changes.js';
import { type AccountChange, type AccountPage, AccountsRepository, type NewAccount } from './accounts.repository.js';

@Injectable()
export class AccountsService {
  constructor(
    private readonly repository: AccountsRepository,
    private readonly changes: AccountChanges,
    private readonly clock: Clock,
  ) {}

  /** @throws AppError `not_found`. */
  async get(id: string, manager?: EntityManager): Promise<AccountEntity> {
    return existing(await this.repository.find(id, manager));
  }

  list(page: AccountPage): Promise<AccountEntity[]> {
    return this.repository.list(page);
  }

  /** Whether no account exists; until `manager` commits, no other process is told so. */
  claimFirst(manager: EntityManager): Promise<boolean> {
    return this.repository.claimFirst(manager);
  }

  /** @throws AppError `external_id_conflict`. */
  create(account: Omit<NewAccount, 'id'>, manager: EntityManager): Promise<AccountEntity> {
    return this.repository.insert({ ...account, id: newUuid(this.clock.now().getTime()) }, manager);
  }

  /** To be followed by `applyChange` after the commit. @throws AppError `not_found`, `external_id_conflict`. */
  async change(id: string, change: AccountChange, manager: EntityManager): Promise<AccountEntity> {
    const account = existing(await this.repository.update(id, change, manager));
    await this.changes.announce(id, manager);
    return account;
  }

  applyChange(id: string): void {
    this.changes.apply(id);
  }
}

function existing(account: AccountEntity | null): AccountEntity {
  if (!account) throw new AppError('not_found', 'There is no such account.');
  return account;
}
