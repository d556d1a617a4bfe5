-- The first schema. Rules it keeps everywhere (they let it be distributed by account_id, see docs/decisions/0002):
-- every tenant table's primary key begins (account_id, mode); what is unique over all time lives in a table of its
-- own; no triggers, no sequences on tenant tables. Tables partitioned by a UUIDv7 get their months from
-- src/database/partition-maintenance.ts.

CREATE SCHEMA IF NOT EXISTS signalpost;

CREATE TABLE signalpost.settings (
  key text PRIMARY KEY,
  value text NOT NULL
);

-- What a request with an Idempotency-Key answered, for 30 days. Publishing keeps the ids of its events instead of a
-- body.
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
