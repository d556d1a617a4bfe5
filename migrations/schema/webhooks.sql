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
CREATE INDEX webhook_endpoints_dead ON signalpost.webhook_endpoints (account_id, mode, id)
  WHERE dead_reason IS NOT NULL;

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
