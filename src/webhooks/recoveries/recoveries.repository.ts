import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import type { Mode, Tenant } from '../../auth/caller.js';
import type { Page } from '../../common/pagination.js';
import { Database, type Statement } from '../../database/database.js';
import { RecoveryEntity } from './recovery.entity.js';

/** An endpoint as a recovery needs it. */
export interface RecoveredEndpoint {
  readonly id: string;
  readonly url: string;
  readonly event_types: readonly string[];
  readonly epoch: number;
  readonly is_enabled: boolean;
  readonly is_deleted: boolean;
}

export interface RecoveryRef {
  readonly account_id: string;
  readonly mode: Mode;
  readonly id: string;
}

const ENDPOINT_COLUMNS = `w.id, w.url, w.event_types, w.epoch, w.status = 'enabled' AS is_enabled,
  w.deleted_at IS NOT NULL AS is_deleted`;

// Index: primary key.
const FIND_ENDPOINT: Statement = {
  name: 'recoveries.find_endpoint',
  text: `SELECT ${ENDPOINT_COLUMNS} FROM signalpost.webhook_endpoints w
    WHERE w.account_id = $1 AND w.mode = $2 AND w.id = $3`,
};

// Lock: the row against disabling and deletion, for as long as one step takes.
const HOLD_ENDPOINT: Statement = { name: 'recoveries.hold_endpoint', text: `${FIND_ENDPOINT.text} FOR SHARE` };

/*
 * What is being published waits, for the last step alone: behind it no event can appear that was planned as skipped
 * while the endpoint was disabled. Lock: the ledger, before the endpoint and its lane, as a publish takes it.
 */
const LOCK_LEDGER: Statement = {
  name: 'recoveries.lock_ledger',
  text: `SELECT FROM signalpost.ledgers l WHERE l.account_id = $1 AND l.mode = $2 FOR SHARE`,
};

// Oldest first, as ids hold their time. Index: recoveries_running.
const FIND_RUNNING: Statement = {
  name: 'recoveries.find_running',
  text: `SELECT account_id, mode, id FROM signalpost.recoveries WHERE status = 'running' ORDER BY id LIMIT $1`,
};

/*
 * How many deliveries the pace allows at `$5` (null: now): what was left over is kept for one second. Lock: the row, so
 * that whoever plans for it does so alone.
 */
const LOCK_RUNNING: Statement = {
  name: 'recoveries.lock_running',
  text: `SELECT r.endpoint_id, r.endpoint_epoch, r.selection, r.sent, r.position, r.end_position, r.counted_to,
      floor($4::float8 * extract(epoch FROM
        coalesce($5::timestamptz, clock_timestamp())
        - greatest(r.paced_to, coalesce($5::timestamptz, clock_timestamp()) - interval '1 second'))::float8)::integer
        AS allowance
    FROM signalpost.recoveries r
    WHERE r.account_id = $1 AND r.mode = $2 AND r.id = $3 AND r.status = 'running'
    FOR UPDATE`,
};

const ADVANCE: Statement = {
  name: 'recoveries.advance',
  text: `UPDATE signalpost.recoveries AS target
    SET position = coalesce($4::uuid, target.position), sent = target.sent + $5::integer,
        paced_to = greatest(target.paced_to, coalesce($7::timestamptz, clock_timestamp()) - interval '1 second')
          + $5::integer / $6::float8 * interval '1 second'
    WHERE target.account_id = $1 AND target.mode = $2 AND target.id = $3`,
};

const COUNT_ON: Statement = {
  name: 'recoveries.count_on',
  text: `UPDATE signalpost.recoveries AS target
    SET counted_to = $4::uuid, total = target.total + $5::integer
    WHERE target.account_id = $1 AND target.mode = $2 AND target.id = $3`,
};

// Guarantee: it ends once. Lock: the row.
const END: Statement = {
  name: 'recoveries.end',
  text: `UPDATE signalpost.recoveries AS target
    SET status = $4, ended_at = clock_timestamp(), counted_to = NULL
    WHERE target.account_id = $1 AND target.mode = $2 AND target.id = $3 AND target.status = 'running'
    RETURNING target.sent`,
};

export interface RunningRecovery {
  readonly endpoint_id: string;
  readonly endpoint_epoch: number;
  readonly selection: RecoveryEntity['selection'];
  readonly sent: number;
  readonly position: string;
  readonly end_position: string;
  readonly counted_to: string | null;
  /** How many deliveries may be planned now. */
  readonly allowance: number;
}

