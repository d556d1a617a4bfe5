import { compositeType } from '../database/binary-parameters.js';

// The types of migrations/schema/publish-types.sql, which says what their columns mean.

export const PUBLISHED_LEDGER = compositeType('published_ledger', {
  account_id: 'uuid',
  mode: 'text',
  expected_sequence: 'bigint',
  expected_erasures: 'bigint',
  event_count: 'integer',
});

export const PUBLISHED_EVENT = compositeType('published_event', {
  ledger: 'integer',
  ordinal: 'integer',
  id_tail: 'text',
  id_suffix: 'text',
  type: 'text',
  source: 'text',
  external_id: 'text',
  content_hash: 'bytea',
  operation_id: 'text',
  operation_kind: 'text',
  operation_status: 'text',
  reference: 'text',
  search: 'text',
  occurred_at: 'timestamptz',
  body_to_sequence: 'text',
  body_to_created: 'text',
  body_tail: 'text',
  log_status: 'text',
  log_description: 'text',
  log_search: 'text',
  actor_type: 'text',
  actor_id: 'text',
  actor_name: 'text',
  actor_ip: 'text',
  api_key_id: 'uuid',
  request_id: 'text',
});

export const PUBLISHED_OPERATION = compositeType('published_operation', {
  ledger: 'integer',
  id: 'text',
  expected_version: 'bigint',
  version: 'bigint',
  kind: 'text',
  status: 'text',
  amount: 'bigint',
  currency: 'text',
  reference: 'text',
  channel: 'text',
  customer: 'text',
  cause_code: 'text',
  cause_description: 'text',
  metadata: 'text',
  search: 'text',
  last_id_tail: 'text',
  created_at: 'timestamptz',
  updated_at: 'timestamptz',
});

export const PUBLISHED_STATS = compositeType('published_stats', {
  ledger: 'integer',
  period: 'text',
  starts_at: 'timestamptz',
  kind: 'text',
  status: 'text',
  currency: 'text',
  count: 'bigint',
  amount: 'text',
});

export const PUBLISHED_ANSWER = compositeType('published_answer', {
  account_id: 'uuid',
  mode: 'text',
  caller_class: 'text',
  path: 'text',
  key: 'text',
  body_hash: 'bytea',
  status: 'smallint',
  response: 'text',
});
