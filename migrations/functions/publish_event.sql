-- Publishes one event from inside a producer's own transaction: checks what can be checked without the catalogue, and
-- leaves the event in the inbox, from which the ordinary ingest takes it once that transaction has committed. Locks
-- nothing: an account never waits for a producer.
--
-- A null argument is a field left out. `operation` and `data` are kept as they are written, character by character;
-- what is wrong inside them is found by the ingest, which keeps the row with its error and leaves a log, for a payment
-- must not fail over its notice.
--
-- Raises SP422 for an argument that can never do, SP404 for an account that does not exist.
--
-- Runs as its owner, so that a producer needs no right on any table; hence the fixed search_path. `source` is fixed
-- too: nothing that comes this way can pose as the system.
CREATE OR REPLACE FUNCTION signalpost.publish_event(
  account text,
  mode text,
  type text,
  operation json DEFAULT NULL,
  data json DEFAULT NULL,
  external_id text DEFAULT NULL,
  occurred_at timestamptz DEFAULT NULL
) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $function$
#variable_conflict use_variable
DECLARE
  digits CONSTANT text := '0123456789abcdefghjkmnpqrstvwxyz';
  account_bits text;
  account_uuid uuid;
  input text;
BEGIN
  IF mode IS NULL OR mode NOT IN ('test', 'live') THEN
    RAISE EXCEPTION 'mode must be test or live' USING ERRCODE = 'SP422';
  END IF;
  IF type IS NULL OR length(type) > 64 OR type COLLATE "C" !~ '^[a-z][a-z0-9_]*\.[a-z][a-z0-9_]*$' THEN
    RAISE EXCEPTION 'type must be a name such as payment.succeeded, of at most 64 characters' USING ERRCODE = 'SP422';
  END IF;
  IF json_typeof(operation) NOT IN ('object', 'null') OR json_typeof(data) NOT IN ('object', 'null') THEN
    RAISE EXCEPTION 'operation and data must be JSON objects' USING ERRCODE = 'SP422';
  END IF;
  IF external_id COLLATE "C" !~ '^[\x20-\x7e]{1,255}$' THEN
    RAISE EXCEPTION 'external_id must be 1 to 255 printable ASCII characters' USING ERRCODE = 'SP422';
  END IF;
  IF occurred_at NOT BETWEEN timestamptz '0001-01-01 00:00Z' AND timestamptz '9999-12-31 23:59:59.999Z' THEN
    RAISE EXCEPTION 'occurred_at must be a time of four digits of year' USING ERRCODE = 'SP422';
  END IF;
  IF account IS NULL OR account COLLATE "C" !~ '^acct_[0-7][0-9a-hjkmnp-tv-z]{25}$' THEN
    RAISE EXCEPTION 'account must be an id such as acct_01k96sd3k8e2r9wq6m4h0v5xtz' USING ERRCODE = 'SP422';
  END IF;

  -- A TypeID: 26 characters of five bits, of which the first two are zero.
  SELECT substr(string_agg((strpos(digits, c) - 1)::bit(5)::text, '' ORDER BY n), 3) INTO account_bits
  FROM regexp_split_to_table(substr(account, 6), '') WITH ORDINALITY AS digit (c, n);
  SELECT string_agg(to_hex(substr(account_bits, i * 4 + 1, 4)::bit(4)::integer), '' ORDER BY i)::uuid INTO account_uuid
  FROM generate_series(0, 31) AS i;
  IF NOT EXISTS (SELECT FROM signalpost.accounts a WHERE a.id = account_uuid) THEN
    RAISE EXCEPTION 'there is no account %', account USING ERRCODE = 'SP404';
  END IF;

  input := '{"type":' || to_json(type)
    || coalesce(',"operation":' || operation::text, '')
    || coalesce(',"data":' || data::text, '')
    || coalesce(',"external_id":' || to_json(external_id), '')
    || coalesce(
      ',"occurred_at":"' || to_char(occurred_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') || '"', '')
    || '}';
  IF octet_length(input) > 262144 THEN
    RAISE EXCEPTION 'an event may have 256 KiB, this one has % bytes', octet_length(input) USING ERRCODE = 'SP422';
  END IF;

  INSERT INTO signalpost.event_inbox (account_id, mode, source, input)
  VALUES (account_uuid, mode, 'platform', input::json);
  -- Heard when the producer commits.
  PERFORM pg_notify('signalpost_inbox', '');
END
$function$;
