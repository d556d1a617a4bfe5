import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import { AccountDirectory } from '../../accounts/account-directory.js';
import type { Tenant, TenantCaller } from '../../auth/caller.js';
import { encodeId } from '../../common/ids.js';
import { describeRecovery, type RecoveryAction } from '../../logs/descriptions.js';
import { logActorOf } from '../../logs/log.js';
import { LogWriter } from '../../logs/log-writer.js';

/** A request of a caller that begins or ends a recovery. */
export interface RecoveryAct {
  readonly caller: TenantCaller;
  readonly requestId: string;
}

/** What became of a recovery; `count` is how many it has to send, or has sent. */
export interface RecoveryNews {
  readonly action: RecoveryAction;
  readonly recoveryId: string;
  readonly endpointId: string;
  readonly url: string;
  readonly count: number;
}

const LOGGED = {
  started: ['recovery.started', 'info'],
  done: ['recovery.done', 'succeeded'],
  cancelled: ['recovery.cancelled', 'info'],
  cancelled_disabled: ['recovery.cancelled', 'failed'],
  cancelled_deleted: ['recovery.cancelled', 'failed'],
} as const satisfies Record<RecoveryAction, readonly [action: string, status: string]>;

/** Tells of recoveries in the account's log, in the transaction that begins or ends them. */
@Injectable()
export class RecoveryJournal {
  constructor(
    private readonly logs: LogWriter,
    private readonly accounts: AccountDirectory,
  ) {}

  /** `act`: null when the service itself ends it. */
  async record(
    { accountId, mode }: Tenant,
    act: RecoveryAct | null,
    { action, recoveryId, endpointId, url, count }: RecoveryNews,
    manager: EntityManager,
  ): Promise<void> {
    const locale = act?.caller.locale ?? (await this.accounts.find(accountId, manager))?.locale ?? 'en';
    const [name, status] = LOGGED[action];
    const log = {
      accountId,
      mode,
      category: 'webhook' as const,
      action: name,
      status,
      description: describeRecovery(locale, action, url, count),
      endpointId,
      metadata: { recovery_id: encodeId('rec', recoveryId) },
      ...(act && { apiKeyId: act.caller.apiKeyId, requestId: act.requestId, actor: logActorOf(act.caller) }),
    };
    await this.logs.write([log], manager);
  }
}
