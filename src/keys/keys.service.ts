import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import { AccountChanges } from '../accounts/account-changes.js';
import type { Tenant } from '../auth/caller.js';
import { AppError } from '../common/app-error.js';
import { Database } from '../database/database.js';
import type { IssuedKey, IssuedPair } from './key-issuer.js';
import { type KeyAction, KeyJournal } from './key-journal.js';
import { type ApiKeyRow, type KeyChange, KeysRepository } from './keys.repository.js';

export interface KeyPair {
  readonly publicKey: ApiKeyRow;
  readonly secretKey: ApiKeyRow;
}

const MOST_RESTRICTED_KEYS = 100;

/** The rules of keys. Every change is announced in its transaction, so that all processes forget what they remember. */
@Injectable()
export class KeysService {
  constructor(
    private readonly repository: KeysRepository,
    private readonly changes: AccountChanges,
    private readonly journal: KeyJournal,
    private readonly database: Database,
  ) {}

  /** @throws AppError `not_found`. */
  async get(tenant: Tenant, id: string): Promise<ApiKeyRow> {
    return existing(await this.repository.find(tenant, id));
  }

  /** The first pair of a new account's mode. */
  async addFirstPair(tenant: Tenant, pair: IssuedPair, manager: EntityManager): Promise<KeyPair> {
    const publicKey = await this.repository.insert(tenant, pair.publicKey.stored, manager);
    const secretKey = await this.repository.insert(tenant, pair.secretKey.stored, manager);
    return { publicKey, secretKey };
  }

  /**
   * Puts `pair` in the place of the current one. `expirePreviousIn` 0 ends every earlier pair now; else the current one
   * ends after so many seconds and earlier ones keep their own end. The lock leaves exactly one current pair.
   * To be followed by `applyChange` after the commit.
   */
  async regenerate(
    action: KeyAction,
    pair: IssuedPair,
    expirePreviousIn: number,
    manager: EntityManager,
  ): Promise<KeyPair> {
    const { caller } = action;
    await this.repository.lock(caller, manager);
    const current = await this.repository.currentPair(caller, manager);
    const next = { publicKeyId: pair.publicKey.stored.id, secretKeyId: pair.secretKey.stored.id };
    if (expirePreviousIn === 0) await this.repository.endAllPairs(caller, next, manager);
    else await this.repository.expireCurrentPair(caller, next, expirePreviousIn, manager);
    const publicKey = await this.repository.insert(caller, inheriting(pair.publicKey, current), manager);
    const secretKey = await this.repository.insert(caller, inheriting(pair.secretKey, current), manager);
    await this.changes.announce(caller.accountId, manager);
    await this.journal.regenerated(action, secretKey, expirePreviousIn, manager);
    return { publicKey, secretKey };
  }

  /** @throws AppError `limit_reached`; `invalid_input` when the end is past by the database's clock. */
  async createRestricted(action: KeyAction, key: IssuedKey, manager: EntityManager): Promise<ApiKeyRow> {
    const { caller } = action;
    await this.repository.lock(caller, manager);
    if ((await this.repository.countRestricted(caller, manager)) >= MOST_RESTRICTED_KEYS) {
      throw new AppError(
        'limit_reached',
        `An account has at most ${MOST_RESTRICTED_KEYS} restricted keys in each mode.`,
      );
    }
    const row = await this.repository.insert(caller, key.stored, manager);
    if (row.status === 'expired') {
      throw AppError.invalid([
        { field: 'expires_at', code: 'not_in_future', message: 'Use a time that is still to come.' },
      ]);
    }
    await this.journal.created(action, row, manager);
    return row;
  }

  /** @throws AppError `not_found`; `invalid_input` for origins of a key that is not public. */
  async change(action: KeyAction, id: string, change: KeyChange): Promise<ApiKeyRow> {
    const row = await this.database.transaction((manager) => this.changeIn(manager, action, id, change));
    this.applyChange(action.caller);
    return row;
  }

  private async changeIn(manager: EntityManager, action: KeyAction, id: string, change: KeyChange): Promise<ApiKeyRow> {
    const { caller } = action;
    const before = existing(await this.repository.find(caller, id, manager));
    if (change.allowedOrigins && before.kind !== 'public') {
      throw AppError.invalid([
        { field: 'allowed_origins', code: 'not_applicable', message: 'Only public keys have allowed origins.' },
      ]);
    }
    const row = existing(await this.repository.change(caller, id, change, manager));
    await this.changes.announce(caller.accountId, manager);
    await this.journal.updated(action, row, changedFields(change), manager);
    return row;
  }

  /**
   * Ends a restricted key, or one of a pair that was already replaced; a key that has ended stays as it is.
   * @throws AppError `not_found`; `use_regenerate` for a key of the current pair.
   */
  async revoke(action: KeyAction, id: string): Promise<ApiKeyRow> {
    const row = await this.database.transaction((manager) => this.revokeIn(manager, action, id));
    this.applyChange(action.caller);
    return row;
  }

  /** This process forgets at once what it remembers of the account's keys; the others hear of it. */
  applyChange({ accountId }: Tenant): void {
    this.changes.apply(accountId);
  }

  private async revokeIn(manager: EntityManager, action: KeyAction, id: string): Promise<ApiKeyRow> {
    const { caller } = action;
    await this.repository.lock(caller, manager);
    const before = existing(await this.repository.find(caller, id, manager));
    if (before.status === 'active' && before.kind !== 'restricted') throw new AppError('use_regenerate');
    const revoked = await this.repository.revoke(caller, id, manager);
    if (!revoked) return before;
    await this.changes.announce(caller.accountId, manager);
    await this.journal.revoked(action, revoked, manager);
    return revoked;
  }
}

/** What an integrator set on the pair that ends holds for the next one. */
function inheriting({ stored }: IssuedKey, current: readonly ApiKeyRow[]): IssuedKey['stored'] {
  const previous = current.find((row) => row.kind === stored.kind);
  if (!previous) return stored;
  const { name, allowed_ips: allowedIps, allowed_origins: allowedOrigins } = previous;
  return { ...stored, name, allowedIps, allowedOrigins };
}

function changedFields({ name, allowedIps, allowedOrigins }: KeyChange): string[] {
  const fields = { name, allowed_ips: allowedIps, allowed_origins: allowedOrigins };
  return Object.entries(fields).flatMap(([field, value]) => (value === undefined ? [] : [field]));
}

function existing(row: ApiKeyRow | null): ApiKeyRow {
  if (!row) throw new AppError('not_found', 'There is no such key in this account and mode.');
  return row;
}
