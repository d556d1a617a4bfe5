import { newUuid, uuidTail } from '../common/ids.js';
import type { Statement } from '../database/database.js';
import { type ParameterType, parameterList } from '../database/binary-parameters.js';
import { logText } from '../logs/log-words.js';
import type { LaneId } from './lane-signals.js';

export type DeliveryEnd = 'succeeded' | 'failed' | 'cancelled';
export type EndReason = 'exhausted' | 'poison' | 'expired' | 'gone';

/** What one attempt brought, as it is recorded. */
export interface AttemptRecord {
  readonly startedAt: Date;
  readonly durationMs: number;
  readonly outcome: 'succeeded' | 'failed';
  readonly statusCode: number | null;
  readonly errorCode: string | null;
  readonly errorMessage: string | null;
  readonly responseBody: string | null;
  readonly responseTruncated: boolean;
}

export interface SettlementLog {
  readonly action: string;
  readonly status: 'succeeded' | 'failed' | 'info';
  readonly description: string;
  /** The operation of the delivery's event, and what it was called then: what the log is found by. */
  readonly operationId: string | null;
  readonly reference: string | null;
}

/** One attempt's outcome with the transition it makes: an end, or a wait until the next attempt. */
export interface Settlement {
  readonly lane: LaneId;
  readonly deliveryId: string;
  /** The attempt's number, from 1. */
  readonly number: number;
  readonly attempt: AttemptRecord;
  readonly next: { readonly end: DeliveryEnd; readonly reason: EndReason | null } | { readonly waitMs: number };
  /** The endpoint's run of failures begins here, unless it has begun (true), or ends here (false); null: neither. */
  readonly failingBegins: boolean | null;
  /** Why the endpoint may have to be disabled now; `failing` only if its failures began long enough ago. */
  readonly disable: 'gone' | 'failing' | null;
  readonly log: SettlementLog | null;
  /** An event of the system that follows, as its input; never about its own delivery. */
  readonly systemEvent: { readonly type: string; readonly data: Readonly<Record<string, unknown>> } | null;
}

const ATTEMPT_TYPES = [
  ...(['uuid[]', 'text[]', 'uuid[]', 'uuid[]', 'integer[]', 'text[]', 'text[]', 'bigint[]'] as const),
  ...(['uuid[]', 'timestamptz[]', 'integer[]', 'text[]', 'smallint[]', 'text[]', 'text[]', 'text[]'] as const),
  'boolean[]',
] as const;
const FAILING_TYPES = ['uuid[]', 'text[]', 'uuid[]', 'boolean[]', 'text[]'] as const;
const LOG_TYPES = ['integer[]', 'text[]', 'text[]', 'text[]', 'text[]', 'text[]'] as const;
const INBOX_TYPES = ['integer[]', 'text[]'] as const;
const TYPES: readonly ParameterType[] = [
  ...(['uuid', 'bigint[]'] as const),
  ...ATTEMPT_TYPES,
  ...FAILING_TYPES,
  ...LOG_TYPES,
  ...INBOX_TYPES,
];

/** Lock, index and guarantee: migrations/functions/settle_deliveries.sql. */
export const SETTLE_DELIVERIES: Statement = {
  name: 'settle_deliveries',
  text: `SELECT signalpost.settle_deliveries(${parameterList(TYPES)}) AS settled`,
  types: TYPES,
};

/** The parallel arrays of settle_deliveries after its first two parameters. */
export function settleArguments(settlements: readonly Settlement[]): unknown[] {
  // In one order, as two settles at a time may lock the same endpoints.
  const failing = settlements
    .filter(({ failingBegins }) => failingBegins !== null)
    .sort((a, b) => (a.lane[2] < b.lane[2] ? -1 : Number(a.lane[2] > b.lane[2])));
  const logged = settlements.flatMap(({ log }, index) => (log === null ? [] : [{ log, row: index + 1 }]));
  const events = settlements.flatMap(({ systemEvent }, index) =>
    systemEvent === null ? [] : [{ systemEvent, row: index + 1 }],
  );
  const attempts = settlements.map(({ attempt }) => attempt);
  return [
    settlements.map(({ lane }) => lane[0]),
    settlements.map(({ lane }) => lane[1]),
    settlements.map(({ deliveryId }) => deliveryId),
    settlements.map(({ lane }) => lane[2]),
    settlements.map(({ number }) => number),
    settlements.map(({ next }) => ('end' in next ? next.end : '')),
    settlements.map(({ next }) => ('end' in next ? (next.reason ?? '') : '')),
    settlements.map(({ next }) => ('end' in next ? 0 : Math.round(next.waitMs))),
    attempts.map(({ startedAt }) => newUuid(startedAt.getTime())),
    attempts.map(({ startedAt }) => startedAt.getTime()),
    attempts.map(({ durationMs }) => Math.round(durationMs)),
    attempts.map(({ outcome }) => outcome),
    attempts.map(({ statusCode }) => statusCode),
    attempts.map(({ errorCode }) => errorCode),
    attempts.map(({ errorMessage }) => errorMessage),
    attempts.map(({ responseBody }) => responseBody),
    attempts.map(({ responseTruncated }) => responseTruncated),
    failing.map(({ lane }) => lane[0]),
    failing.map(({ lane }) => lane[1]),
    failing.map(({ lane }) => lane[2]),
    failing.map(({ failingBegins }) => failingBegins),
    failing.map(({ disable }) => disable ?? ''),
    logged.map(({ row }) => row),
    logged.map(() => uuidTail(Math.floor(Math.random() * 4096))),
    logged.map(({ log }) => log.action),
    logged.map(({ log }) => log.status),
    logged.map(({ log }) => log.description),
    logged.map(({ log }) => logText(log)),
    events.map(({ row }) => row),
    events.map(({ systemEvent }) => JSON.stringify(systemEvent)),
  ];
}
