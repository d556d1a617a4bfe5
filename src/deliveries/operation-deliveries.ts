import {
  ENDED_COLUMNS,
  ENDED_STATUS,
  ENDED_TABLE,
  ENDED_TENANT,
  firstDeliveriesBetween,
  firstDeliveriesOf,
  UNFINISHED_COLUMNS,
  UNFINISHED_STATUS,
  UNFINISHED_TABLE,
  UNFINISHED_TENANT,
} from './delivery-rows.js';

/** A page of an operation's deliveries; its parts are SQL expressions. */
export interface OperationDeliveriesPage {
  readonly operationId: string;
  /** A delivery's id is not before it. */
  readonly from: string;
  /** A delivery's id is not after it. */
  readonly until: string;
  readonly order: 'ASC' | 'DESC';
  readonly limit: string;
  /** What else is asked of a row; begins with AND. */
  readonly conditions: (alias: 'd' | 'p', status: string) => string;
}

/**
 * A subquery's text: the deliveries of an operation, in no order, with all of the page among them. However many events
 * the operation has, it goes through them only until it has a page, for first deliveries lie in the order of their
 * events; with ties, because those of one event come in the order of their own ids. Index: events_by_operation, primary
 * keys, and for resent ones deliveries_resent_by_operation and pending_deliveries_resent_by_operation.
 */
export function deliveriesOfOperation(page: OperationDeliveriesPage): string {
  const { operationId, from, until, order, limit, conditions } = page;
  const ended = conditions('d', ENDED_STATUS);
  const unfinished = conditions('p', UNFINISHED_STATUS);
  const resent = (alias: string): string =>
    `${alias}.operation_id = ${operationId} AND ${alias}.trigger <> 'event'
      AND ${alias}.id >= ${from} AND ${alias}.id <= ${until}`;
  return `(
      SELECT owed.* FROM signalpost.events e
      CROSS JOIN LATERAL (${firstDeliveriesOf('e.id', ended, unfinished)}) AS owed
      WHERE e.account_id = $1 AND e.mode = $2 AND e.operation_id = ${operationId}
        AND ${firstDeliveriesBetween('e.id', from, until)}
      ORDER BY e.id ${order} FETCH FIRST (${limit}::bigint) ROWS WITH TIES
    ) UNION ALL (
      SELECT ${ENDED_COLUMNS} FROM ${ENDED_TABLE} WHERE ${ENDED_TENANT} AND ${resent('d')} ${ended}
      ORDER BY d.id ${order} LIMIT ${limit}
    ) UNION ALL (
      SELECT ${UNFINISHED_COLUMNS} FROM ${UNFINISHED_TABLE} WHERE ${UNFINISHED_TENANT} AND ${resent('p')} ${unfinished}
      ORDER BY p.id ${order} LIMIT ${limit}
    )`;
}
