import { compositeType } from '../database/binary-parameters.js';

// The types of migrations/schema/settle-types.sql, which says what their columns mean.

export const SETTLEMENT = compositeType('settlement', {
  account_id: 'uuid',
  mode: 'text',
  id: 'uuid',
  endpoint_id: 'uuid',
  number: 'integer',
  status: 'text',
  reason: 'text',
  wait_ms: 'bigint',
  attempt_id: 'uuid',
  started_at: 'timestamptz',
  duration_ms: 'integer',
  outcome: 'text',
  status_code: 'smallint',
  error_code: 'text',
  error_message: 'text',
  response_body: 'text',
  response_truncated: 'boolean',
});

export const SETTLED_ENDPOINT = compositeType('settled_endpoint', {
  account_id: 'uuid',
  mode: 'text',
  id: 'uuid',
  is_changed: 'boolean',
});

export const ENDPOINT_CHANGE = compositeType('endpoint_change', {
  account_id: 'uuid',
  mode: 'text',
  id: 'uuid',
  revision: 'bigint',
  failing_begins: 'boolean',
  dead_reason: 'text',
});

export const SETTLEMENT_LOG = compositeType('settlement_log', {
  settlement: 'integer',
  id_tail: 'text',
  action: 'text',
  status: 'text',
  description: 'text',
  search: 'text',
});

export const SETTLEMENT_EVENT = compositeType('settlement_event', {
  settlement: 'integer',
  input: 'text',
});
