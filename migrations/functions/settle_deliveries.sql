-- Settles attempts: ends or reschedules their deliveries and records them, in one transaction, for the dispatcher with
-- `dispatcher_token`. A row is settled only while the dispatcher holds its lease and the delivery stands where it stood
-- when it was claimed (`numbers` = its attempts so far + 1), so a late settle changes nothing. A delivery that was
-- cancelled while its attempt was in the air keeps its end and still gets the attempt.
--
-- `statuses`: '' reschedules after `waits_ms`, else the delivery's end with `reasons` ('' for none).
-- `finished_batches`: rows of claimed_batches of which nothing is in the air any more.
-- `failing_*`: endpoints whose run of failures begins (true) or ends (false) with this settle.
-- `log_*`: logs about the row `log_rows`, written only when that row was settled.
--
-- Answers the numbers (from 1) of the rows that were settled; null when the lease is lost: then nothing was written.
--
-- Lock: the dispatcher's row against its deletion (heartbeats go on), the deliveries by primary key in the order of
-- their ids. Index: primary keys throughout.
CREATE OR REPLACE FUNCTION signalpost.settle_deliveries(
  dispatcher_token uuid,
  finished_batches bigint[],
  accounts uuid[],
  modes text[],
  ids uuid[],
  endpoints uuid[],
  numbers integer[],
  statuses text[],
  reasons text[],
  waits_ms bigint[],
  attempt_ids uuid[],
  attempts_started_at timestamptz[],
  durations_ms integer[],
  outcomes text[],
  status_codes smallint[],
  error_codes text[],
  error_messages text[],
  response_bodies text[],
  responses_truncated boolean[],
  failing_accounts uuid[],
  failing_modes text[],
  failing_endpoints uuid[],
  failing_begins boolean[],
  log_rows integer[],
  log_id_tails text[],
  log_actions text[],
  log_statuses text[],
  log_descriptions text[],
  log_searches text[],
  -- Events of the system that follow from the row `inbox_rows`, published by the ordinary ingest.
  inbox_rows integer[],
  inbox_inputs text[]
) RETURNS integer[]
LANGUAGE plpgsql STRICT
SET jit = off
SET enable_seqscan = off
SET enable_hashjoin = off
SET enable_mergejoin = off
AS $function$
DECLARE
  settled integer[];
  cancelled integer[];
  hex text := lpad(to_hex((extract(epoch FROM clock_timestamp()) * 1000)::bigint), 12, '0');
