import {
  ENDED_TABLE,
  firstDeliveriesBetween,
  UNFINISHED_STATUS,
  UNFINISHED_TABLE,
  withTenant,
} from '../deliveries/delivery-rows.js';
import type { EventFilters } from './event-filters.js';
import type { Order, Placeholder } from './event-scans.js';

/** What of the deliveries must be looked at for the statuses asked for; each shape is a statement of its own. */
export interface DeliveryParts {
  readonly name: string;
  readonly succeeded: boolean;
  readonly unsuccessful: boolean;
  readonly unfinished: boolean;
}

export function deliveryPartsOf({ deliveryStatuses }: EventFilters): DeliveryParts {
  const has = (...wanted: readonly string[]): boolean => deliveryStatuses.some((status) => wanted.includes(status));
  const succeeded = has('succeeded');
  const unsuccessful = has('failed', 'cancelled', 'skipped');
  const unfinished = has('pending', 'cancelled', 'skipped');
  const name = `${succeeded ? 's' : ''}${unsuccessful ? 'u' : ''}${unfinished ? 'p' : ''}`;
  return { name, succeeded, unsuccessful, unfinished };
}

/**
 * The ids of events in the range that have a delivery in one of the statuses, as subqueries of one column `event_id`,
 * each in order and ended by `tail`. First deliveries lie in the order of their events, so they are read by their own
 * ids. Index: deliveries_unsuccessful; deliveries_by_endpoint for succeeded ones, an ordered scan an endpoint;
 * deliveries_resent; the primary key of the unfinished, and pending_deliveries_resent.
 */
export function deliveredEvents(
  { succeeded, unsuccessful, unfinished }: DeliveryParts,
  p: Placeholder,
  order: Order,
  tail: string,
): string[] {
  const of = (alias: string): string =>
    `${alias}.account_id = ${p('accountId')} AND ${alias}.mode = ${p('mode')}
      AND ${alias}.event_id >= ${p('from')} AND ${alias}.event_id < ${p('until')}`;
  const statuses = `${p('deliveryStatuses')}::text[]`;
  const first = (alias: string): string =>
    `${of(alias)} AND ${alias}.trigger = 'event' AND ${firstDeliveriesBetween(`${alias}.id`, p('from'), p('until'))}`;
  const ordered = (column: string): string => `ORDER BY ${column} ${order} ${tail}`;
  const parts: string[] = [];
  if (unsuccessful) {
    parts.push(`SELECT ended.event_id FROM unnest(${statuses}) AS wanted (status) CROSS JOIN LATERAL (
      SELECT d.event_id FROM ${ENDED_TABLE}
      WHERE ${first('d')} AND d.status = wanted.status AND d.status <> 'succeeded' ${ordered('d.id')}) AS ended`);
  }
  if (succeeded) {
    parts.push(`SELECT ended.event_id FROM signalpost.webhook_endpoints w CROSS JOIN LATERAL (
      SELECT d.event_id FROM ${ENDED_TABLE}
      WHERE ${first('d')} AND d.endpoint_id = w.id AND d.status = 'succeeded' ${ordered('d.id')}) AS ended
      WHERE w.account_id = ${p('accountId')} AND w.mode = ${p('mode')}`);
  }
  if (succeeded || unsuccessful) {
    parts.push(`SELECT d.event_id FROM ${ENDED_TABLE}
      WHERE ${of('d')} AND d.trigger <> 'event' AND d.status = ANY (${statuses}) ${ordered('d.event_id')}`);
  }
  if (unfinished) {
    const table = withTenant(UNFINISHED_TABLE, p('accountId'), p('mode'));
    parts.push(
      `SELECT p.event_id FROM ${table}
       WHERE ${first('p')} AND ${UNFINISHED_STATUS} = ANY (${statuses}) ${ordered('p.id')}`,
      `SELECT p.event_id FROM ${table}
       WHERE ${of('p')} AND p.trigger <> 'event' AND ${UNFINISHED_STATUS} = ANY (${statuses}) ${ordered('p.event_id')}`,
    );
  }
  return parts;
}
