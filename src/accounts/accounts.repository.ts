import { Injectable } from '@nestjs/common';
import { type EntityManager, QueryFailedError } from 'typeorm';
import { AppError } from '../common/app-error.js';
import { Database, type Statement } from '../database/database.js';
import { NOTIFY_LANES } from '../database/wake-up-notices.js';
import type { AccountStatus, Locale } from './account.js';
import { AccountEntity } from './account.entity.js';

export interface NewAccount {
  readonly id: string;
  readonly name: string;
  readonly externalId: string | null;
  readonly locale: Locale;
  readonly livePublishing: boolean;
  readonly metadata: object;
}

/** The fields to change; those that are absent or undefined stay. */
export interface AccountChange {
  readonly name?: string;
  readonly externalId?: string | null;
  readonly status?: AccountStatus;
  readonly locale?: Locale;
  readonly livePublishing?: boolean;
  readonly metadata?: object;
}

/** A page of accounts, newest first; `before` and `after` are uuids that the page lies beyond. */
export interface AccountPage {
  readonly limit: number;
  readonly startingAfter: string | null;
  readonly endingBefore: string | null;
  readonly externalIds: readonly string[];
}

const UNIQUE_VIOLATION = '23505';

// Publishing locks this row, so it stands before the first event, in both modes.
const INSERT_LEDGERS: Statement = {
  name: 'accounts.insert_ledgers',
  text: `INSERT INTO signalpost.ledgers (account_id, mode) VALUES ($1, 'test'), ($1, 'live')`,
};

const LOCK_FIRST: Statement = {
  name: 'accounts.lock_first',
  text: `SELECT pg_advisory_xact_lock(hashtextextended('signalpost.accounts first', 0))`,
};

/*
 * A suspended account's lanes sleep; its deliveries are due the moment it is active again. Parking compares `gen`, so a
 * lane that is being given back meanwhile wakes too. Lock: the lanes by primary key in its order, as publishing does.
 */
const WAKE_LANES: Statement = {
  name: 'accounts.wake_lanes',
  text: `
    WITH locked AS MATERIALIZED (
      SELECT l.account_id, l.mode, l.endpoint_id
      FROM signalpost.lanes l
      WHERE l.account_id = $1
      ORDER BY l.account_id, l.mode, l.endpoint_id
      FOR NO KEY UPDATE
    )
    UPDATE signalpost.lanes AS target
    SET gen = target.gen + 1, wake_at = CASE WHEN target.owner IS NULL THEN now() ELSE target.wake_at END
    FROM locked
    WHERE target.account_id = $1 AND target.mode = locked.mode AND target.endpoint_id = locked.endpoint_id`,
};

@Injectable()
export class AccountsRepository {
  constructor(private readonly database: Database) {}

  find(id: string, manager: EntityManager = this.database.dataSource.manager): Promise<AccountEntity | null> {
    return manager.findOneBy(AccountEntity, { id });
  }

  /** Whether no account exists; until `manager` commits, nobody else who asks is told so. */
  async claimFirst(manager: EntityManager): Promise<boolean> {
    await this.database.rows(LOCK_FIRST, [], manager);
    return !(await manager.exists(AccountEntity));
  }

  /** Up to `limit + 1` accounts; with `endingBefore` nearest to it first, as the list helper expects them. */
  list(page: AccountPage): Promise<AccountEntity[]> {
    const query = this.database.dataSource.manager.createQueryBuilder(AccountEntity, 'account').take(page.limit + 1);
    if (page.externalIds.length) query.andWhere('account.external_id = ANY (:ids)', { ids: page.externalIds });
    if (page.startingAfter) query.andWhere('account.id < :startingAfter', { startingAfter: page.startingAfter });
    if (page.endingBefore) query.andWhere('account.id > :endingBefore', { endingBefore: page.endingBefore });
    return query.orderBy('account.id', page.endingBefore ? 'ASC' : 'DESC').getMany();
  }

  /** Inserts the account and its ledgers. @throws AppError `external_id_conflict`. */
  async insert(account: NewAccount, manager: EntityManager): Promise<AccountEntity> {
    const entity = manager.create(AccountEntity, { ...account });
    await translatingConflict(account.externalId, () => manager.insert(AccountEntity, entity));
    await this.database.rows(INSERT_LEDGERS, [account.id], manager);
    return manager.findOneByOrFail(AccountEntity, { id: account.id });
  }

  /**
   * The account as changed, its lanes awake if it is active; null when there is none.
   * @throws AppError `external_id_conflict`
   */
  async update(id: string, change: AccountChange, manager: EntityManager): Promise<AccountEntity | null> {
    await translatingConflict(change.externalId, () =>
      manager.update(AccountEntity, { id }, { ...change, updatedAt: () => 'now()' }),
    );
    if (change.status === 'active') {
      await this.database.rows(WAKE_LANES, [id], manager);
      await this.database.rows(NOTIFY_LANES, [], manager);
    }
    return manager.findOneBy(AccountEntity, { id });
  }
}

async function translatingConflict<T>(externalId: string | null | undefined, write: () => Promise<T>): Promise<T> {
  try {
    return await write();
  } catch (error) {
    const violated = error instanceof QueryFailedError && (error.driverError as { code?: string }).code;
    if (violated !== UNIQUE_VIOLATION) throw error;
    throw new AppError('external_id_conflict', `Another account has the external_id ${externalId}.`, { cause: error });
  }
}
