import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import type { Tenant } from '../auth/caller.js';
import type { Page } from '../common/pagination.js';
import { Database, type Statement } from '../database/database.js';
import { NOTIFY_LANES } from '../database/wake-up-notices.js';
import type { EndpointRef } from './webhook-endpoint.js';
import { WebhookEndpointEntity } from './webhook-endpoint.entity.js';

/** Tells dispatchers that an endpoint changed; the payload is the JSON array `[account uuid, mode, endpoint uuid]`. */
export const ENDPOINT_CHANGES_CHANNEL = 'signalpost_endpoints';

/** The columns that a change may write; what is absent or undefined stays. */
export type EndpointChange = Partial<
  Omit<
    WebhookEndpointEntity,
    | 'accountId'
    | 'mode'
    | 'id'
    | 'revision'
    | 'epoch'
    | 'epochEndedAt'
    | 'hasLeftovers'
    | 'createdAt'
    | 'updatedAt'
    | 'deletedAt'
  >
>;
/** An endpoint as it is made; what is absent gets the column's default. */
export type NewEndpoint = EndpointRef & EndpointChange & Pick<WebhookEndpointEntity, 'url' | 'eventTypes'>;

// Lock: one creation at a time in an account and mode, to commit, so that the count that follows stays true.
const LOCK_CREATION: Statement = {
  name: 'webhook_endpoints.lock_creation',
  text: `SELECT pg_advisory_xact_lock(
    hashtextextended('signalpost.webhook_endpoints/' || $1::text || '/' || $2::text, 0))`,
};

const COUNT: Statement = {
  name: 'webhook_endpoints.count',
  text: `SELECT count(*)::integer AS count FROM signalpost.webhook_endpoints
    WHERE account_id = $1 AND mode = $2 AND deleted_at IS NULL`,
};

// The lane stands before the first event that is planned for the endpoint.
const INSERT_LANE: Statement = {
  name: 'webhook_endpoints.insert_lane',
  text: `INSERT INTO signalpost.lanes (account_id, mode, endpoint_id) VALUES ($1, $2, $3)`,
};

const INSERT_LOOKUP: Statement = {
  name: 'webhook_endpoints.insert_lookup',
  text: `INSERT INTO signalpost.endpoint_lookup (account_id, mode, endpoint_id) VALUES ($1, $2, $3)`,
};

// Parking compares `gen`, so a lane that is being given back meanwhile is not lost; an owner meets the change by
// itself.
const WAKE_LANE: Statement = {
  name: 'webhook_endpoints.wake_lane',
  text: `UPDATE signalpost.lanes
    SET gen = gen + 1, wake_at = CASE WHEN owner IS NULL THEN least(wake_at, now()) ELSE wake_at END
    WHERE account_id = $1 AND mode = $2 AND endpoint_id = $3`,
};

const ANNOUNCE: Statement = {
  name: 'webhook_endpoints.announce',
  text: `SELECT pg_notify('${ENDPOINT_CHANGES_CHANNEL}', json_build_array($1::uuid, $2::text, $3::uuid)::text)`,
};

// Lock: the types' rows, shared, to commit: a deletion of one waits and then counts the endpoint that names it; and
// whoever comes behind a deletion finds the type gone.
const LOCK_TYPES: Statement = {
  name: 'webhook_endpoints.lock_types',
  text: `SELECT FROM signalpost.event_types t WHERE t.type = ANY ($1) ORDER BY t.type FOR KEY SHARE`,
};

const LIST_CUSTOM_TYPES: Statement = {
  name: 'webhook_endpoints.list_custom_types',
  text: `SELECT type FROM signalpost.event_types`,
};

// Index: pending_deliveries_due. Rows of epochs that ended earlier were skipped then, though a job may still have to
// end them.
const COUNT_JUST_SKIPPED: Statement = {
  name: 'webhook_endpoints.count_just_skipped',
  text: `SELECT count(*)::integer AS count
    FROM signalpost.webhook_endpoints w
    JOIN signalpost.pending_deliveries q
      ON q.account_id = w.account_id AND q.mode = w.mode AND q.endpoint_id = w.id AND q.endpoint_epoch = w.epoch - 1
    WHERE w.account_id = $1 AND w.mode = $2 AND w.id = $3 AND q.account_id = $1`,
};

/**
 * The time of the oldest event whose first delivery to the endpoint (named by these columns) is unfinished, null when
 * none is: what its disabling leaves to be recovered begins there. Index: pending_deliveries_due; its rows are read
 * once.
 */
export function oldestUnfinishedSql(endpoint: string): string {
  return `(
    SELECT to_timestamp(('x' || left(replace(min(q.id::text COLLATE "C"), '-', ''), 12))::bit(48)::bigint / 1000.0)
    FROM signalpost.pending_deliveries q
    WHERE q.account_id = ${endpoint}account_id AND q.mode = ${endpoint}mode AND q.endpoint_id = ${endpoint}id
      AND q.endpoint_epoch = ${endpoint}epoch AND q.trigger = 'event')`;
}

@Injectable()
export class WebhookEndpointsRepository {
  constructor(private readonly database: Database) {}

  find({ accountId, mode, id }: EndpointRef): Promise<WebhookEndpointEntity | null> {
    return this.query(this.database.dataSource.manager, { accountId, mode })
      .andWhere('endpoint.id = :id', { id })
      .getOne();
  }

