import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import type { AccountEntity } from '../accounts/account.entity.js';
import type { Caller } from '../auth/caller.js';
import type { Role } from '../config/app-config.js';
import { encodeId, NIL_ACCOUNT } from '../common/ids.js';
import { VERSION } from '../common/version.js';
import { describeAccount, describeStart, describeEventType } from '../logs/descriptions.js';
import { logActorOf } from '../logs/log.js';
import { LogWriter } from '../logs/log-writer.js';

/** Who changes accounts or event types, and in which request; a caller of null is the service itself. */
export interface AdminAction {
  readonly caller: Caller | null;
  readonly requestId: string | null;
}

type AccountAction = 'created' | 'updated' | 'suspended' | 'reactivated';
type EventTypeAction = 'created' | 'updated' | 'retired' | 'deleted';

/** The platform's own logs of what it does to accounts and event types. */
@Injectable()
export class AdminJournal {
  constructor(private readonly logs: LogWriter) {}

  /** A process of the service in this role is ready. */
  async started(role: Role): Promise<void> {
    const log = {
      accountId: NIL_ACCOUNT,
      mode: null,
      category: 'admin',
      action: 'service.started',
      status: 'info',
      description: describeStart('en', role, VERSION),
      metadata: { role, version: VERSION, node: process.version },
    } as const;
    await this.logs.write([log]);
  }

  async account(
    what: AccountAction,
    action: AdminAction,
    account: AccountEntity,
    changed: readonly string[],
    manager: EntityManager,
  ): Promise<void> {
    const description = describeAccount('en', what, account.name, changed);
    await this.write(`account.${what}`, action, description, { account: encodeId('acct', account.id) }, manager);
  }

  async eventType(
    what: EventTypeAction,
    action: AdminAction,
    type: string,
    changed: readonly string[],
    manager: EntityManager,
  ): Promise<void> {
    const metadata = { type, ...(changed.length > 0 && { changed }) };
    await this.write(`event_type.${what}`, action, describeEventType('en', what, type), metadata, manager);
  }

  private async write(
    name: string,
    { caller, requestId }: AdminAction,
    description: string,
    metadata: Readonly<Record<string, unknown>>,
    manager: EntityManager,
  ): Promise<void> {
    const log = {
      accountId: NIL_ACCOUNT,
      mode: null,
      category: 'admin',
      action: name,
      status: 'succeeded',
      description,
      requestId: requestId ?? undefined,
      actor: caller ? logActorOf(caller) : undefined,
      metadata,
    } as const;
    await this.logs.write([log], manager);
  }
}
