import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import type { Tenant } from '../../auth/caller.js';
import { Clock } from '../../common/clock.js';
import { AppConfig } from '../../config/app-config.js';
import { RecoveryQueueRepository } from '../../deliveries/actions/recovery-queue.repository.js';
import type { LaneId } from '../../deliveries/lane-signals.js';
import {
  type RecoveredEndpoint,
  RecoveriesRepository,
  type RecoveryRef,
  type RunningRecovery,
} from './recoveries.repository.js';
import { COUNT_REACH } from './recovery-count.js';
import { RecoveryJournal } from './recovery-journal.js';

/** Events that one statement looks at: enough to pass quickly over what needs nothing. */
const MIN_REACH = 500;
const MAX_REACH = 1_000;

export interface StepResult {
  /** `at_end`: only the last step is left; `paced`: no more now; `ended`: by this step; `gone`: before it. */
  readonly state: 'more' | 'at_end' | 'paced' | 'ended' | 'gone';
  readonly planned: number;
  /** To be woken once this is committed. */
  readonly lanes: readonly LaneId[];
}

export interface StepMoment {
  /** Null: the database's clock. */
  readonly now: Date | null;
  /** Nothing was left to look at, so this step ends the recovery if that is still so. */
  readonly isLast: boolean;
}

const NOTHING = { planned: 0, lanes: [] } as const;

/** One step of a recovery in the caller's transaction: plans deliveries and moves the position together. */
@Injectable()
export class RecoverySteps {
  constructor(
    private readonly repository: RecoveriesRepository,
    private readonly queue: RecoveryQueueRepository,
    private readonly journal: RecoveryJournal,
    private readonly config: AppConfig,
    private readonly clock: Clock,
  ) {}

  async run(ref: RecoveryRef, moment: StepMoment, manager: EntityManager): Promise<StepResult> {
    const tenant = tenantOf(ref);
    if (moment.isLast) await this.repository.lockLedger(tenant, manager);
    const { recoveryPerSecond } = this.config;
    const recovery = await this.repository.lockRunning(ref, recoveryPerSecond, moment.now, manager);
    if (recovery === null) return { ...NOTHING, state: 'gone' };
    const endpoint = await this.repository.holdEndpoint(tenant, recovery.endpoint_id, manager);
    if (endpoint.is_deleted || !endpoint.is_enabled || endpoint.epoch !== recovery.endpoint_epoch) {
      return this.end(ref, endpoint, endpoint.is_deleted ? 'cancelled_deleted' : 'cancelled_disabled', manager);
    }
    const types = await this.queue.resolveTypes(tenant, endpoint.event_types, manager);
    const countedTo = await this.countOn(ref, recovery, types, manager);
    if (recovery.allowance <= 0 && !moment.isLast) {
      return { ...NOTHING, state: countedTo === null ? 'paced' : 'more' };
    }
    return this.plan(ref, { ...recovery, counted_to: countedTo }, { endpoint, types, ...moment }, manager);
  }

  /** The total goes on being counted where the request that began the recovery stopped; null once all is counted. */
  private async countOn(
    ref: RecoveryRef,
    { endpoint_id: endpointId, selection, end_position: before, counted_to: after }: RunningRecovery,
    types: readonly string[],
    manager: EntityManager,
  ): Promise<string | null> {
    if (after === null) return null;
    const range = { endpointId, types, selection, after, before };
    const step = await this.queue.count(tenantOf(ref), range, COUNT_REACH, manager);
    const countedTo = step.looked < COUNT_REACH ? null : step.last;
    await this.repository.countOn(ref, countedTo, step.wanted, manager);
    return countedTo;
  }

  private async plan(
    ref: RecoveryRef,
    recovery: RunningRecovery,
    { endpoint, types, now, isLast }: StepMoment & { endpoint: RecoveredEndpoint; types: readonly string[] },
    manager: EntityManager,
  ): Promise<StepResult> {
    const { selection, position: after, end_position: end, counted_to: countedTo, allowance } = recovery;
    const reach = Math.min(MAX_REACH, Math.max(MIN_REACH, allowance));
    const range = { endpointId: endpoint.id, types, selection, after, before: countedTo ?? end };
    const timeMs = this.clock.now().getTime();
    const plan = { recoveryId: ref.id, reach, most: Math.min(allowance, reach), timeMs };
    const step = await this.queue.plan(tenantOf(ref), range, plan, manager);
    const pace = { perSecond: this.config.recoveryPerSecond, now };
    await this.repository.advance(ref, { position: step.last, sent: step.planned }, pace, manager);
    const { planned, lanes } = step;
    const isAtEnd = step.looked < reach && !step.is_cut && countedTo === null;
    if (isAtEnd && isLast) return { ...(await this.end(ref, endpoint, 'done', manager)), planned, lanes };
    if (isAtEnd) return { state: 'at_end', planned, lanes };
    return { state: planned >= allowance && countedTo === null ? 'paced' : 'more', planned, lanes };
  }

  private async end(
    ref: RecoveryRef,
    { id: endpointId, url }: RecoveredEndpoint,
    action: 'done' | 'cancelled_disabled' | 'cancelled_deleted',
    manager: EntityManager,
  ): Promise<StepResult> {
    const count = (await this.repository.end(ref, action === 'done' ? 'done' : 'cancelled', manager)) ?? 0;
    const news = { action, recoveryId: ref.id, endpointId, url, count };
    await this.journal.record(tenantOf(ref), null, news, manager);
    return { ...NOTHING, state: 'ended' };
  }
}

function tenantOf({ account_id: accountId, mode }: RecoveryRef): Tenant {
  return { accountId, mode };
}
