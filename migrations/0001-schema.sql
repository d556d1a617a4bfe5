-- The first schema. Rules it keeps everywhere (they let it be distributed by account_id, see docs/decisions/0002):
-- every tenant table's primary key begins (account_id, mode); what is unique over all time lives in a table of its
-- own; no triggers, no sequences on tenant tables. Tables partitioned by a UUIDv7 get their months from
-- src/database/partition-maintenance.ts.

CREATE SCHEMA IF NOT EXISTS signalpost;

CREATE TABLE signalpost.settings (
  key text PRIMARY KEY,
  value text NOT NULL
);

-- ── Accounts and keys ───────────────────────────────────────────────────────────────────────────────────────────────

CREATE TABLE signalpost.accounts (
  id uuid PRIMARY KEY,
  name text NOT NULL,
  external_id text UNIQUE,
  status text NOT NULL DEFAULT 'active' CHECK (status IN ('active', 'suspended')),
  locale text NOT NULL DEFAULT 'en' CHECK (locale IN ('en', 'fr')),
  live_publishing boolean NOT NULL DEFAULT false,
  metadata json NOT NULL DEFAULT '{}',
  created_at timestamptz(3) NOT NULL DEFAULT now(),
  updated_at timestamptz(3) NOT NULL DEFAULT now()
);

-- One row an account and mode, locked by every publish until its commit: it hands out the gap-free sequence and the
-- time inside ids, which never goes back.
CREATE TABLE signalpost.ledgers (
  account_id uuid NOT NULL,
  mode text NOT NULL CHECK (mode IN ('test', 'live')),
  last_sequence bigint NOT NULL DEFAULT 0,
  last_event_ms bigint NOT NULL DEFAULT 0,
  -- How often an operation was erased: a publish that read one before must read it again.
  erasures bigint NOT NULL DEFAULT 0,
  PRIMARY KEY (account_id, mode)
) WITH (fillfactor = 20, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000);

CREATE TABLE signalpost.api_keys (
  account_id uuid NOT NULL,
  mode text NOT NULL CHECK (mode IN ('test', 'live')),
  id uuid NOT NULL,
  kind text NOT NULL CHECK (kind IN ('public', 'secret', 'restricted')),
  name text NOT NULL,
  public_part text NOT NULL,
  -- Public keys may be shown again, so they are kept whole; of others only hashes exist.
  public_key text,
  preview text NOT NULL,
  pepper_id text NOT NULL,
  hmac bytea NOT NULL,
  argon2_hash text,
  scopes text[],
  allowed_ips text[] NOT NULL DEFAULT '{}',
  allowed_origins text[] NOT NULL DEFAULT '{}',
  replaced_by uuid,
  requests_since_replaced bigint NOT NULL DEFAULT 0,
  last_used_at timestamptz(3),
  last_used_ip text,
  last_used_user_agent text,
  created_at timestamptz(3) NOT NULL DEFAULT now(),
  expires_at timestamptz(3),
  revoked_at timestamptz(3),
  PRIMARY KEY (account_id, mode, id),
  CHECK ((kind = 'public') = (public_key IS NOT NULL)),
  CHECK ((kind = 'public') = (argon2_hash IS NULL)),
  CHECK ((kind = 'restricted') = (scopes IS NOT NULL))
);

-- A key's public part leads to its account, so that verifying asks one shard.
CREATE TABLE signalpost.key_lookup (
  public_part text PRIMARY KEY,
  account_id uuid NOT NULL,
  mode text NOT NULL,
  key_id uuid NOT NULL
);

-- ── Events and operations ───────────────────────────────────────────────────────────────────────────────────────────

CREATE TABLE signalpost.event_types (
  type text PRIMARY KEY,
  description text NOT NULL,
  schema json,
  sample json,
  retired boolean NOT NULL DEFAULT false,
  created_at timestamptz(3) NOT NULL DEFAULT now()
);

