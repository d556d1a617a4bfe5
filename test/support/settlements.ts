import type { ClaimedDelivery } from '../../src/deliveries/lane-queue.repository.js';
import type { Settlement } from '../../src/deliveries/settle-arguments.js';

/** A success of the claimed delivery, unless `next` says otherwise. */
export function settlementOf(
  { lane, id, revision, attemptCount }: ClaimedDelivery,
  next: Settlement['next'] = { end: 'succeeded', reason: null },
): Settlement {
  return {
    lane,
    deliveryId: id,
    revision,
    number: attemptCount + 1,
    attempt: {
      startedAt: new Date(),
      durationMs: 5,
      outcome: 'succeeded',
      statusCode: 200,
      errorCode: null,
      errorMessage: null,
      responseBody: 'ok',
      responseTruncated: false,
    },
    next,
    failingBegins: null,
    disable: null,
    log: null,
    systemEvent: null,
  };
}
