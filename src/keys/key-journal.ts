import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import type { Locale } from '../accounts/account.js';
import type { TenantCaller } from '../auth/caller.js';
import type { BrowserRefusal } from '../auth/refusal-hook.js';
import { Clock } from '../common/clock.js';
import { encodeId, NIL_ACCOUNT } from '../common/ids.js';
import { maskText } from '../common/masked-text.js';
import { describeKey, type DescribedKey } from '../logs/descriptions.js';
import { type LogActor, logActorOf } from '../logs/log.js';
import { LogWriter, type NewLog } from '../logs/log-writer.js';
import type { ApiKeyRow } from './keys.repository.js';
import { SystemEventsRepository } from './system-events.repository.js';

/** Who changes keys, and in which request. */
export interface KeyAction {
  readonly caller: TenantCaller;
  readonly requestId: string;
}

/** What a system event about a key says of it. */
interface KeyMention {
  readonly id: string;
  readonly preview: string;
}

/** Logs and system events about keys, written in the transaction of what they tell. */
@Injectable()
export class KeyJournal {
  constructor(
    private readonly logs: LogWriter,
    private readonly events: SystemEventsRepository,
    private readonly clock: Clock,
  ) {}

  async created(action: KeyAction, key: ApiKeyRow, manager: EntityManager): Promise<void> {
    await this.log(action, key, { action: 'created', name: key.name, preview: key.preview }, manager);
  }

  async updated(action: KeyAction, key: ApiKeyRow, changed: readonly string[], manager: EntityManager): Promise<void> {
    await this.log(action, key, { action: 'updated', name: key.name, preview: key.preview, changed }, manager);
  }

  async revoked(action: KeyAction, key: ApiKeyRow, manager: EntityManager): Promise<void> {
    await this.log(action, key, { action: 'revoked', name: key.name, preview: key.preview }, manager);
    await this.publish('api_key.revoked', action, key, manager);
  }

  /** `secretKey` is the new one. */
  async regenerated(
    action: KeyAction,
    secretKey: ApiKeyRow,
    overlapSeconds: number,
    manager: EntityManager,
  ): Promise<void> {
    const described = { action: 'regenerated', preview: secretKey.preview, overlapMs: overlapSeconds * 1000 } as const;
    await this.log(action, secretKey, described, manager);
    await this.publish('api_key.regenerated', action, secretKey, manager);
  }

  /**
   * For the account, or for the platform when the key is admin's. `leftOut`: how many such refusals of the key had no
   * log since the last one that had.
   */
  logOfBrowserRefusal(refusal: BrowserRefusal, leftOut: number): NewLog {
    const { credential, requestId } = refusal;
    const origin = refusal.origin && maskText(refusal.origin);
    const isAdmin = credential.kind === 'admin';
    return {
      ...newLog(isAdmin ? 'en' : credential.locale, {
        action: 'refused_in_browser',
        name: credential.name,
        preview: isAdmin ? undefined : credential.preview,
        origin,
      }),
      accountId: isAdmin ? NIL_ACCOUNT : credential.accountId,
      mode: isAdmin ? null : credential.mode,
      status: 'failed',
      apiKeyId: isAdmin ? undefined : credential.id,
      requestId,
      actor: actorOfCredential(credential, refusal.ip),
      metadata: { origin, ...(leftOut > 0 && { left_out: leftOut }) },
      occurredAt: this.clock.now(),
    };
  }

  /** Writes the `log` of a refusal; once an hour and key of an account the event as well. */
  async refusedInBrowser(
    { credential, ...refusal }: BrowserRefusal,
    log: NewLog,
    manager: EntityManager,
  ): Promise<void> {
    await this.logs.write([log], manager);
    if (credential.kind === 'admin') return;
    const { accountId, mode, id, preview } = credential;
    const origin = refusal.origin && maskText(refusal.origin);
    const data = { ...mentionOf({ id, preview }, actorOfCredential(credential, refusal.ip)), origin };
    await this.events.publishOncePerHour({ accountId, mode }, 'api_key.secret_key_exposed', data, manager);
  }

  private async log(
    { caller, requestId }: KeyAction,
    key: ApiKeyRow,
    described: DescribedKey,
    manager: EntityManager,
  ): Promise<void> {
    const { accountId, mode, locale } = caller;
    const actor = logActorOf(caller);
    const about = { accountId, mode, apiKeyId: key.id, requestId, actor };
    await this.logs.write([{ ...newLog(locale, described), ...about }], manager);
  }

  private async publish(
    type: 'api_key.regenerated' | 'api_key.revoked',
    { caller }: KeyAction,
    key: ApiKeyRow,
    manager: EntityManager,
  ): Promise<void> {
    await this.events.publish(caller, type, mentionOf(key, logActorOf(caller)), manager);
  }
}

function newLog(
  locale: Locale,
  described: DescribedKey,
): Pick<NewLog, 'category' | 'action' | 'status' | 'description'> {
  return {
    category: 'key',
    action: `api_key.${described.action}`,
    status: 'succeeded',
    description: describeKey(locale, described),
  };
}

function actorOfCredential(credential: BrowserRefusal['credential'], ip: string): LogActor {
  const { name } = credential;
  const isAdmin = credential.kind === 'admin';
  return logActorOf({
    apiKeyId: isAdmin ? null : credential.id,
    adminKeyName: isAdmin ? name : null,
    actorName: name,
    ip,
  });
}

function mentionOf(key: KeyMention, actor: LogActor) {
  return { key_id: encodeId('key', key.id), key_preview: key.preview, actor };
}