-- `body` is the event as it is stored, signed, delivered and read: serialised once.
CREATE TABLE signalpost.events (
  account_id uuid NOT NULL,
  mode text NOT NULL,
  id uuid NOT NULL,
  sequence bigint NOT NULL,
  type text NOT NULL,
  source text NOT NULL CHECK (source IN ('platform', 'account', 'system')),
  external_id text,
  operation_id text,
  operation_kind text,
  operation_status text,
  reference text,
  search text NOT NULL DEFAULT '',
  occurred_at timestamptz(3) NOT NULL,
  body text NOT NULL,
  PRIMARY KEY (account_id, mode, id)
) PARTITION BY RANGE (id);
-- Serves type, kind and status, alone and together: a reader finds the combinations that an account has by jumping from
-- one to the next, then reads each in the order of ids. For predicates that are true of every row, see
-- pending_deliveries_due.
CREATE INDEX events_by_type
  ON signalpost.events (account_id, mode, type, coalesce(operation_kind, ''), coalesce(operation_status, ''), id)
  WHERE type IS NOT NULL;
CREATE INDEX events_by_reference ON signalpost.events (account_id, mode, reference, id) WHERE reference IS NOT NULL;
-- Events accepted more than ten minutes after they happened. All others lie, by their ids, within ten minutes of
-- `occurred_at`, so that a bound on that is one on ids.
CREATE INDEX events_late ON signalpost.events (account_id, mode, id)
  WHERE occurred_at < to_timestamp(('x' || translate(left(id::text, 13), '-', ''))::bit(48)::bigint / 1000.0 - 600);
CREATE INDEX events_by_operation ON signalpost.events (account_id, mode, operation_id, id) WHERE operation_id IS NOT NULL;
-- The predicate, true of every row, keeps look-ups by id away from it; see pending_deliveries_due.
CREATE INDEX events_by_sequence ON signalpost.events (account_id, mode, sequence, id) WHERE sequence IS NOT NULL;

CREATE TABLE signalpost.operations (
  account_id uuid NOT NULL,
  mode text NOT NULL,
  id text NOT NULL,
  kind text NOT NULL,
  status text NOT NULL,
  version bigint NOT NULL,
  amount bigint,
  currency text,
  reference text,
  channel text,
  customer json,
  cause_code text,
  cause_description text,
  metadata json NOT NULL DEFAULT '{}',
  search text NOT NULL DEFAULT '',
  last_event_id uuid NOT NULL,
  created_at timestamptz(3) NOT NULL,
  updated_at timestamptz(3) NOT NULL,
  PRIMARY KEY (account_id, mode, id)
) WITH (fillfactor = 70);
CREATE INDEX operations_by_time ON signalpost.operations (account_id, mode, created_at, id);
CREATE INDEX operations_by_state ON signalpost.operations (account_id, mode, kind, status, created_at, id)
  WHERE kind IS NOT NULL;

-- How many operations there are and what they sum up to, by the hour and by the day (UTC) in which they were created,
-- kind, current status and currency ('': none). Written by publish_events and expire_operations alone, under the
-- ledger's lock, which they hold anyway; a row whose count came back to 0 stays until retention clears it away.
CREATE TABLE signalpost.operation_stats (
  account_id uuid NOT NULL,
  mode text NOT NULL,
  period text NOT NULL CHECK (period IN ('hour', 'day')),
  starts_at timestamptz(0) NOT NULL,
  kind text NOT NULL,
  status text NOT NULL,
  currency text NOT NULL,
  count bigint NOT NULL,
  amount numeric NOT NULL,
  PRIMARY KEY (account_id, mode, period, starts_at, kind, status, currency)
) WITH (fillfactor = 50, autovacuum_vacuum_scale_factor = 0.05, autovacuum_vacuum_threshold = 1000);

-- The producers' own ids of events, unique for as long as the events are kept.
CREATE TABLE signalpost.external_ids (
  account_id uuid NOT NULL,
  mode text NOT NULL,
  external_id text NOT NULL,
  event_id uuid NOT NULL,
  content_hash bytea NOT NULL,
  PRIMARY KEY (account_id, mode, external_id)
);
-- For retention alone, over all accounts; ids of events rise with time, so it is written at its end only.
CREATE INDEX external_ids_by_age ON signalpost.external_ids (event_id);

