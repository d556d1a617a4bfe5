import { setTimeout as pause } from 'node:timers/promises';
import { Injectable, Logger } from '@nestjs/common';
import { Counter, Histogram } from 'prom-client';
import { encodeId } from '../common/ids.js';
import { Activity } from '../common/metrics/activity.js';
import { Metrics } from '../common/metrics/metrics.js';
import { AppConfig } from '../config/app-config.js';
import { Database } from '../database/database.js';
import type { ClaimedDelivery } from '../deliveries/lane-queue.repository.js';
import type { LaneId } from '../deliveries/lane-signals.js';
import type { SettleEffect, Settlement } from '../deliveries/settle-arguments.js';
import { EndpointDisabling, type DisablingCondition } from '../webhooks/endpoint-disabling.js';
import type { SendResult } from '../webhooks/sending/webhook-client.js';

const DISABLE_ATTEMPTS = 10;
const DISABLE_RETRY_MS = 1_000;
const LATENESS_BUCKETS_SECONDS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 1, 5, 30, 300, 3_600];
const DURATION_BUCKETS_SECONDS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30];

/**
 * What follows an attempt: counts, and one wide line (of failures always, of successes at `LOG_LEVEL` debug), where it
 * was recorded; and the end of a dead endpoint.
 */
@Injectable()
export class AttemptObserver {
  private readonly logger = new Logger('Attempt');
  private readonly attempts: Counter<'outcome'>;
  private readonly duration: Histogram;
  private readonly lateness: Histogram;
  private readonly claims: Counter;
  private readonly claimed: Counter;
  private readonly handed: Counter;
  private readonly logsSuccesses: boolean;

  constructor(
    metrics: Metrics,
    private readonly database: Database,
    private readonly disabling: EndpointDisabling,
    private readonly activity: Activity,
    config: AppConfig,
  ) {
    const registers = [metrics.registry];
    this.logsSuccesses = config.logLevel === 'debug' || config.logLevel === 'trace';
    this.lateness = new Histogram({
      name: 'webhook_attempt_lateness_seconds',
      help: 'Time from when a delivery was due to the beginning of its attempt.',
      buckets: LATENESS_BUCKETS_SECONDS,
      registers,
    });
    this.claims = new Counter({
      name: 'dispatcher_claims_total',
      help: 'Claims, each one statement for many lanes.',
      registers,
    });
    this.claimed = new Counter({
      name: 'dispatcher_claimed_deliveries_total',
      help: 'Deliveries claimed.',
      registers,
    });
    this.handed = new Counter({
      name: 'dispatcher_handed_deliveries_total',
      help: 'Deliveries taken from a publish of the same process, without a claim.',
      registers,
    });
    this.attempts = new Counter({
      name: 'webhook_attempts_total',
      help: 'Attempts by outcome: succeeded, status_4xx …, or the class of error.',
      labelNames: ['outcome'],
      registers,
    });
    this.duration = new Histogram({
      name: 'webhook_attempt_duration_seconds',
      help: 'Time of one attempt, from DNS to the last byte.',
      buckets: DURATION_BUCKETS_SECONDS,
      registers,
    });
  }

  countClaim(deliveries: number): void {
    this.claims.inc();
    this.claimed.inc(deliveries);
  }

  countHandOff(deliveries: number): void {
    this.handed.inc(deliveries);
  }

  observe(delivery: ClaimedDelivery, result: SendResult, settlement: Settlement, effect: SettleEffect): void {
    const outcome = outcomeOf(settlement.attempt.outcome, result);
    this.attempts.inc({ outcome });
    if (outcome !== 'succeeded') this.activity.add('failedAttempts', 1);
    else if (effect === 'settled') this.activity.add('deliveries', 1);
    this.duration.observe(result.durationMs / 1_000);
    this.lateness.observe(Math.max(0, result.startedAt.getTime() - delivery.dueAtMs) / 1_000);
    if (outcome !== 'succeeded' || this.logsSuccesses) {
      const line = {
        msg: outcome === 'succeeded' ? 'attempt succeeded' : 'attempt failed',
        delivery_id: encodeId('del', delivery.id),
        endpoint_id: encodeId('we', delivery.lane[2]),
        event_id: encodeId('evt', delivery.eventId),
        number: settlement.number,
        outcome,
        status_code: result.statusCode,
        duration_ms: result.durationMs,
        next: effect === 'settled' ? nextOf(settlement) : 'ended meanwhile',
      };
      if (outcome === 'succeeded') this.logger.debug(line);
      else this.logger.log(line);
    }
  }

  /** Disables a dead endpoint, unless somebody did; tries for a while, for the database may be away just now. */
  async disable(
    [accountId, mode, id]: LaneId,
    reason: 'gone' | 'failing',
    condition: DisablingCondition,
  ): Promise<void> {
    for (let attempt = 1; attempt <= DISABLE_ATTEMPTS; attempt++) {
      try {
        await this.database.transaction((manager) =>
          this.disabling.disable({ accountId, mode, id }, reason, manager, condition),
        );
        return;
      } catch (error) {
        this.logger.error(`An endpoint could not be disabled: ${(error as Error).message}`);
        await pause(DISABLE_RETRY_MS, undefined, { ref: false });
      }
    }
  }
}

function nextOf({ next }: Settlement): string {
  return 'waitMs' in next ? `in ${Math.round(next.waitMs / 1_000)} s` : next.end;
}

function outcomeOf(outcome: 'succeeded' | 'failed', result: SendResult): string {
  if (outcome === 'succeeded') return 'succeeded';
  if (result.error !== null) return result.error.code;
  return `status_${Math.floor((result.statusCode ?? 0) / 100)}xx`;
}
