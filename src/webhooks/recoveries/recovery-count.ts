import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import type { Tenant } from '../../auth/caller.js';
import { Clock } from '../../common/clock.js';
import { firstUuidAt } from '../../common/ids.js';
import { RecoveryQueueRepository, type RecoverySelection } from '../../deliveries/actions/recovery-queue.repository.js';

/** Events that one statement looks at. */
export const COUNT_REACH = 2_000;

/** `sinceMs` ≤ an event's time < `untilMs`. */
export interface CountedRange {
  readonly endpointId: string;
  /** The endpoint's own. */
  readonly eventTypes: readonly string[];
  readonly selection: RecoverySelection;
  readonly sinceMs: number;
  readonly untilMs: number;
}

export interface RecoveryCount {
  readonly matching: number;
  readonly alreadySucceeded: number;
  readonly toSend: number;
  /** The last event counted when the limit came first; null: all were counted. */
  readonly countedTo: string | null;
}

/** What ends a count early; neither: it goes to the end of the range. */
export interface CountLimit {
  readonly milliseconds?: number;
  readonly toSend?: number;
}

/** Counts what a recovery would find, a bounded step at a time, each event once. */
@Injectable()
export class RecoveryCounter {
  constructor(
    private readonly queue: RecoveryQueueRepository,
    private readonly clock: Clock,
  ) {}

  async count(
    tenant: Tenant,
    { endpointId, eventTypes, selection, sinceMs, untilMs }: CountedRange,
    limit: CountLimit,
    manager: EntityManager,
  ): Promise<RecoveryCount> {
    const endsAtMs = this.clock.monotonicMs() + (limit.milliseconds ?? Infinity);
    const types = await this.queue.resolveTypes(tenant, eventTypes, manager);
    const range = { endpointId, types, selection, before: firstUuidAt(untilMs) };
    const count = { matching: 0, alreadySucceeded: 0, toSend: 0 };
    for (let after = firstUuidAt(sinceMs); ;) {
      const step = await this.queue.count(tenant, { ...range, after }, COUNT_REACH, manager);
      count.matching += step.looked;
      count.alreadySucceeded += step.succeeded;
      count.toSend += step.wanted;
      if (step.last === null || step.looked < COUNT_REACH) return { ...count, countedTo: null };
      after = step.last;
      const isEnough = count.toSend >= (limit.toSend ?? Infinity) || this.clock.monotonicMs() >= endsAtMs;
      if (isEnough) return { ...count, countedTo: after };
    }
  }
}