-- What a request with an Idempotency-Key answered, for 30 days. Publishing keeps the ids of its events instead of a body.
CREATE TABLE signalpost.idempotency_keys (
  account_id uuid NOT NULL,
  mode text NOT NULL,
  caller_class text NOT NULL CHECK (caller_class IN ('key', 'admin')),
  method text NOT NULL,
  path text NOT NULL,
  key text NOT NULL,
  body_hash bytea NOT NULL,
  status smallint NOT NULL,
  response json,
  created_at timestamptz(3) NOT NULL DEFAULT now(),
  PRIMARY KEY (account_id, mode, caller_class, method, path, key)
);
CREATE INDEX idempotency_keys_by_age ON signalpost.idempotency_keys (created_at);

-- Events that wait to be published by the ordinary ingest, in the order of `position`: those of the system, written
-- in the transaction that caused them. A row whose `error` is set was refused and stays to be seen.
CREATE TABLE signalpost.event_inbox (
  position bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  account_id uuid NOT NULL,
  mode text NOT NULL,
  source text NOT NULL CHECK (source IN ('platform', 'system')),
  input json NOT NULL,
  error json,
  created_at timestamptz(3) NOT NULL DEFAULT now()
);
CREATE INDEX event_inbox_waiting ON signalpost.event_inbox (position) WHERE error IS NULL;

-- ── Logs ────────────────────────────────────────────────────────────────────────────────────────────────────────────

-- The platform's own logs have the nil account and the mode ''.
CREATE TABLE signalpost.logs (
  account_id uuid NOT NULL,
  mode text NOT NULL,
  id uuid NOT NULL,
  category text NOT NULL CHECK (category IN ('operation', 'api', 'webhook', 'key', 'admin')),
  action text NOT NULL,
  status text NOT NULL CHECK (status IN ('succeeded', 'failed', 'pending', 'info')),
  description text NOT NULL,
  operation_id text,
  event_id uuid,
  endpoint_id uuid,
  delivery_id uuid,
  api_key_id uuid,
  request_id text,
  actor_type text NOT NULL CHECK (actor_type IN ('key', 'admin', 'system')),
  actor_id text,
  actor_name text,
  actor_ip text,
  http json,
  metadata json NOT NULL DEFAULT '{}',
  search text NOT NULL DEFAULT '',
  occurred_at timestamptz(3) NOT NULL,
  PRIMARY KEY (account_id, mode, id)
) PARTITION BY RANGE (id);
CREATE INDEX logs_by_operation ON signalpost.logs (account_id, mode, operation_id, id) WHERE operation_id IS NOT NULL;

-- ── Webhooks ────────────────────────────────────────────────────────────────────────────────────────────────────────

