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
