import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import type { Tenant } from '../../auth/caller.js';
import { AppError } from '../../common/app-error.js';
import { Clock } from '../../common/clock.js';
import { firstUuidAt, newUuid } from '../../common/ids.js';
import { assertInterval } from '../../common/interval.js';
import type { Page } from '../../common/pagination.js';
import { retentionStartMs } from '../../common/retention.js';
import { AppConfig } from '../../config/app-config.js';
import type { RecoverRequest } from './recoveries.dto.js';
import { RecoveriesRepository } from './recoveries.repository.js';
import { type CountLimit, type RecoveryCount, RecoveryCounter } from './recovery-count.js';
import type { RecoveryEntity } from './recovery.entity.js';
import { type RecoveryAct, RecoveryJournal } from './recovery-journal.js';

/** A request counts for so long; what is left of the range the job counts while it runs. */
const COUNT_MS = 2_000;

interface Interval {
  readonly sinceMs: number;
  readonly untilMs: number;
}

/** Recoveries as people begin, read and cancel them. */
@Injectable()
export class RecoveriesService {
  constructor(
    private readonly repository: RecoveriesRepository,
    private readonly counter: RecoveryCounter,
    private readonly journal: RecoveryJournal,
    private readonly config: AppConfig,
    private readonly clock: Clock,
  ) {}

  /** What a recovery would find now. @throws AppError `not_found` (the endpoint), 422 for a wrong interval. */
  async count(
    tenant: Tenant,
    endpointId: string,
    request: RecoverRequest,
    manager: EntityManager,
  ): Promise<RecoveryCount> {
    return this.countUpTo({}, tenant, endpointId, request, manager);
  }

  /** @throws AppError `not_found`, `endpoint_disabled`, 422 for a wrong interval. */
  async start(
    act: RecoveryAct,
    endpointId: string,
    request: RecoverRequest,
    manager: EntityManager,
  ): Promise<RecoveryEntity> {
    const { accountId, mode } = act.caller;
    const tenant: Tenant = { accountId, mode };
    // Before anything is locked, since it may take a while.
    const counted = await this.countUpTo({ milliseconds: COUNT_MS }, tenant, endpointId, request, manager);
    const { sinceMs, untilMs } = counted;
    const endpoint = await this.repository.holdEndpoint(tenant, endpointId, manager);
    if (endpoint.is_deleted) throw noSuchEndpoint();
    if (!endpoint.is_enabled) throw new AppError('endpoint_disabled');
    const recovery = await this.repository.insert(
      {
        accountId,
        mode,
        id: newUuid(this.clock.now().getTime()),
        endpointId,
        endpointEpoch: endpoint.epoch,
        selection: request.only,
        since: new Date(sinceMs),
        until: new Date(untilMs),
        total: counted.toSend,
        position: firstUuidAt(sinceMs),
        endPosition: firstUuidAt(untilMs),
        countedTo: counted.countedTo,
      },
      manager,
    );
    const news = { recoveryId: recovery.id, endpointId, url: endpoint.url, count: recovery.total };
    await this.journal.record(tenant, act, { action: 'started', ...news }, manager);
    return recovery;
  }

  list(tenant: Tenant, endpointIds: readonly string[], page: Page): Promise<RecoveryEntity[]> {
    return this.repository.list(tenant, endpointIds, page);
  }

  /** @throws AppError `not_found`. */
  async get(tenant: Tenant, id: string, manager?: EntityManager): Promise<RecoveryEntity> {
    const recovery = await this.repository.find(tenant, id, manager);
    if (recovery === null) throw new AppError('not_found', 'There is no such recovery.');
    return recovery;
  }

  /** One that has ended stays as it is. @throws AppError `not_found`. */
  async cancel(act: RecoveryAct, id: string, manager: EntityManager): Promise<RecoveryEntity> {
    const { accountId, mode } = act.caller;
    const { endpointId } = await this.get(act.caller, id, manager);
    const count = await this.repository.end({ account_id: accountId, mode, id }, 'cancelled', manager);
    if (count !== null) {
      const { url } = await this.repository.holdEndpoint(act.caller, endpointId, manager);
      const news = { action: 'cancelled' as const, recoveryId: id, endpointId, url, count };
      await this.journal.record(act.caller, act, news, manager);
    }
    return this.get(act.caller, id, manager);
  }

  private async countUpTo(
    limit: CountLimit,
    tenant: Tenant,
    endpointId: string,
    request: RecoverRequest,
    manager: EntityManager,
  ): Promise<RecoveryCount & Interval> {
    const interval = this.intervalOf(request);
    const endpoint = await this.repository.findEndpoint(tenant, endpointId, manager);
    if (endpoint === null) throw noSuchEndpoint();
    const range = { endpointId, eventTypes: endpoint.event_types, selection: request.only, ...interval };
    return { ...interval, ...(await this.counter.count(tenant, range, limit, manager)) };
  }

  private intervalOf({ since, until }: RecoverRequest): Interval {
    const now = this.clock.now();
    const sinceMs = Date.parse(since);
    const refuse = (code: string, message: string) => AppError.invalid([{ field: 'since', code, message }]);
    if (sinceMs < retentionStartMs(now, this.config.retentionDays)) {
      throw refuse('before_retention', `Events are kept for ${this.config.retentionDays} days; use a later time.`);
    }
    if (sinceMs > now.getTime()) throw refuse('in_future', 'Use a time that is not in the future.');
    assertInterval(since, until, ['since', 'until']);
    return { sinceMs, untilMs: until ? Math.min(Date.parse(until), now.getTime()) : now.getTime() };
  }
}

function noSuchEndpoint(): AppError {
  return new AppError('not_found', 'There is no such webhook endpoint.');
}