CREATE TABLE signalpost.webhook_endpoints (
  account_id uuid NOT NULL,
  mode text NOT NULL,
  id uuid NOT NULL,
  url text NOT NULL,
  event_types text[] NOT NULL,
  description text,
  status text NOT NULL DEFAULT 'enabled' CHECK (status IN ('enabled', 'disabled')),
  disabled_reason text CHECK (disabled_reason IN ('manual', 'gone', 'failing')),
  disabled_at timestamptz(3),
  -- When the present run of failures, unbroken by a success, began.
  failing_since timestamptz(3),
  -- Written with the attempt that calls for disabling it, at which revision; cleared when that is done.
  dead_reason text CHECK (dead_reason IN ('gone', 'failing')),
  dead_revision bigint,
  headers json NOT NULL DEFAULT '{}',
  rate_limit integer,
  timeout_ms integer NOT NULL DEFAULT 15000,
  retry_schedule integer[],
  ordering text NOT NULL DEFAULT 'none' CHECK (ordering IN ('none', 'operation')),
  signature_scheme text NOT NULL DEFAULT 'standard' CHECK (signature_scheme IN ('standard', 'ed25519', 'timestamped')),
  signature_header text,
  signature_label text,
  public_key text,
  metadata json NOT NULL DEFAULT '{}',
  -- Rises with every change of what the dispatcher must know, so that it knows when to read again.
  revision bigint NOT NULL DEFAULT 1,
  -- Rises when the endpoint is disabled: unfinished deliveries of an earlier epoch count as skipped from that moment.
  epoch integer NOT NULL DEFAULT 1,
  -- When the last epoch before this one ended: what its unfinished deliveries show as their end.
  epoch_ended_at timestamptz(3),
  -- Set when it is disabled or deleted, until a job has ended the rows that this left unfinished.
  has_leftovers boolean NOT NULL DEFAULT false,
  -- While it is disabled: the time of the oldest event whose first delivery that left unfinished; null: of none.
  recoverable_since timestamptz(3),
  created_at timestamptz(3) NOT NULL DEFAULT now(),
  updated_at timestamptz(3) NOT NULL DEFAULT now(),
  deleted_at timestamptz(3),
  PRIMARY KEY (account_id, mode, id),
  CHECK ((status = 'disabled') = (disabled_at IS NOT NULL)),
  CHECK ((status = 'disabled') = (disabled_reason IS NOT NULL))
);
CREATE INDEX webhook_endpoints_leftovers ON signalpost.webhook_endpoints (account_id, mode, id) WHERE has_leftovers;
CREATE INDEX webhook_endpoints_dead ON signalpost.webhook_endpoints (account_id, mode, id) WHERE dead_reason IS NOT NULL;

CREATE TABLE signalpost.webhook_secrets (
  account_id uuid NOT NULL,
  mode text NOT NULL,
  endpoint_id uuid NOT NULL,
  id uuid NOT NULL,
  ciphertext bytea NOT NULL,
  -- The id of the encryption key, so that rows under an old one are found.
  key_id text NOT NULL,
  -- Of an ed25519 pair, in the clear: the public list of keys opens no secret.
  public_key text,
  created_at timestamptz(3) NOT NULL DEFAULT now(),
  expires_at timestamptz(3),
  PRIMARY KEY (account_id, mode, endpoint_id, id)
);

-- Attempts of an endpoint by the hour in which they began, by why they failed ('' for a success) and by their duration:
-- bucket n holds durations up to 1.1^n ms. Every settle adds its own, so the counts are exact.
CREATE TABLE signalpost.attempt_counts (
  account_id uuid NOT NULL,
  mode text NOT NULL,
  endpoint_id uuid NOT NULL,
  hour timestamptz(0) NOT NULL,
  reason text NOT NULL,
  bucket smallint NOT NULL,
  count bigint NOT NULL,
  PRIMARY KEY (account_id, mode, endpoint_id, hour, reason, bucket)
) WITH (fillfactor = 70);

-- An endpoint's id alone leads to its account, for the public list of its signing keys.
CREATE TABLE signalpost.endpoint_lookup (
  endpoint_id uuid PRIMARY KEY,
  account_id uuid NOT NULL,
  mode text NOT NULL
);

-- ── Deliveries ──────────────────────────────────────────────────────────────────────────────────────────────────────

-- The state machine (ARCHITECTURE.md draws it): an unfinished delivery is a row here and nowhere else; its end deletes
-- the row and writes `deliveries` in the same transaction. Nothing is written to claim one.
CREATE TABLE signalpost.pending_deliveries (
  account_id uuid NOT NULL,
  mode text NOT NULL,
  id uuid NOT NULL,
  endpoint_id uuid NOT NULL,
  -- The endpoint's epoch at planning; a row of an earlier epoch counts as skipped.
  endpoint_epoch integer NOT NULL,
  event_id uuid NOT NULL,
  event_type text NOT NULL,
  operation_id text,
  trigger text NOT NULL DEFAULT 'event' CHECK (trigger IN ('event', 'retry', 'redeliver', 'recovery')),
  previous_delivery_id uuid,
  recovery_id uuid,
  -- The operation whose deliveries go one after another, for endpoints ordered so; null: stands outside any order.
  order_key text,
  -- `infinity`: waits for an earlier delivery of its operation (ordering `operation`); only the lane's owner writes it.
  due_at timestamptz(3) NOT NULL,
  attempt_count integer NOT NULL DEFAULT 0,
  first_attempt_at timestamptz(3),
  -- How often a dispatcher died with this delivery in the air.
  crash_count smallint NOT NULL DEFAULT 0,
  PRIMARY KEY (account_id, mode, id)
) WITH (fillfactor = 90, autovacuum_vacuum_scale_factor = 0.05, autovacuum_vacuum_threshold = 500);
-- Its predicate is true of every row, and says that only a statement which names the endpoint may use it: otherwise a
-- look-up by id, where the planner knows nothing yet, goes through this index instead of the primary key, 30 times slower.
CREATE INDEX pending_deliveries_due
  ON signalpost.pending_deliveries (account_id, mode, endpoint_id, endpoint_epoch, due_at, id)
  WHERE endpoint_id IS NOT NULL;
