-- Settles attempts: ends or reschedules their deliveries and records them, in one transaction, for the dispatcher with
-- `dispatcher_token`. A row is settled only while the dispatcher holds its lease and the delivery stands where it stood
-- when it was claimed (`numbers` = its attempts so far + 1), so a late settle changes nothing. A delivery that was
-- cancelled while its attempt was in the air keeps its end and still gets the attempt.
--
-- `statuses`: '' reschedules after `waits_ms`, else the delivery's end with `reasons` ('' for none).
-- `finished_batches`: rows of claimed_batches of which nothing is in the air any more.
-- `failing_*`: those of `endpoints` whose run of failures begins (true) or ends (false) with this settle.
-- `log_*`: logs about the row `log_rows`, written only when that row was settled.
--
-- Answers the numbers (from 1) of the rows that were settled; null when the lease is lost: then nothing was written.
--
-- Lock: the dispatcher's row against its deletion (heartbeats go on), the endpoints (shared, or for update where their
-- failing changes), the deliveries, their followers, each in the order of their ids, at last the counters of attempts.
-- Index: primary keys throughout.
--
-- Most calls settle a few successes, and a statement costs as much as several rows, also where it finds none: so what is
-- seldom needed (leftovers, cancellations, followers, logs) is looked for only where something says that it is there.
--
-- Planner: joins run as nested loops over indexes in the order in which they are written, whatever the statistics say;
-- on tables that have just been filled and not been analysed the planner would choose others, a thousand times slower.
-- Look-ups in the queue go row by row, or stand in LATERAL subqueries that it cannot pull up: analysed while the queue
-- was empty, as it mostly is, it would read all of it once and compare each row with each.
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
  -- '' or why the endpoint has to be disabled after this: whoever does it finds the mark, though this process die.
  dead_reasons text[],
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
SET enable_bitmapscan = off
SET enable_hashjoin = off
SET enable_mergejoin = off
SET enable_sort = off
SET join_collapse_limit = 1
SET from_collapse_limit = 1
SET plan_cache_mode = force_generic_plan
AS $function$
DECLARE
  settled integer[] := '{}';
  cancelled integer[] := '{}';
  -- Those of which an attempt is written: both of the above.
  recorded integer[];
  all_settled boolean;
  n integer;
  ended signalpost.pending_deliveries;
  endpoint record;
  leftover record;
  has_leftovers boolean;
  any_leftovers boolean := false;
  any_followers boolean := false;
  -- Those ended as they stood in the queue, and their rows here, parallel.
  all_ended signalpost.pending_deliveries[] := '{}';
  ended_rows integer[] := '{}';
  oldest_delivery uuid := '00000000-0000-0000-0000-000000000000';
