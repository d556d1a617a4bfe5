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
  -- At how many deaths of dispatchers it was in the air, since an attempt ended last. At 2 it is a suspect: such go one
  -- at a time in a process, and another death with it as the only suspect ends it.
  crash_count smallint NOT NULL DEFAULT 0,
  PRIMARY KEY (account_id, mode, id)
) WITH (fillfactor = 90, autovacuum_vacuum_scale_factor = 0.05, autovacuum_vacuum_threshold = 500);
-- Its predicate is true of every row, and says that only a statement which names the endpoint may use it: otherwise a
-- look-up by id, where the planner knows nothing yet, goes through this index instead of the primary key, 30 times
-- slower.
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

-- Suspects, and those that are to be ended as poison: mostly empty. The order is like that of no other index, so that a
-- look-up which asks for it can take no other one.
CREATE INDEX pending_deliveries_crashed
  ON signalpost.pending_deliveries (account_id, mode, endpoint_id, crash_count, id) WHERE crash_count >= 2;

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
    status_reason IN (
      'exhausted', 'poison', 'expired', 'gone', 'endpoint_disabled', 'endpoint_deleted', 'cancelled_by_user'
    )
  ),
  attempt_count integer NOT NULL DEFAULT 0,
  ended_at timestamptz(3) NOT NULL,
  PRIMARY KEY (account_id, mode, id),
  CHECK ((status = 'succeeded') = (status_reason IS NULL))
) PARTITION BY RANGE (id);
CREATE INDEX deliveries_by_endpoint ON signalpost.deliveries (account_id, mode, endpoint_id, status, id)
  WHERE endpoint_id IS NOT NULL;
CREATE INDEX deliveries_unsuccessful ON signalpost.deliveries (account_id, mode, status, id)
  WHERE status <> 'succeeded';
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