CREATE INDEX pending_deliveries_order
  ON signalpost.pending_deliveries (account_id, mode, endpoint_id, order_key, endpoint_epoch, id)
  WHERE order_key IS NOT NULL;
-- A first delivery shares its event's millisecond and is found by it; only the others need an index on the event.
CREATE INDEX pending_deliveries_resent ON signalpost.pending_deliveries (account_id, mode, event_id)
  WHERE trigger <> 'event';
CREATE INDEX pending_deliveries_resent_by_operation
  ON signalpost.pending_deliveries (account_id, mode, operation_id, id) WHERE trigger <> 'event';

-- Ended deliveries; a row changes only in that an attempt which was in the air at a cancellation is counted.
CREATE TABLE signalpost.deliveries (
  account_id uuid NOT NULL,
  mode text NOT NULL,
  id uuid NOT NULL,
  endpoint_id uuid NOT NULL,
  event_id uuid NOT NULL,
  event_type text NOT NULL,
  operation_id text,
  trigger text NOT NULL DEFAULT 'event' CHECK (trigger IN ('event', 'retry', 'redeliver', 'recovery')),
  previous_delivery_id uuid,
  recovery_id uuid,
  status text NOT NULL CHECK (status IN ('succeeded', 'failed', 'cancelled', 'skipped')),
  status_reason text CHECK (
    status_reason IN ('exhausted', 'poison', 'expired', 'gone', 'endpoint_disabled', 'endpoint_deleted', 'cancelled_by_user')
  ),
  attempt_count integer NOT NULL DEFAULT 0,
  ended_at timestamptz(3) NOT NULL,
  PRIMARY KEY (account_id, mode, id),
  CHECK ((status = 'succeeded') = (status_reason IS NULL))
) PARTITION BY RANGE (id);
CREATE INDEX deliveries_by_endpoint ON signalpost.deliveries (account_id, mode, endpoint_id, status, id)
  WHERE endpoint_id IS NOT NULL;
CREATE INDEX deliveries_unsuccessful ON signalpost.deliveries (account_id, mode, status, id) WHERE status <> 'succeeded';
CREATE INDEX deliveries_resent ON signalpost.deliveries (account_id, mode, event_id) WHERE trigger <> 'event';
CREATE INDEX deliveries_resent_by_operation ON signalpost.deliveries (account_id, mode, operation_id, id)
  WHERE trigger <> 'event';

-- Partitioned by the delivery's id, so that a delivery's attempts lie together and go with it.
CREATE TABLE signalpost.attempts (
  account_id uuid NOT NULL,
  mode text NOT NULL,
  delivery_id uuid NOT NULL,
  number integer NOT NULL,
  id uuid NOT NULL,
  endpoint_id uuid NOT NULL,
  started_at timestamptz(3) NOT NULL,
  duration_ms integer NOT NULL,
  outcome text NOT NULL CHECK (outcome IN ('succeeded', 'failed')),
  status_code smallint,
  error_code text,
  error_message text,
  response_body text,
  response_truncated boolean NOT NULL DEFAULT false,
  PRIMARY KEY (account_id, mode, delivery_id, number)
) PARTITION BY RANGE (delivery_id);

