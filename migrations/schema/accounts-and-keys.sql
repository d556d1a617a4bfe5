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
