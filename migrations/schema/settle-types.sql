-- What settle_deliveries takes arrays of; see publish-types.sql.

-- One attempt's outcome with the transition it makes: the delivery's end in `status`, with its `reason`, or null, and
-- it is tried again after `wait_ms`. `number` is the attempt's, from 1; `attempt_id`, `outcome` and what follows are
-- recorded.
CREATE TYPE signalpost.settlement AS (
  account_id uuid,
  mode text,
  id uuid,
  endpoint_id uuid,
  number integer,
  status text,
  reason text,
  wait_ms bigint,
  attempt_id uuid,
  started_at timestamptz,
  duration_ms integer,
  outcome text,
  status_code smallint,
  error_code text,
  error_message text,
  response_body text,
  response_truncated boolean
);

CREATE TYPE signalpost.settled_endpoint AS (
  account_id uuid,
  mode text,
  id uuid,
  -- Whether a run of failures begins or ends.
  is_changed boolean
);

CREATE TYPE signalpost.endpoint_change AS (
  account_id uuid,
  mode text,
  id uuid,
  -- That of the settings by which the request was sent: of an endpoint changed since it says only that a run ends.
  revision bigint,
  -- A run of failures begins (true) or ends (false).
  failing_begins boolean,
  -- Why the endpoint has to be disabled after this, or null: whoever does it finds the mark, though this process die.
  dead_reason text
);

-- `settlement`: the place of the one that it is about.
CREATE TYPE signalpost.settlement_log AS (
  settlement integer,
  id_tail text,
  action text,
  status text,
  description text,
  search text
);

-- An event of the system that follows from the settlement in that place, published by the ordinary ingest.
CREATE TYPE signalpost.settlement_event AS (
  settlement integer,
  input text
);
