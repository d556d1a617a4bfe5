/*
 * The fragments of SQL that every read of deliveries is made of. `$1` and `$2` are always the account and the mode,
 * named on each table. Unfinished deliveries stand in pending_deliveries alone and ended ones in deliveries alone, so
 * a read unites both.
 */

export const DELIVERY_STATUSES = ['pending', 'succeeded', 'failed', 'cancelled', 'skipped'] as const;
export type DeliveryStatus = (typeof DELIVERY_STATUSES)[number];

export interface DeliveryRow {
  readonly id: string;
  readonly endpoint_id: string;
  readonly event_id: string;
  readonly event_type: string;
  readonly operation_id: string | null;
  readonly status: DeliveryStatus;
  readonly status_reason: string | null;
  readonly in_flight: boolean;
  readonly trigger: string;
  readonly previous_delivery_id: string | null;
  readonly recovery_id: string | null;
  readonly attempt_count: number;
  /** Milliseconds since 1970. */
  readonly next_attempt_ms: number | null;
  /** Milliseconds since 1970. */
  readonly ended_ms: number | null;
  /** Null in lists. */
  readonly attempts: readonly AttemptRow[] | null;
}

export interface AttemptRow {
  readonly id: string;
  readonly number: number;
  /** Milliseconds since 1970. */
  readonly started_ms: number;
  readonly duration_ms: number;
  readonly outcome: 'succeeded' | 'failed';
  readonly status_code: number | null;
  readonly error_code: string | null;
  readonly error_message: string | null;
  readonly response_body: string | null;
  readonly response_truncated: boolean;
}

const milliseconds = (time: string): string => `(extract(epoch FROM ${time}) * 1000)::float8`;

/** A fragment of this file in a statement that numbers its account and mode otherwise. */
export function withTenant(fragment: string, account: string, mode: string): string {
  return fragment.replaceAll(/\$[12]\b/g, (placeholder) => (placeholder === '$1' ? account : mode));
}

/** The columns of an ended delivery `d`. */
export const ENDED_COLUMNS = `d.id, d.endpoint_id, d.event_id, d.event_type, d.operation_id, d.status, d.status_reason,
  d.trigger, d.previous_delivery_id, d.recovery_id, d.attempt_count,
  NULL::float8 AS next_attempt_ms, ${milliseconds('d.ended_at')} AS ended_ms`;

export const ENDED_TABLE = 'signalpost.deliveries d';
export const ENDED_TENANT = 'd.account_id = $1 AND d.mode = $2';
export const ENDED_STATUS = 'd.status';

/*
 * What an unfinished delivery `p` reads as: the moment its endpoint `w` is disabled, which begins an epoch, or deleted
 * ends it, though the job that ends the rows may be behind.
 */
const IS_SKIPPED = `(p.endpoint_epoch < w.epoch OR (w.status = 'disabled' AND w.deleted_at IS NULL))`;
export const UNFINISHED_STATUS = `CASE WHEN ${IS_SKIPPED} THEN 'skipped'
  WHEN w.deleted_at IS NOT NULL THEN 'cancelled' ELSE 'pending' END`;

/** The same columns of an unfinished delivery `p` and its endpoint `w`; `infinity` waits for another's end. */
export const UNFINISHED_COLUMNS = `p.id, p.endpoint_id, p.event_id, p.event_type, p.operation_id,
  ${UNFINISHED_STATUS} AS status,
  CASE WHEN ${IS_SKIPPED} THEN 'endpoint_disabled' WHEN w.deleted_at IS NOT NULL THEN 'endpoint_deleted' END
    AS status_reason,
  p.trigger, p.previous_delivery_id, p.recovery_id, p.attempt_count,
  CASE WHEN NOT ${IS_SKIPPED} AND w.deleted_at IS NULL AND p.due_at <> 'infinity' THEN ${milliseconds('p.due_at')} END
    AS next_attempt_ms,
  CASE WHEN ${IS_SKIPPED} THEN ${milliseconds('coalesce(w.epoch_ended_at, w.updated_at)')}
       WHEN w.deleted_at IS NOT NULL THEN ${milliseconds('w.deleted_at')} END AS ended_ms`;

export const UNFINISHED_TABLE = `signalpost.pending_deliveries p
  JOIN signalpost.webhook_endpoints w ON w.account_id = $1 AND w.mode = $2 AND w.id = p.endpoint_id`;
export const UNFINISHED_TENANT = 'p.account_id = $1 AND p.mode = $2';

/**
 * The first deliveries of the event `eventId` (an SQL expression): their ids begin with its millisecond and ordinal,
 * so the primary key finds them. To be used together with a comparison of the event's id.
 */
export function firstDeliveryRange(column: string, eventId: string): string {
  const head = `left(${eventId}::text, 18)`;
  return `${column} BETWEEN (${head} || '-0000-000000000000')::uuid AND (${head} || '-ffff-ffffffffffff')::uuid`;
}

/**
 * Where the first deliveries of the events from `from` on and before `until` lie, by their ids (SQL expressions): it is
 * exact but for what shares a bound's millisecond and ordinal, so events are to be compared as well.
 */
