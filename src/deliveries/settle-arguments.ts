import { newUuid, uuidTail } from '../common/ids.js';
import { type ParameterType, parameterList, type RowOf } from '../database/binary-parameters.js';
import type { Statement } from '../database/database.js';
import { placesInOrder } from '../database/lock-order.js';
import { logText } from '../logs/log-words.js';
import type { LaneId } from './lane-signals.js';
import { ENDPOINT_CHANGE, SETTLED_ENDPOINT, SETTLEMENT, SETTLEMENT_EVENT, SETTLEMENT_LOG } from './settle-types.js';

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
  readonly status: 'succeeded' | 'failed';
  readonly description: string;
  /** The operation of the delivery's event, and what it was called then: what the log is found by. */
  readonly operationId: string | null;
  readonly reference: string | null;
}

/** How an attempt can end its delivery; a success needs no reason. */
type SettlementEnd =
  | { readonly end: 'succeeded'; readonly reason: null }
  | { readonly end: 'failed'; readonly reason: 'exhausted' | 'gone' };

/** One attempt's outcome with the transition it makes: an end, or a wait until the next attempt. */
export interface Settlement {
  readonly lane: LaneId;
  readonly deliveryId: string;
  /** The endpoint's revision by whose settings it was sent: a failure speaks of no other one. */
  readonly revision: number;
  /** The attempt's number, from 1. */
  readonly number: number;
  readonly attempt: AttemptRecord;
  readonly next: SettlementEnd | { readonly waitMs: number };
  /** The endpoint's run of failures begins here, unless it has begun (true), or ends here (false); null: neither. */
  readonly failingBegins: boolean | null;
  /** Why the endpoint may have to be disabled now; `failing` only if its failures began long enough ago. */
  readonly disable: 'gone' | 'failing' | null;
  readonly log: SettlementLog | null;
  /** An event of the system that follows, as its input; never about its own delivery. */
  readonly systemEvent: { readonly type: string; readonly data: Readonly<Record<string, unknown>> } | null;
}

/**
 * What a settle did: `settled`, its delivery ended or waits for the next attempt; `recorded`, the delivery had been
 * cancelled or skipped meanwhile and got the attempt alone; `dropped`, nothing, for the delivery had moved on otherwise,
 * or an earlier call whose answer was lost had written it.
 */
export type SettleEffect = 'settled' | 'recorded' | 'dropped';

const TYPES = [
  'uuid',
  'bigint[]',
  SETTLEMENT,
  'integer[]',
  SETTLED_ENDPOINT,
  ENDPOINT_CHANGE,
  SETTLEMENT_LOG,
  SETTLEMENT_EVENT,
] as const satisfies readonly ParameterType[];

/** Lock, index and guarantee: migrations/functions/settle_deliveries.sql. */
export const SETTLE_DELIVERIES: Statement = {
  name: 'settle_deliveries',
  text: `SELECT signalpost.settle_deliveries(${parameterList(TYPES)}) AS settled`,
  types: TYPES,
};

/** The values of settle_deliveries after its first two parameters. */
export function settleArguments(settlements: readonly Settlement[]): unknown[] {
  const ids = settlements.map(({ lane, deliveryId }) => `${lane[0]} ${lane[1]} ${deliveryId}`);
  return [
    settlements.map(toSettlement),
    placesInOrder(ids),
    settledEndpoints(settlements),
    settlements.filter(({ failingBegins }) => failingBegins !== null).map(toChange),
    settlements.flatMap(({ log }, index) => (log === null ? [] : [toLog(log, index + 1)])),
    settlements.flatMap(({ systemEvent }, index) => (systemEvent === null ? [] : [toEvent(systemEvent, index + 1)])),
  ];
}

function toSettlement({ lane, deliveryId, number, attempt, next }: Settlement): RowOf<typeof SETTLEMENT> {
  return {
    account_id: lane[0],
    mode: lane[1],
    id: deliveryId,
    endpoint_id: lane[2],
    number,
    status: 'end' in next ? next.end : null,
    reason: 'end' in next ? next.reason : null,
    wait_ms: 'end' in next ? null : Math.round(next.waitMs),
    attempt_id: newUuid(attempt.startedAt.getTime()),
    started_at: attempt.startedAt.getTime(),
    duration_ms: Math.round(attempt.durationMs),
    outcome: attempt.outcome,
    status_code: attempt.statusCode,
    error_code: attempt.errorCode,
    error_message: attempt.errorMessage,
    response_body: attempt.responseBody,
    response_truncated: attempt.responseTruncated,
  };
}

/** Each endpoint once, in the order of their ids. */
function settledEndpoints(settlements: readonly Settlement[]): RowOf<typeof SETTLED_ENDPOINT>[] {
  const endpoints = new Map<string, RowOf<typeof SETTLED_ENDPOINT>>();
  for (const { lane, failingBegins } of settlements) {
    const key = lane.join(' ');
    if (failingBegins === null && endpoints.has(key)) continue;
    endpoints.set(key, { account_id: lane[0], mode: lane[1], id: lane[2], is_changed: failingBegins !== null });
  }
  return [...endpoints.keys()].sort().map((key) => endpoints.get(key)!);
}

function toChange({ lane, revision, failingBegins, disable }: Settlement): RowOf<typeof ENDPOINT_CHANGE> {
  const [account_id, mode, id] = lane;
  return { account_id, mode, id, revision, failing_begins: failingBegins, dead_reason: disable };
}

function toLog(log: SettlementLog, settlement: number): RowOf<typeof SETTLEMENT_LOG> {
  const { action, status, description } = log;
  const idTail = uuidTail(Math.floor(Math.random() * 4096));
  return { settlement, id_tail: idTail, action, status, description, search: logText(log) };
}

function toEvent(event: NonNullable<Settlement['systemEvent']>, settlement: number): RowOf<typeof SETTLEMENT_EVENT> {
  return { settlement, input: JSON.stringify(event) };
}