BEGIN
  PERFORM FROM signalpost.dispatchers d
  WHERE d.token = dispatcher_token AND d.lease_until > clock_timestamp()
  FOR KEY SHARE;
  IF NOT FOUND THEN
    RETURN NULL;
  END IF;

  WITH locked AS MATERIALIZED (
    SELECT s.n
    FROM signalpost.pending_deliveries q
    JOIN unnest(accounts, modes, ids, numbers) WITH ORDINALITY AS s (account_id, mode, id, number, n)
      ON q.account_id = s.account_id AND q.mode = s.mode AND q.id = s.id AND q.attempt_count = s.number - 1
    WHERE q.account_id = ANY (accounts)
    ORDER BY q.account_id, q.mode, q.id
    FOR NO KEY UPDATE OF q
  )
  SELECT coalesce(array_agg(n), '{}') INTO settled FROM locked;

  IF cardinality(settled) < cardinality(ids) THEN
    SELECT coalesce(array_agg(s.n), '{}') INTO cancelled
    FROM unnest(accounts, modes, ids, numbers) WITH ORDINALITY AS s (account_id, mode, id, number, n)
    JOIN signalpost.deliveries d
      ON d.account_id = s.account_id AND d.mode = s.mode AND d.id = s.id
      AND d.status IN ('cancelled', 'skipped') AND d.attempt_count = s.number - 1
    WHERE d.account_id = ANY (accounts) AND s.n <> ALL (settled);
    UPDATE signalpost.deliveries AS target
    SET attempt_count = s.number
    FROM unnest(accounts, modes, ids, numbers) WITH ORDINALITY AS s (account_id, mode, id, number, n)
    WHERE target.account_id = ANY (accounts) AND target.account_id = s.account_id AND target.mode = s.mode
      AND target.id = s.id AND s.n = ANY (cancelled);
  ELSE
    cancelled := '{}';
  END IF;

  -- From the account's own row of endpoints, for a plan that stays within one shard.
  INSERT INTO signalpost.attempts AS target (
    account_id, mode, delivery_id, number, id, endpoint_id, started_at, duration_ms, outcome, status_code, error_code,
    error_message, response_body, response_truncated)
  SELECT w.account_id, w.mode, s.id, s.number, s.attempt_id, w.id, s.started_at, s.duration_ms, s.outcome,
         s.status_code, s.error_code, s.error_message, s.response_body, s.response_truncated
  FROM signalpost.webhook_endpoints w
  JOIN unnest(
    accounts, modes, ids, endpoints, numbers, attempt_ids, attempts_started_at, durations_ms, outcomes, status_codes,
    error_codes, error_messages, response_bodies, responses_truncated
  ) WITH ORDINALITY AS s (
    account_id, mode, id, endpoint_id, number, attempt_id, started_at, duration_ms, outcome, status_code, error_code,
    error_message, response_body, response_truncated, n)
    ON w.account_id = s.account_id AND w.mode = s.mode AND w.id = s.endpoint_id
  WHERE w.account_id = ANY (accounts) AND s.n = ANY (settled || cancelled);

  INSERT INTO signalpost.deliveries AS target (
    account_id, mode, id, endpoint_id, event_id, event_type, operation_id, trigger, previous_delivery_id, recovery_id,
    status, status_reason, attempt_count, ended_at)
  SELECT q.account_id, q.mode, q.id, q.endpoint_id, q.event_id, q.event_type, q.operation_id, q.trigger,
         q.previous_delivery_id, q.recovery_id, s.status, nullif(s.reason, ''), s.number, clock_timestamp()
  FROM signalpost.pending_deliveries q
  JOIN unnest(accounts, modes, ids, numbers, statuses, reasons) WITH ORDINALITY
    AS s (account_id, mode, id, number, status, reason, n)
    ON q.account_id = s.account_id AND q.mode = s.mode AND q.id = s.id
  WHERE q.account_id = ANY (accounts) AND s.n = ANY (settled) AND s.status <> '';

  UPDATE signalpost.pending_deliveries AS target
  SET due_at = s.due_at, attempt_count = s.number, first_attempt_at = coalesce(target.first_attempt_at, s.started_at)
  FROM (
    SELECT g.account_id, g.mode, g.id, g.number, g.started_at,
           clock_timestamp() + g.wait_ms * interval '1 millisecond' AS due_at
    FROM unnest(accounts, modes, ids, numbers, statuses, waits_ms, attempts_started_at) WITH ORDINALITY
      AS g (account_id, mode, id, number, status, wait_ms, started_at, n)
    WHERE g.n = ANY (settled) AND g.status = ''
  ) AS s
  WHERE target.account_id = ANY (accounts) AND target.account_id = s.account_id AND target.mode = s.mode
    AND target.id = s.id;

  WITH ended AS (
    DELETE FROM signalpost.pending_deliveries AS target
    USING unnest(accounts, modes, ids, statuses) WITH ORDINALITY AS s (account_id, mode, id, status, n)
    WHERE target.account_id = ANY (accounts) AND target.account_id = s.account_id AND target.mode = s.mode
      AND target.id = s.id AND s.n = ANY (settled) AND s.status <> ''
    RETURNING target.account_id, target.mode, target.endpoint_id, target.endpoint_epoch, target.order_key, target.id
  )
  -- The next delivery of each operation that waited for one of these.
  UPDATE signalpost.pending_deliveries AS target
  SET due_at = next.due_at
  FROM (
    SELECT DISTINCT e.account_id, e.mode, follower.id, now() AS due_at
    FROM ended e
    CROSS JOIN LATERAL (
      SELECT p.id, p.due_at
      FROM signalpost.pending_deliveries p
      WHERE p.account_id = e.account_id AND p.mode = e.mode AND p.endpoint_id = e.endpoint_id
        AND p.order_key = e.order_key AND p.endpoint_epoch = e.endpoint_epoch AND p.id > e.id AND p.account_id = ANY (accounts)
      ORDER BY p.id
      LIMIT 1
    ) AS follower
    WHERE e.order_key IS NOT NULL AND follower.due_at = 'infinity'
  ) AS next
  WHERE target.account_id = ANY (accounts) AND target.account_id = next.account_id AND target.mode = next.mode
    AND target.id = next.id;

  IF cardinality(failing_endpoints) > 0 THEN
    UPDATE signalpost.webhook_endpoints AS target
    SET failing_since = f.failing_since
    FROM (
      SELECT account_id, mode, id, CASE WHEN begins THEN now() END AS failing_since, begins
      FROM unnest(failing_accounts, failing_modes, failing_endpoints, failing_begins) AS g (account_id, mode, id, begins)
    ) AS f
    WHERE target.account_id = ANY (failing_accounts) AND target.account_id = f.account_id AND target.mode = f.mode
      AND target.id = f.id AND (target.failing_since IS NULL) = f.begins;
  END IF;

  IF cardinality(log_rows) > 0 THEN
    INSERT INTO signalpost.logs AS target (
      account_id, mode, id, category, action, status, description, operation_id, event_id, endpoint_id, delivery_id,
      actor_type, search, occurred_at)
    SELECT w.account_id, w.mode, (hex || g.id_tail)::uuid, 'webhook', g.action, g.status, g.description,
           coalesce(q.operation_id, d.operation_id), coalesce(q.event_id, d.event_id), w.id, ids[g.row],
           'system', g.search, clock_timestamp()
    FROM signalpost.webhook_endpoints w
    JOIN unnest(log_rows, log_id_tails, log_actions, log_statuses, log_descriptions, log_searches)
      AS g (row, id_tail, action, status, description, search)
      ON w.account_id = accounts[g.row] AND w.mode = modes[g.row] AND w.id = endpoints[g.row]
    LEFT JOIN signalpost.pending_deliveries q
      ON q.account_id = w.account_id AND q.mode = w.mode AND q.id = ids[g.row] AND q.account_id = ANY (accounts)
    LEFT JOIN signalpost.deliveries d
      ON d.account_id = w.account_id AND d.mode = w.mode AND d.id = ids[g.row] AND d.account_id = ANY (accounts)
    WHERE w.account_id = ANY (accounts) AND g.row = ANY (settled);
  END IF;

  IF cardinality(inbox_rows) > 0 THEN
    INSERT INTO signalpost.event_inbox (account_id, mode, source, input)
    SELECT accounts[g.row], modes[g.row], 'system', g.input::json
    FROM unnest(inbox_rows, inbox_inputs) AS g (row, input)
    WHERE g.row = ANY (settled);
    PERFORM pg_notify('signalpost_inbox', '');
  END IF;

  DELETE FROM signalpost.claimed_batches b WHERE b.token = dispatcher_token AND b.batch = ANY (finished_batches);

  RETURN settled;
END
$function$;
