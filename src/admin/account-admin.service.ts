import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import type { AccountEntity } from '../accounts/account.entity.js';
import type { AccountChange } from '../accounts/accounts.repository.js';
import { AccountsService } from '../accounts/accounts.service.js';
import type { Mode } from '../auth/caller.js';
import { Database } from '../database/database.js';
import { type IssuedPair, KeyIssuer } from '../keys/key-issuer.js';
import { KeysService } from '../keys/keys.service.js';
import type { ChangeAccountBody, CreateAccountBody, CreatedAccount } from './accounts.dto.js';
import { type AdminAction, AdminJournal } from './admin-journal.js';

const MODES = ['test', 'live'] as const satisfies readonly Mode[];
/** One pair a mode, in the order of the answer. */
export type IssuedPairs = Readonly<Record<Mode, IssuedPair>>;

@Injectable()
export class AccountAdmin {
  constructor(
    private readonly accounts: AccountsService,
    private readonly issuer: KeyIssuer,
    private readonly keys: KeysService,
    private readonly journal: AdminJournal,
    private readonly database: Database,
  ) {}

  /** Hashes for some 60 ms, so before the transaction of `create`. */
  async issuePairs(): Promise<IssuedPairs> {
    const [test, live] = await Promise.all(MODES.map((mode) => this.issuer.issuePair(mode)));
    return { test: test!, live: live! };
  }

  /** The account, its ledgers and its keys, all or nothing. @throws AppError `external_id_conflict`. */
  async create(
    action: AdminAction,
    input: CreateAccountBody,
    pairs: IssuedPairs,
    manager: EntityManager,
  ): Promise<CreatedAccount> {
    const account = await this.accounts.create(
      {
        name: input.name,
        externalId: input.external_id,
        locale: input.locale,
        livePublishing: input.live_publishing,
        metadata: input.metadata,
      },
      manager,
    );
    const keys: CreatedAccount['keys'][number][] = [];
    for (const mode of MODES) {
      const pair = await this.keys.addFirstPair({ accountId: account.id, mode }, pairs[mode], manager);
      keys.push({ ...pair, issued: pairs[mode] });
    }
    await this.journal.account('created', action, account, [], manager);
    return { account, keys };
  }

  /** @throws AppError `not_found`, `external_id_conflict`. */
  async change(action: AdminAction, id: string, input: ChangeAccountBody): Promise<AccountEntity> {
    const account = await this.database.transaction((manager) => this.changeIn(manager, action, id, input));
    this.accounts.applyChange(id);
    return account;
  }

  private async changeIn(
    manager: EntityManager,
    action: AdminAction,
    id: string,
    input: ChangeAccountBody,
  ): Promise<AccountEntity> {
    const change: AccountChange = {
      name: input.name,
      externalId: input.external_id,
      locale: input.locale,
      livePublishing: input.live_publishing,
      status: input.status,
      metadata: input.metadata,
    };
    const before = await this.accounts.get(id, manager);
    const account = await this.accounts.change(id, change, manager);
    const changed = Object.entries(input).flatMap(([field, value]) =>
      value === undefined || field === 'status' ? [] : [field],
    );
    if (account.status === before.status) await this.journal.account('updated', action, account, changed, manager);
    else {
      const what = account.status === 'suspended' ? 'suspended' : 'reactivated';
      await this.journal.account(what, action, account, changed, manager);
    }
    return account;
  }
}
