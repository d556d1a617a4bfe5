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
