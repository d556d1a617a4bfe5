-- What publish_events takes arrays of. One array of rows costs PostgreSQL less to take in, at any length, than an array
-- for each column: of one row a third, for each array is unpacked into memory of its own. No table has these types. A
-- row that changes gets a new type, and the function that takes it a new name: processes of the version before still
-- send the old one.

CREATE TYPE signalpost.published_ledger AS (
  account_id uuid,
  mode text,
  -- Where the caller saw it stand; -1: it did not look.
  expected_sequence bigint,
  expected_erasures bigint,
  event_count integer
);

-- `ordinal` counts from 1 within its ledger; `id_tail` is the last 80 bits of the uuid in hex, `id_suffix` the same in
-- TypeID's base32; the body is head || suffix || body_to_sequence || sequence || body_to_created || time || body_tail.
CREATE TYPE signalpost.published_event AS (
  ledger integer,
  ordinal integer,
  id_tail text,
  id_suffix text,
  type text,
  source text,
  external_id text,
  content_hash bytea,
  operation_id text,
  operation_kind text,
  operation_status text,
  reference text,
  search text,
  occurred_at timestamptz,
  body_to_sequence text,
  body_to_created text,
  body_tail text,
  log_status text,
  log_description text,
  log_search text,
  actor_type text,
  actor_id text,
  actor_name text,
  actor_ip text,
  api_key_id uuid,
  request_id text
);

-- As it stands after its last event of the call. `last_id_tail` is that of the last event that was not stale, '' when
-- all were: then the operation keeps its last event.
CREATE TYPE signalpost.published_operation AS (
  ledger integer,
  id text,
  expected_version bigint,
  version bigint,
  kind text,
  status text,
  amount bigint,
  currency text,
  reference text,
  channel text,
  customer text,
  cause_code text,
  cause_description text,
  metadata text,
  search text,
  last_id_tail text,
  created_at timestamptz,
  updated_at timestamptz
);

-- What is added to a row of operation_stats.
CREATE TYPE signalpost.published_stats AS (
  ledger integer,
  period text,
  starts_at timestamptz,
  kind text,
  status text,
  currency text,
  count bigint,
  -- Digits, for many large amounts may exceed a bigint.
  amount text
);

-- The answer to a whole request with an idempotency key; what is kept is {"accounts", "modes", "ms": [of each ledger],
-- "results": response}.
CREATE TYPE signalpost.published_answer AS (
  account_id uuid,
  mode text,
  caller_class text,
  path text,
  key text,
  body_hash bytea,
  status smallint,
  response text
);
