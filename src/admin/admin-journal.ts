import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import type { AccountEntity } from '../accounts/account.entity.js';
import type { Caller } from '../auth/caller.js';
import { encodeId, NIL_ACCOUNT } from '../common/ids.js';
import { describeAccount } from '../logs/descriptions.js';
import { logActorOf } from '../logs/log.js';
import { LogWriter } from '../logs/log-writer.js';

/** Who changes accounts, and in which request; a caller of null is the service itself. */
export interface AdminAction {
  readonly caller: Caller | null;
  readonly requestId: string | null;
}

type AccountAction = 'created' | 'updated' | 'suspended' | 'reactivated';

/** The platform's own logs of what it does to accounts. */
@Injectable()
export class AdminJournal {
  constructor(private readonly logs: LogWriter) {}

  async account(
    what: AccountAction,
    { caller, requestId }: AdminAction,
    account: AccountEntity,
    changed: readonly string[],
    manager: EntityManager,
  ): Promise<void> {
    const log = {
      accountId: NIL_ACCOUNT,
      mode: null,
      category: 'admin',
      action: `account.${what}`,
      status: 'succeeded',
      description: describeAccount('en', what, account.name, changed),
      requestId: requestId ?? undefined,
      actor: caller ? logActorOf(caller) : undefined,
      metadata: { account: encodeId('acct', account.id) },
    } as const;
    await this.logs.write([log], manager);
  }
}