BEGIN
  PERFORM FROM signalpost.dispatchers d
  WHERE d.token = dispatcher_token AND d.lease_until > clock_timestamp()
  FOR KEY SHARE;
  IF NOT FOUND THEN
    RETURN NULL;
  END IF;

  IF cardinality(finished_batches) > 0 THEN
    DELETE FROM signalpost.claimed_batches b WHERE b.token = dispatcher_token AND b.batch = ANY (finished_batches);
  END IF;
  IF cardinality(ids) = 0 THEN
    RETURN '{}';
  END IF;

  -- The endpoints, in the order of their ids, so that none is disabled or deleted before this commits: a delivery that
  -- was read as skipped or cancelled must not turn into anything else.
  FOR endpoint IN
    SELECT s.account_id, s.mode, s.id
    FROM unnest(accounts, modes, endpoints) AS s (account_id, mode, id)
    GROUP BY s.account_id, s.mode, s.id
    ORDER BY s.account_id, s.mode, s.id
  LOOP
    IF endpoint.id = ANY (failing_endpoints) THEN
      SELECT w.has_leftovers INTO has_leftovers
      FROM signalpost.webhook_endpoints w
      WHERE w.account_id = endpoint.account_id AND w.mode = endpoint.mode AND w.id = endpoint.id
      FOR NO KEY UPDATE;
    ELSE
      SELECT w.has_leftovers INTO has_leftovers
      FROM signalpost.webhook_endpoints w
      WHERE w.account_id = endpoint.account_id AND w.mode = endpoint.mode AND w.id = endpoint.id
      FOR SHARE;
    END IF;
    any_leftovers := any_leftovers OR has_leftovers;
  END LOOP;

  -- What a disabling or deletion ended while it was in the air ends so here; below it gets its attempt. The mark is set
  -- with either, and stands until a job has ended all of them.
  IF any_leftovers THEN
    FOR leftover IN
      SELECT q.account_id, q.mode, q.id, q.endpoint_epoch < w.epoch AS is_skipped, w.epoch_ended_at, w.deleted_at
      FROM (
        SELECT * FROM unnest(accounts, modes, ids, numbers, endpoints) AS g (account_id, mode, id, number, endpoint_id)
        ORDER BY g.account_id, g.mode, g.id
      ) AS s
      JOIN signalpost.webhook_endpoints w
        ON w.account_id = s.account_id AND w.mode = s.mode AND w.id = s.endpoint_id
      CROSS JOIN LATERAL (
        SELECT p.account_id, p.mode, p.id, p.endpoint_epoch
        FROM signalpost.pending_deliveries p
        WHERE p.account_id = s.account_id AND p.mode = s.mode AND p.id = s.id AND p.attempt_count = s.number - 1
          AND (p.endpoint_epoch < w.epoch OR w.deleted_at IS NOT NULL)
        FOR NO KEY UPDATE
      ) AS q
    LOOP
      INSERT INTO signalpost.deliveries AS target (
        account_id, mode, id, endpoint_id, event_id, event_type, operation_id, trigger, previous_delivery_id, recovery_id,
        status, status_reason, attempt_count, ended_at)
      SELECT q.account_id, q.mode, q.id, q.endpoint_id, q.event_id, q.event_type, q.operation_id, q.trigger,
             q.previous_delivery_id, q.recovery_id, CASE WHEN leftover.is_skipped THEN 'skipped' ELSE 'cancelled' END,
             CASE WHEN leftover.is_skipped THEN 'endpoint_disabled' ELSE 'endpoint_deleted' END, q.attempt_count,
             CASE WHEN leftover.is_skipped THEN leftover.epoch_ended_at ELSE leftover.deleted_at END
      FROM signalpost.pending_deliveries q
      WHERE q.account_id = leftover.account_id AND q.mode = leftover.mode AND q.id = leftover.id;
      DELETE FROM signalpost.pending_deliveries AS target
      WHERE target.account_id = leftover.account_id AND target.mode = leftover.mode AND target.id = leftover.id;
    END LOOP;
  END IF;

  -- One statement for all would leave the planner a choice, and when the queue was empty at its last look it chooses to
  -- walk all of it.
  FOR n IN
    SELECT g.n FROM unnest(accounts, modes, ids) WITH ORDINALITY AS g (account_id, mode, id, n)
    ORDER BY g.account_id, g.mode, g.id
  LOOP
    IF statuses[n] = '' THEN
      UPDATE signalpost.pending_deliveries AS target
      SET due_at = clock_timestamp() + waits_ms[n] * interval '1 millisecond', attempt_count = numbers[n],
          -- An attempt that ended shows that the delivery does not kill its sender.
          crash_count = 0, first_attempt_at = coalesce(target.first_attempt_at, attempts_started_at[n])
      WHERE target.account_id = accounts[n] AND target.mode = modes[n] AND target.id = ids[n]
        AND target.attempt_count = numbers[n] - 1;
      CONTINUE WHEN NOT FOUND;
    ELSE
      DELETE FROM signalpost.pending_deliveries AS target
      WHERE target.account_id = accounts[n] AND target.mode = modes[n] AND target.id = ids[n]
        AND target.attempt_count = numbers[n] - 1
      RETURNING target.* INTO ended;
      CONTINUE WHEN NOT FOUND;
      all_ended := array_append(all_ended, ended);
      ended_rows := array_append(ended_rows, n);
      any_followers := any_followers OR ended.order_key IS NOT NULL;
    END IF;
    settled := array_append(settled, n);
  END LOOP;

  all_settled := cardinality(settled) = cardinality(ids);
  IF NOT all_settled THEN
    SELECT coalesce(array_agg(s.n), '{}') INTO cancelled
    FROM unnest(accounts, modes, ids, numbers) WITH ORDINALITY AS s (account_id, mode, id, number, n)
    JOIN signalpost.deliveries d
      ON d.account_id = s.account_id AND d.mode = s.mode AND d.id = s.id
      AND d.status IN ('cancelled', 'skipped') AND d.attempt_count = s.number - 1
    WHERE s.n <> ALL (settled);
    FOREACH n IN ARRAY cancelled LOOP
      UPDATE signalpost.deliveries AS target
      SET attempt_count = numbers[n]
      WHERE target.account_id = accounts[n] AND target.mode = modes[n] AND target.id = ids[n];
    END LOOP;
  END IF;
  recorded := settled || cancelled;

  -- From the account's own row of endpoints, for a plan that stays within one shard. Attempts lie in the month of their
  -- delivery, and that of one that waited for longer than attempts are kept may be gone: then only those go in that are
  -- certain to have a place.
  <<attempts_kept>>
  LOOP
    BEGIN
      INSERT INTO signalpost.attempts AS target (
        account_id, mode, delivery_id, number, id, endpoint_id, started_at, duration_ms, outcome, status_code, error_code,
        error_message, response_body, response_truncated)
      SELECT w.account_id, w.mode, s.id, s.number, s.attempt_id, w.id, s.started_at, s.duration_ms, s.outcome,
             s.status_code, s.error_code, s.error_message, s.response_body, s.response_truncated
      FROM unnest(
        accounts, modes, ids, endpoints, numbers, attempt_ids, attempts_started_at, durations_ms, outcomes, status_codes,
        error_codes, error_messages, response_bodies, responses_truncated
      ) WITH ORDINALITY AS s (
        account_id, mode, id, endpoint_id, number, attempt_id, started_at, duration_ms, outcome, status_code, error_code,
        error_message, response_body, response_truncated, n)
      JOIN signalpost.webhook_endpoints w
        ON w.account_id = s.account_id AND w.mode = s.mode AND w.id = s.endpoint_id
      WHERE (all_settled OR s.n = ANY (recorded)) AND s.id >= oldest_delivery;
      EXIT attempts_kept;
    EXCEPTION WHEN check_violation THEN
      IF oldest_delivery > '00000000-0000-0000-0000-000000000000' THEN
        RAISE;
      END IF;
      oldest_delivery := (
        lpad(to_hex((extract(epoch FROM now() - interval '10 days') * 1000)::bigint), 12, '0')
        || '00000000000000000000')::uuid;
    END;
  END LOOP;

  IF cardinality(ended_rows) > 0 THEN
    INSERT INTO signalpost.deliveries AS target (
      account_id, mode, id, endpoint_id, event_id, event_type, operation_id, trigger, previous_delivery_id, recovery_id,
      status, status_reason, attempt_count, ended_at)
    SELECT w.account_id, w.mode, q.id, w.id, q.event_id, q.event_type, q.operation_id, q.trigger,
           q.previous_delivery_id, q.recovery_id, statuses[ended_rows[q.ordinality]],
           nullif(reasons[ended_rows[q.ordinality]], ''), numbers[ended_rows[q.ordinality]], clock_timestamp()
    FROM unnest(all_ended) WITH ORDINALITY AS q
    JOIN signalpost.webhook_endpoints w
      ON w.account_id = q.account_id AND w.mode = q.mode AND w.id = q.endpoint_id;
  END IF;

  IF any_followers THEN
    PERFORM signalpost.release_followers(all_ended);
  END IF;

  FOR n IN 1 .. cardinality(failing_endpoints) LOOP
    UPDATE signalpost.webhook_endpoints AS target
    SET failing_since = CASE WHEN failing_begins[n] THEN now() END
    WHERE target.account_id = failing_accounts[n] AND target.mode = failing_modes[n] AND target.id = failing_endpoints[n]
      AND (target.failing_since IS NULL) = failing_begins[n];
    IF dead_reasons[n] <> '' THEN
      UPDATE signalpost.webhook_endpoints AS target
      SET dead_reason = dead_reasons[n], dead_revision = target.revision
      WHERE target.account_id = failing_accounts[n] AND target.mode = failing_modes[n]
        AND target.id = failing_endpoints[n] AND target.status = 'enabled' AND target.deleted_at IS NULL
        AND (dead_reasons[n] <> 'failing' OR target.failing_since <= now() - interval '24 hours');
    END IF;
  END LOOP;

  IF cardinality(log_rows) > 0 THEN
    INSERT INTO signalpost.logs AS target (
      account_id, mode, id, category, action, status, description, operation_id, event_id, endpoint_id, delivery_id,
      actor_type, search, occurred_at)
    SELECT w.account_id, w.mode,
           (lpad(to_hex((extract(epoch FROM clock_timestamp()) * 1000)::bigint), 12, '0') || g.id_tail)::uuid,
           'webhook', g.action, g.status, g.description,
           coalesce(q.operation_id, d.operation_id), coalesce(q.event_id, d.event_id), w.id, ids[g.row],
           'system', g.search, clock_timestamp()
    FROM unnest(log_rows, log_id_tails, log_actions, log_statuses, log_descriptions, log_searches)
      AS g (row, id_tail, action, status, description, search)
    JOIN signalpost.webhook_endpoints w
      ON w.account_id = accounts[g.row] AND w.mode = modes[g.row] AND w.id = endpoints[g.row]
    LEFT JOIN LATERAL (
      SELECT p.operation_id, p.event_id
      FROM signalpost.pending_deliveries p
      WHERE p.account_id = w.account_id AND p.mode = w.mode AND p.id = ids[g.row]
      OFFSET 0
    ) AS q ON true
    LEFT JOIN signalpost.deliveries d
      ON d.account_id = w.account_id AND d.mode = w.mode AND d.id = ids[g.row]
    WHERE g.row = ANY (settled);
  END IF;

  IF cardinality(inbox_rows) > 0 THEN
    INSERT INTO signalpost.event_inbox (account_id, mode, source, input)
    SELECT accounts[g.row], modes[g.row], 'system', g.input::json
    FROM unnest(inbox_rows, inbox_inputs) AS g (row, input)
    WHERE g.row = ANY (settled);
    PERFORM pg_notify('signalpost_inbox', '');
  END IF;

  -- What the statistics of endpoints read. The counters' rows are locked in the order of their key, as the last thing of
  -- all: another settle of the same endpoint waits for no more than this commit.
  INSERT INTO signalpost.attempt_counts AS target (account_id, mode, endpoint_id, hour, reason, bucket, count)
  SELECT w.account_id, w.mode, w.id, s.hour, s.reason, s.bucket, s.count
  FROM (
    SELECT g.account_id, g.mode, g.endpoint_id, date_trunc('hour', g.started_at, 'UTC') AS hour,
           CASE
             WHEN g.outcome = 'succeeded' THEN ''
             ELSE coalesce(g.error_code, 'status_' || g.status_code / 100 || 'xx')
           END AS reason,
           ceil(ln(greatest(g.duration_ms, 1)) / ln(1.1))::smallint AS bucket,
           count(*) AS count
    FROM unnest(accounts, modes, endpoints, attempts_started_at, durations_ms, outcomes, status_codes, error_codes)
      WITH ORDINALITY
      AS g (account_id, mode, endpoint_id, started_at, duration_ms, outcome, status_code, error_code, n)
    WHERE all_settled OR g.n = ANY (recorded)
    GROUP BY 1, 2, 3, 4, 5, 6
  ) AS s
  JOIN signalpost.webhook_endpoints w
    ON w.account_id = s.account_id AND w.mode = s.mode AND w.id = s.endpoint_id
  ORDER BY 1, 2, 3, 4, 5, 6
  ON CONFLICT (account_id, mode, endpoint_id, hour, reason, bucket)
  DO UPDATE SET count = target.count + excluded.count;

  RETURN settled;
END
$function$;
