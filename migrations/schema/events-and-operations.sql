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
CREATE INDEX events_by_operation ON signalpost.events (account_id, mode, operation_id, id)
  WHERE operation_id IS NOT NULL;
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
-- For predicates that are true of every row, see pending_deliveries_due.
CREATE INDEX operations_by_time ON signalpost.operations (account_id, mode, created_at, id)
  WHERE created_at IS NOT NULL;
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