-- Jobs that send a range of events to an endpoint again. Events after `position` and before `end_position` are still to
-- be looked at; `position` moves in the transaction that plans the deliveries, so that each event is planned once.
CREATE TABLE signalpost.recoveries (
  account_id uuid NOT NULL,
  mode text NOT NULL,
  id uuid NOT NULL,
  endpoint_id uuid NOT NULL,
  -- That of the endpoint at the beginning: when it has risen, the endpoint was disabled meanwhile.
  endpoint_epoch integer NOT NULL,
  status text NOT NULL DEFAULT 'running' CHECK (status IN ('running', 'done', 'cancelled')),
  selection text NOT NULL CHECK (selection IN ('undelivered', 'failed', 'missing', 'all')),
  since timestamptz(3) NOT NULL,
  until timestamptz(3) NOT NULL,
  total integer NOT NULL,
  sent integer NOT NULL DEFAULT 0,
  position uuid NOT NULL,
  end_position uuid NOT NULL,
  -- The last event that `total` counts; null once all are counted.
  counted_to uuid,
  -- The pace is kept up to here: a delivery planned moves it on by its share of a second.
  paced_to timestamptz,
  created_at timestamptz(3) NOT NULL DEFAULT now(),
  ended_at timestamptz(3),
  PRIMARY KEY (account_id, mode, id),
  CHECK ((status = 'running') = (ended_at IS NULL))
) WITH (fillfactor = 70);
CREATE INDEX recoveries_by_endpoint ON signalpost.recoveries (account_id, mode, endpoint_id, id)
  WHERE endpoint_id IS NOT NULL;
CREATE INDEX recoveries_by_end ON signalpost.recoveries (ended_at) WHERE ended_at IS NOT NULL;
CREATE INDEX recoveries_running ON signalpost.recoveries (account_id, mode, id) WHERE status = 'running';

-- ── The dispatcher ──────────────────────────────────────────────────────────────────────────────────────────────────

-- One row a running dispatcher; its token fences everything it settles.
CREATE TABLE signalpost.dispatchers (
  token uuid PRIMARY KEY,
  name text NOT NULL,
  started_at timestamptz(3) NOT NULL DEFAULT now(),
  lease_until timestamptz(3) NOT NULL
) WITH (fillfactor = 50);

-- A lane is one endpoint's queue, owned by one dispatcher at a time. Every writer of pending_deliveries bumps `gen` in
-- its own transaction, and lowers `wake_at` where there is no owner; parking compares `gen`, so no wake-up is lost.
CREATE TABLE signalpost.lanes (
  account_id uuid NOT NULL,
  mode text NOT NULL,
  endpoint_id uuid NOT NULL,
  owner uuid,
  wake_at timestamptz(3) NOT NULL DEFAULT 'infinity',
  gen bigint NOT NULL DEFAULT 0,
  PRIMARY KEY (account_id, mode, endpoint_id)
) WITH (fillfactor = 50, autovacuum_vacuum_scale_factor = 0.05, autovacuum_vacuum_threshold = 500);
CREATE INDEX lanes_free ON signalpost.lanes (wake_at) WHERE owner IS NULL;
CREATE INDEX lanes_owned ON signalpost.lanes (owner) WHERE owner IS NOT NULL;

-- What processes did, a row for each few seconds in which one did anything; kept for minutes, for the platform's rates.
CREATE TABLE signalpost.process_activity (
  at timestamptz(3) NOT NULL,
  process text NOT NULL,
  events bigint NOT NULL,
  deliveries bigint NOT NULL,
  failed_attempts bigint NOT NULL,
  PRIMARY KEY (at, process)
);

-- What is in the air, one row a claimed batch: read as `in_flight`, and counted for poison when its owner dies.
CREATE TABLE signalpost.claimed_batches (
  token uuid NOT NULL,
  batch bigint NOT NULL,
  account_ids uuid[] NOT NULL,
  modes text[] NOT NULL,
  delivery_ids uuid[] NOT NULL,
  attempt_numbers integer[] NOT NULL,
  PRIMARY KEY (token, batch)
) WITH (autovacuum_vacuum_scale_factor = 0.05, autovacuum_vacuum_threshold = 500);
