import { OPERATION_EVENT_TYPES } from '../common/event-type-names.js';
import { describeCustomEvent, describeOperationEvent } from '../logs/descriptions.js';
import { logText, offTimeWord } from '../logs/log-words.js';
import type { LogStatus } from '../logs/log.js';
import type { PlannedEvent } from './publish-plan.js';

/** The log that an event leaves, for a manager to read. */
export interface EventLog {
  readonly status: LogStatus;
  readonly description: string;
  readonly search: string;
}

const OPERATION_TYPES: ReadonlySet<string> = new Set(OPERATION_EVENT_TYPES);
const LOG_STATUSES: Readonly<Record<string, LogStatus>> = {
  pending: 'pending',
  succeeded: 'succeeded',
  failed: 'failed',
  expired: 'failed',
};

/** `nowMs`: when it is written. */
export function eventLog({ event, applied, occurredAtMs }: PlannedEvent, nowMs: number): EventLog {
  const operation = applied && {
    ...applied.snapshot,
    stale: applied.stale,
    customers: [applied.snapshot.customer, applied.state.customer],
  };
  const description =
    operation !== null && OPERATION_TYPES.has(event.type)
      ? describeOperationEvent(event.locale, operation)
      : describeCustomEvent(event.locale, event.type, operation);
  const text = logText({ operationId: operation?.id, reference: operation?.reference, description });
  return {
    status: LOG_STATUSES[operation?.status ?? ''] ?? 'info',
    description,
    search: text + offTimeWord(occurredAtMs, nowMs),
  };
}