  /** Lock: the row, to commit, so that two changes never mix. */
  findLocked({ accountId, mode, id }: EndpointRef, manager: EntityManager): Promise<WebhookEndpointEntity | null> {
    return this.query(manager, { accountId, mode })
      .andWhere('endpoint.id = :id', { id })
      .setLock('pessimistic_write')
      .getOne();
  }

  /** Up to `limit` + 1 endpoints; with `before` nearest to it first, as `toList` expects them. */
  list(tenant: Tenant, { limit, after, before }: Page): Promise<WebhookEndpointEntity[]> {
    const query = this.query(this.database.dataSource.manager, tenant).take(limit + 1);
    if (after) query.andWhere('endpoint.id < :after', { after });
    if (before) query.andWhere('endpoint.id > :before', { before });
    return query.orderBy('endpoint.id', before ? 'ASC' : 'DESC').getMany();
  }

  /** The oldest other endpoint that sends to `url`; null when there is none. */
  findByUrl({ accountId, mode }: Tenant, url: string, manager: EntityManager): Promise<WebhookEndpointEntity | null> {
    return this.query(manager, { accountId, mode })
      .andWhere('endpoint.url = :url', { url })
      .orderBy('endpoint.id')
      .limit(1)
      .getOne();
  }

  /** How many there are; until this transaction ends, nobody else creates one in this account and mode. */
  async countForCreation({ accountId, mode }: Tenant, manager: EntityManager): Promise<number> {
    await this.database.rows(LOCK_CREATION, [accountId, mode], manager);
    const [row] = await this.database.rows<{ count: number }>(COUNT, [accountId, mode], manager);
    return row!.count;
  }

  /** Inserts the endpoint with its lane and its look-up row. */
  async insert(endpoint: NewEndpoint, manager: EntityManager): Promise<WebhookEndpointEntity> {
    const { accountId, mode, id } = endpoint;
    await manager.insert(WebhookEndpointEntity, manager.create(WebhookEndpointEntity, endpoint));
    await this.database.rows(INSERT_LANE, [accountId, mode, id], manager);
    await this.database.rows(INSERT_LOOKUP, [accountId, mode, id], manager);
    return manager.findOneByOrFail(WebhookEndpointEntity, { accountId, mode, id });
  }

  /**
   * Writes the change, raises the revision and tells the dispatchers. `status: 'disabled'` begins a new epoch, which
   * turns all that is unfinished into skipped. @returns the endpoint as changed.
   */
  async update(ref: EndpointRef, change: EndpointChange, manager: EntityManager): Promise<WebhookEndpointEntity> {
    const { accountId, mode, id } = ref;
    await manager.update(
      WebhookEndpointEntity,
      { accountId, mode, id },
      {
        ...change,
        ...(change.status === 'disabled'
          ? {
              epoch: () => 'epoch + 1',
              epochEndedAt: change.disabledAt,
              hasLeftovers: true,
              recoverableSince: () => oldestUnfinishedSql('webhook_endpoints.'),
            }
          : {}),
        revision: () => 'revision + 1',
        updatedAt: () => 'now()',
      },
    );
    await this.announce(ref, manager);
    return manager.findOneByOrFail(WebhookEndpointEntity, { accountId, mode, id });
  }

  /** From here on nothing is planned for it or claimed from it; a job ends what is unfinished. */
  async markDeleted(ref: EndpointRef, manager: EntityManager): Promise<void> {
    const { accountId, mode, id } = ref;
    await manager.update(
      WebhookEndpointEntity,
      { accountId, mode, id },
      { deletedAt: () => 'now()', hasLeftovers: true, revision: () => 'revision + 1', updatedAt: () => 'now()' },
    );
    await this.wakeLane(ref, manager);
    await this.announce(ref, manager);
  }

  async wakeLane({ accountId, mode, id }: EndpointRef, manager: EntityManager): Promise<void> {
    await this.database.rows(WAKE_LANE, [accountId, mode, id], manager);
    await this.database.rows(NOTIFY_LANES, [], manager);
  }

  /** A statement of its own: heard by every process when the transaction commits. */
  async announce({ accountId, mode, id }: EndpointRef, manager: EntityManager): Promise<void> {
    await this.database.rows(ANNOUNCE, [accountId, mode, id], manager);
  }

  /** The registered event types beside the built-in ones; those named are not deleted until this transaction ends. */
  async listCustomTypes(named: readonly string[], manager: EntityManager): Promise<string[]> {
    await this.database.rows(LOCK_TYPES, [named], manager);
    const rows = await this.database.rows<{ type: string }>(LIST_CUSTOM_TYPES, [], manager);
    return rows.map(({ type }) => type);
  }

  /** What the disabling just before, in the same transaction, left unfinished. */
  async countJustSkipped({ accountId, mode, id }: EndpointRef, manager: EntityManager): Promise<number> {
    const [row] = await this.database.rows<{ count: number }>(COUNT_JUST_SKIPPED, [accountId, mode, id], manager);
    return row!.count;
  }

  private query(manager: EntityManager, { accountId, mode }: Tenant) {
    return manager
      .createQueryBuilder(WebhookEndpointEntity, 'endpoint')
      .where('endpoint.accountId = :accountId AND endpoint.mode = :mode', { accountId, mode })
      .andWhere('endpoint.deletedAt IS NULL');
  }
}
