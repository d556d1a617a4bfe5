import { encodeId } from '../common/ids.js';
import type { ClaimedDelivery } from '../deliveries/lane-queue.repository.js';
import type { AttemptRecord, Settlement, SettlementLog } from '../deliveries/settle-arguments.js';
import { referenceIn } from '../events/event-body.js';
import { describeDelivery, type DescribedAttempt } from '../logs/descriptions.js';
import type { SendResult } from '../webhooks/sending/webhook-client.js';
import type { Recipient } from './endpoint-cache.js';
import { nextWaitMs, parseRetryAfter } from './retry-schedule.js';

const GONE = 410;

export interface OutcomeContext extends Recipient {
  /** Whether a run of failures is noted for the endpoint, as far as this owner knows. */
  readonly isFailing: boolean;
  /** Uniform in [0, 1). */
  readonly random: number;
}

/** What an attempt's result makes of its delivery: 2xx in time succeeds, 410 ends it, anything else is tried again. */
export function judgeAttempt(delivery: ClaimedDelivery, result: SendResult, context: OutcomeContext): Settlement {
  const number = delivery.attemptCount + 1;
  const succeeded = result.error === null && result.statusCode !== null && Math.floor(result.statusCode / 100) === 2;
  const base = {
    lane: delivery.lane,
    deliveryId: delivery.id,
    revision: Number(context.settings.revision),
    number,
    attempt: toRecord(result, succeeded),
    failingBegins: succeeded ? (context.isFailing ? false : null) : true,
    disable: null,
    systemEvent: null,
  };
  if (succeeded) {
    const matters = number > 1 || context.isFailing;
    const log = matters
      ? logOf(delivery, context, 'delivery.succeeded', { outcome: 'succeeded', attemptCount: number })
      : null;
    return { next: { end: 'succeeded', reason: null }, log, ...base };
  }
  const attempt: DescribedAttempt = {
    statusCode: result.statusCode,
    errorCode: result.error?.code ?? null,
    durationMs: result.durationMs,
  };
  if (result.error === null && result.statusCode === GONE) {
    const log = logOf(delivery, context, 'delivery.failed', { outcome: 'gone', attempt });
    return { ...base, next: { end: 'failed', reason: 'gone' }, log, disable: 'gone' };
  }
  const startedMs = result.startedAt.getTime();
  const waitMs = nextWaitMs({
    attemptNumber: number,
    elapsedMs: startedMs + result.durationMs - (delivery.firstAttemptAt?.getTime() ?? startedMs),
    schedule: context.settings.retrySchedule,
    retryAfterMs: parseRetryAfter(result.retryAfter, startedMs + result.durationMs),
    random: context.random,
  });
  if (waitMs === null) {
    const log = logOf(delivery, context, 'delivery.exhausted', { outcome: 'exhausted', attempt, attemptCount: number });
    const systemEvent = exhaustedEvent(delivery, number);
    const next = { end: 'failed', reason: 'exhausted' } as const;
    return { ...base, next, log, systemEvent, disable: 'failing' };
  }
  const log = logOf(delivery, context, 'delivery.failed', { outcome: 'failed', attempt, nextTryInMs: waitMs });
  return { next: { waitMs }, log, ...base };
}

function toRecord(result: SendResult, succeeded: boolean): AttemptRecord {
  return {
    startedAt: result.startedAt,
    durationMs: result.durationMs,
    outcome: succeeded ? 'succeeded' : 'failed',
    statusCode: result.statusCode,
    errorCode: result.error?.code ?? null,
    errorMessage: result.error?.message ?? null,
    responseBody: result.responseBody,
    responseTruncated: result.responseTruncated,
  };
}

type Described = Parameters<typeof describeDelivery>[1] extends infer D
  ? D extends unknown
    ? Omit<D, 'url'>
    : never
  : never;

/** The event's body is read for it: most successes need no log, and so no look into what may be 256 KiB. */
function logOf(
  { operationId, body }: ClaimedDelivery,
  { settings, locale }: OutcomeContext,
  action: string,
  described: Described,
): SettlementLog {
  const description = describeDelivery(locale, { url: settings.url, ...described });
  const status = action === 'delivery.succeeded' ? 'succeeded' : 'failed';
  return { action, status, description, operationId, reference: operationId === null ? null : referenceIn(body) };
}

/** An exhausted delivery of this very event type makes no event: it would be about itself. */
function exhaustedEvent(delivery: ClaimedDelivery, attemptCount: number): Settlement['systemEvent'] {
  if (delivery.eventType === 'delivery.exhausted') return null;
  return {
    type: 'delivery.exhausted',
    data: {
      delivery_id: encodeId('del', delivery.id),
      event_id: encodeId('evt', delivery.eventId),
      endpoint_id: encodeId('we', delivery.lane[2]),
      attempt_count: attemptCount,
    },
  };
}