@Injectable()
export class RecoveriesRepository {
  constructor(private readonly database: Database) {}

  /** Null when there is none, or it was deleted. */
  async findEndpoint(
    { accountId, mode }: Tenant,
    id: string,
    manager: EntityManager,
  ): Promise<RecoveredEndpoint | null> {
    const [row] = await this.database.rows<RecoveredEndpoint>(FIND_ENDPOINT, [accountId, mode, id], manager);
    return row && !row.is_deleted ? row : null;
  }

  /** Deleted ones too. */
  async holdEndpoint({ accountId, mode }: Tenant, id: string, manager: EntityManager): Promise<RecoveredEndpoint> {
    const [row] = await this.database.rows<RecoveredEndpoint>(HOLD_ENDPOINT, [accountId, mode, id], manager);
    return row!;
  }

  async lockLedger({ accountId, mode }: Tenant, manager: EntityManager): Promise<void> {
    await this.database.rows(LOCK_LEDGER, [accountId, mode], manager);
  }

  async insert(
    recovery: Partial<RecoveryEntity> & Pick<RecoveryEntity, 'accountId' | 'mode' | 'id'>,
    manager: EntityManager,
  ): Promise<RecoveryEntity> {
    await manager.insert(RecoveryEntity, recovery);
    return (await this.find(recovery, recovery.id, manager))!;
  }

  find(
    { accountId, mode }: Tenant,
    id: string,
    manager = this.database.dataSource.manager,
  ): Promise<RecoveryEntity | null> {
    return manager.findOneBy(RecoveryEntity, { accountId, mode, id });
  }

  /** Up to `limit` + 1; with `before` nearest to it first. Index: recoveries_by_endpoint, or the primary key. */
  list({ accountId, mode }: Tenant, endpointIds: readonly string[], page: Page): Promise<RecoveryEntity[]> {
    const query = this.database.dataSource.manager
      .createQueryBuilder(RecoveryEntity, 'recovery')
      .where('recovery.accountId = :accountId AND recovery.mode = :mode', { accountId, mode })
      .take(page.limit + 1);
    if (endpointIds.length > 0) query.andWhere('recovery.endpointId IN (:...endpointIds)', { endpointIds });
    if (page.after) query.andWhere('recovery.id < :after', { after: page.after });
    if (page.before) query.andWhere('recovery.id > :before', { before: page.before });
    return query.orderBy('recovery.id', page.before ? 'ASC' : 'DESC').getMany();
  }

  findRunning(limit: number): Promise<RecoveryRef[]> {
    return this.database.rows<RecoveryRef>(FIND_RUNNING, [limit]);
  }

  /** Null when it has ended meanwhile. `now`: null for the database's own clock. */
  async lockRunning(
    { account_id: accountId, mode, id }: RecoveryRef,
    perSecond: number,
    now: Date | null,
    manager: EntityManager,
  ): Promise<RunningRecovery | null> {
    const values = [accountId, mode, id, perSecond, now];
    const [row] = await this.database.rows<RunningRecovery>(LOCK_RUNNING, values, manager);
    return row ?? null;
  }

  async advance(
    { account_id: accountId, mode, id }: RecoveryRef,
    step: { readonly position: string | null; readonly sent: number },
    pace: { readonly perSecond: number; readonly now: Date | null },
    manager: EntityManager,
  ): Promise<void> {
    const values = [accountId, mode, id, step.position, step.sent, pace.perSecond, pace.now];
    await this.database.rows(ADVANCE, values, manager);
  }

  /** `countedTo`: null when all are counted. */
  async countOn(
    { account_id: accountId, mode, id }: RecoveryRef,
    countedTo: string | null,
    wanted: number,
    manager: EntityManager,
  ): Promise<void> {
    await this.database.rows(COUNT_ON, [accountId, mode, id, countedTo, wanted], manager);
  }

  /** How many it has sent; null when it had ended already. */
  async end(
    { account_id: accountId, mode, id }: RecoveryRef,
    status: 'done' | 'cancelled',
    manager: EntityManager,
  ): Promise<number | null> {
    const [row] = await this.database.rows<{ sent: number }>(END, [accountId, mode, id, status], manager);
    return row?.sent ?? null;
  }
}