export function firstDeliveriesBetween(column: string, from: string, until: string): string {
  return `${column} >= (left(${from}::uuid::text, 18) || '-0000-000000000000')::uuid
    AND ${column} <= (left(${until}::uuid::text, 18) || '-ffff-ffffffffffff')::uuid`;
}

/**
 * Whether the event `eventId` has a delivery whose status is among `statuses` (a placeholder of text[]).
 * Index: primary keys for first deliveries, the partial indexes on the event for resent ones.
 */
export function hasDelivery(eventId: string, statuses: string): string {
  const ended = `SELECT FROM ${ENDED_TABLE} WHERE ${ENDED_TENANT} AND d.event_id = ${eventId}
    AND ${ENDED_STATUS} = ANY (${statuses}::text[])`;
  const unfinished = `SELECT FROM ${UNFINISHED_TABLE} WHERE ${UNFINISHED_TENANT} AND p.event_id = ${eventId}
    AND ${UNFINISHED_STATUS} = ANY (${statuses}::text[])`;
  return `(EXISTS (${ended} AND ${firstDeliveryRange('d.id', eventId)})
    OR EXISTS (${ended} AND d.trigger <> 'event')
    OR EXISTS (${unfinished} AND ${firstDeliveryRange('p.id', eventId)})
    OR EXISTS (${unfinished} AND p.trigger <> 'event'))`;
}

/**
 * A subquery's text: the first deliveries of the event `eventId` (an SQL expression) under the conditions given, each
 * of which begins with AND. Index: primary keys.
 */
export function firstDeliveriesOf(eventId: string, endedConditions: string, unfinishedConditions: string): string {
  return `SELECT ${ENDED_COLUMNS} FROM ${ENDED_TABLE}
      WHERE ${ENDED_TENANT} AND d.event_id = ${eventId} AND d.trigger = 'event'
        AND ${firstDeliveryRange('d.id', eventId)} ${endedConditions}
    UNION ALL SELECT ${UNFINISHED_COLUMNS} FROM ${UNFINISHED_TABLE}
      WHERE ${UNFINISHED_TENANT} AND p.event_id = ${eventId} AND p.trigger = 'event'
        AND ${firstDeliveryRange('p.id', eventId)} ${unfinishedConditions}`;
}

/**
 * The deliveries of the relation `wanted (event_id)` that stands before it in FROM, under the conditions given (each
 * begins with AND): a LATERAL subquery named `owed`. Index: as `hasDelivery` says.
 */
export function deliveriesOfWantedEvents(endedConditions: string, unfinishedConditions: string): string {
  return `CROSS JOIN LATERAL (
    ${firstDeliveriesOf('wanted.event_id', endedConditions, unfinishedConditions)}
    UNION ALL SELECT ${ENDED_COLUMNS} FROM ${ENDED_TABLE}
      WHERE ${ENDED_TENANT} AND d.event_id = wanted.event_id AND d.trigger <> 'event' ${endedConditions}
    UNION ALL SELECT ${UNFINISHED_COLUMNS} FROM ${UNFINISHED_TABLE}
      WHERE ${UNFINISHED_TENANT} AND p.event_id = wanted.event_id AND p.trigger <> 'event' ${unfinishedConditions}
  ) AS owed`;
}

/**
 * What is in the air of the relation `page`, as the common table `air (id, number)`: claimed by a dispatcher whose
 * lease lives. Reads the few rows of batches under way.
 */
export const AIR = `air AS MATERIALIZED (
  SELECT a.id, a.number
  FROM signalpost.dispatchers s
  JOIN signalpost.claimed_batches b ON b.token = s.token
  CROSS JOIN LATERAL unnest(b.account_ids, b.modes, b.delivery_ids, b.attempt_numbers)
    AS a (account_id, mode, id, number)
  WHERE s.lease_until > now() AND a.account_id = $1 AND a.mode = $2
    AND b.delivery_ids && ARRAY(SELECT id FROM page WHERE status = 'pending')
)`;

/** Whether the row of `page` is in the air: claimed for the attempt that comes next. */
export const IN_FLIGHT = `page.status = 'pending' AND EXISTS (
  SELECT FROM air WHERE air.id = page.id AND air.number = page.attempt_count + 1) AS in_flight`;

/** The attempts of the row of `page` since `from` (a placeholder) as JSON, oldest first. Index: primary key. */
export const attemptsSince = (from: string): string => `(
  SELECT coalesce(json_agg(json_build_object(
    'id', a.id, 'number', a.number, 'started_ms', ${milliseconds('a.started_at')}, 'duration_ms', a.duration_ms,
    'outcome', a.outcome, 'status_code', a.status_code, 'error_code', a.error_code, 'error_message', a.error_message,
    'response_body', a.response_body, 'response_truncated', a.response_truncated) ORDER BY a.number), '[]')
  FROM signalpost.attempts a
  WHERE a.account_id = $1 AND a.mode = $2 AND a.delivery_id = page.id AND a.started_at >= ${from}::timestamptz
)`;
