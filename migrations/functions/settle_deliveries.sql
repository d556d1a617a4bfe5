-- Settles attempts: ends or reschedules their deliveries and records them, in one transaction, for the dispatcher with
-- `dispatcher_token`. A row is settled only while the dispatcher holds its lease and the delivery stands where it stood
-- when it was claimed (`number` = its attempts so far + 1), so a late settle changes nothing. A delivery that was
-- cancelled while its attempt was in the air keeps its end and still gets the attempt.
--
-- `finished_batches`: rows of claimed_batches of which nothing is in the air any more.
--
-- Answers the places (from 1) of the settlements that took effect, and, as negative numbers, of those of which the
-- attempt alone was recorded; null when the lease is lost: then nothing was written.
--
-- Lock: the dispatcher's row against its deletion (heartbeats go on), the endpoints (shared, or for update where their
-- failing changes), the deliveries, their followers, each in the order of their ids, at last the counters of attempts.
-- Index: primary keys throughout.
--
-- Most calls settle a few successes, and a statement costs as much as several rows, also where it finds none: so what
-- is seldom needed (leftovers, cancellations, followers, logs) is looked for only where something says that it is
-- there.
--
-- Planner: joins run as nested loops over indexes in the order in which they are written, whatever the statistics say;
-- on tables that have just been filled and not been analysed the planner would choose others, a thousand times slower.
-- Look-ups in the queue go row by row, or stand in LATERAL subqueries that it cannot pull up: analysed while the queue
-- was empty, as it mostly is, it would read all of it once and compare each row with each.
CREATE OR REPLACE FUNCTION signalpost.settle_deliveries(
  dispatcher_token uuid,
  finished_batches bigint[],
  settlements signalpost.settlement[],
  -- Their places (from 1) in the order of their deliveries.
  lock_order integer[],
  -- Those of the settlements, each once, in the order of their ids.
  endpoints signalpost.settled_endpoint[],
  -- One after another for the same endpoint.
  endpoint_changes signalpost.endpoint_change[],
  -- Written only when their settlement took effect.
  logs signalpost.settlement_log[],
  system_events signalpost.settlement_event[]
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
  -- Cancelled or skipped while the attempt was in the air.
  ended_beside integer[] := '{}';
  -- Those of which an attempt is written: both of the above.
  with_attempt integer[];
  all_settled boolean;
  n integer;
  settlement signalpost.settlement;
  endpoint signalpost.settled_endpoint;
  change signalpost.endpoint_change;
  ended signalpost.pending_deliveries;
  leftover record;
  has_leftovers boolean;
  any_leftovers boolean := false;
  any_followers boolean := false;
  -- Those ended as they stood in the queue, and the places of their settlements, parallel.
  all_ended signalpost.pending_deliveries[] := '{}';
  ended_places integer[] := '{}';
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
  IF cardinality(settlements) = 0 THEN
    RETURN '{}';
  END IF;

  -- The endpoints, in the order of their ids, so that none is disabled or deleted before this commits: a delivery that
  -- was read as skipped or cancelled must not turn into anything else.
  FOREACH endpoint IN ARRAY endpoints LOOP
    IF endpoint.is_changed THEN
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
    FOREACH n IN ARRAY lock_order LOOP
      settlement := settlements[n];
      SELECT p.endpoint_epoch < w.epoch AS is_skipped, w.epoch_ended_at, w.deleted_at INTO leftover
      FROM signalpost.webhook_endpoints w
      JOIN signalpost.pending_deliveries p
        ON p.account_id = settlement.account_id AND p.mode = settlement.mode AND p.id = settlement.id
      WHERE w.account_id = settlement.account_id AND w.mode = settlement.mode AND w.id = settlement.endpoint_id
        AND p.attempt_count = settlement.number - 1 AND (p.endpoint_epoch < w.epoch OR w.deleted_at IS NOT NULL)
      FOR NO KEY UPDATE OF p;
      CONTINUE WHEN NOT FOUND;
      INSERT INTO signalpost.deliveries AS target (
        account_id, mode, id, endpoint_id, event_id, event_type, operation_id, trigger, previous_delivery_id,
        recovery_id, status, status_reason, attempt_count, ended_at)
      SELECT q.account_id, q.mode, q.id, q.endpoint_id, q.event_id, q.event_type, q.operation_id, q.trigger,
             q.previous_delivery_id, q.recovery_id, CASE WHEN leftover.is_skipped THEN 'skipped' ELSE 'cancelled' END,
             CASE WHEN leftover.is_skipped THEN 'endpoint_disabled' ELSE 'endpoint_deleted' END, q.attempt_count,
             CASE WHEN leftover.is_skipped THEN leftover.epoch_ended_at ELSE leftover.deleted_at END
      FROM signalpost.pending_deliveries q
      WHERE q.account_id = settlement.account_id AND q.mode = settlement.mode AND q.id = settlement.id;
      DELETE FROM signalpost.pending_deliveries AS target
      WHERE target.account_id = settlement.account_id AND target.mode = settlement.mode AND target.id = settlement.id;
    END LOOP;
  END IF;

  -- One statement for all would leave the planner a choice, and when the queue was empty at its last look it chooses to
  -- walk all of it.
  FOREACH n IN ARRAY lock_order LOOP
    settlement := settlements[n];
    IF settlement.status IS NULL THEN
      UPDATE signalpost.pending_deliveries AS target
      SET due_at = clock_timestamp() + settlement.wait_ms * interval '1 millisecond', attempt_count = settlement.number,
          -- An attempt that ended shows that the delivery does not kill its sender.
          crash_count = 0, first_attempt_at = coalesce(target.first_attempt_at, settlement.started_at)
      WHERE target.account_id = settlement.account_id AND target.mode = settlement.mode AND target.id = settlement.id
        AND target.attempt_count = settlement.number - 1;
      CONTINUE WHEN NOT FOUND;
    ELSE
      DELETE FROM signalpost.pending_deliveries AS target
      WHERE target.account_id = settlement.account_id AND target.mode = settlement.mode AND target.id = settlement.id
        AND target.attempt_count = settlement.number - 1
      RETURNING target.* INTO ended;
      CONTINUE WHEN NOT FOUND;
      all_ended := array_append(all_ended, ended);
      ended_places := array_append(ended_places, n);
      any_followers := any_followers OR ended.order_key IS NOT NULL;
    END IF;
    settled := array_append(settled, n);
  END LOOP;

  all_settled := cardinality(settled) = cardinality(settlements);
  IF NOT all_settled THEN
    SELECT coalesce(array_agg(s.ordinality ORDER BY s.id), '{}') INTO ended_beside
    FROM unnest(settlements) WITH ORDINALITY AS s
    JOIN signalpost.deliveries d
      ON d.account_id = s.account_id AND d.mode = s.mode AND d.id = s.id
      AND d.status IN ('cancelled', 'skipped') AND d.attempt_count = s.number - 1
    WHERE s.ordinality <> ALL (settled);
    FOREACH n IN ARRAY ended_beside LOOP
      settlement := settlements[n];
      UPDATE signalpost.deliveries AS target
      SET attempt_count = settlement.number
      WHERE target.account_id = settlement.account_id AND target.mode = settlement.mode AND target.id = settlement.id;
    END LOOP;
  END IF;
  with_attempt := settled || ended_beside;

  -- Attempts lie in the month of their delivery, and that of one that waited for longer than attempts are kept may be
  -- gone: then only those go in that are certain to have a place.
  <<attempts_kept>>
  LOOP
    BEGIN
      INSERT INTO signalpost.attempts AS target (
        account_id, mode, delivery_id, number, id, endpoint_id, started_at, duration_ms, outcome, status_code,
        error_code, error_message, response_body, response_truncated)
      SELECT s.account_id, s.mode, s.id, s.number, s.attempt_id, s.endpoint_id, s.started_at, s.duration_ms, s.outcome,
             s.status_code, s.error_code, s.error_message, s.response_body, s.response_truncated
      FROM unnest(settlements) WITH ORDINALITY AS s
      WHERE (all_settled OR s.ordinality = ANY (with_attempt)) AND s.id >= oldest_delivery;
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

  IF cardinality(ended_places) > 0 THEN
    INSERT INTO signalpost.deliveries AS target (
      account_id, mode, id, endpoint_id, event_id, event_type, operation_id, trigger, previous_delivery_id, recovery_id,
      status, status_reason, attempt_count, ended_at)
    SELECT q.account_id, q.mode, q.id, q.endpoint_id, q.event_id, q.event_type, q.operation_id, q.trigger,
           q.previous_delivery_id, q.recovery_id, (settlements[ended_places[q.ordinality]]).status,
           (settlements[ended_places[q.ordinality]]).reason, (settlements[ended_places[q.ordinality]]).number,
           clock_timestamp()
    FROM unnest(all_ended) WITH ORDINALITY AS q;
  END IF;

  IF any_followers THEN
    PERFORM signalpost.release_followers(all_ended);
  END IF;

  -- A failure speaks of the endpoint as it was when the request was sent: one changed since deserves a new start. A
  -- success ends the run of failures even so, as whoever sent it takes it for ended.
  FOREACH change IN ARRAY endpoint_changes LOOP
    UPDATE signalpost.webhook_endpoints AS target
    SET failing_since = CASE WHEN change.failing_begins THEN now() END
    WHERE target.account_id = change.account_id AND target.mode = change.mode AND target.id = change.id
      AND (target.failing_since IS NULL) = change.failing_begins
      AND (NOT change.failing_begins OR target.revision = change.revision);
    IF change.dead_reason IS NOT NULL THEN
      UPDATE signalpost.webhook_endpoints AS target
      SET dead_reason = change.dead_reason, dead_revision = target.revision
      WHERE target.account_id = change.account_id AND target.mode = change.mode AND target.id = change.id
        AND target.status = 'enabled' AND target.deleted_at IS NULL AND target.revision = change.revision
        AND (change.dead_reason <> 'failing' OR target.failing_since <= now() - interval '24 hours');
    END IF;
  END LOOP;

  IF cardinality(logs) > 0 THEN
    INSERT INTO signalpost.logs AS target (
      account_id, mode, id, category, action, status, description, operation_id, event_id, endpoint_id, delivery_id,
      actor_type, search, occurred_at)
    SELECT s.account_id, s.mode,
           (lpad(to_hex((extract(epoch FROM clock_timestamp()) * 1000)::bigint), 12, '0') || s.id_tail)::uuid,
           'webhook', s.action, s.status, s.description,
           coalesce(q.operation_id, d.operation_id), coalesce(q.event_id, d.event_id), s.endpoint_id, s.id,
           'system', s.search, clock_timestamp()
    FROM (
      SELECT g.*, (settlements[g.settlement]).account_id, (settlements[g.settlement]).mode,
             (settlements[g.settlement]).id, (settlements[g.settlement]).endpoint_id
      FROM unnest(logs) AS g
      WHERE g.settlement = ANY (settled)
    ) AS s
    LEFT JOIN LATERAL (
      SELECT p.operation_id, p.event_id
      FROM signalpost.pending_deliveries p
      WHERE p.account_id = s.account_id AND p.mode = s.mode AND p.id = s.id
      OFFSET 0
    ) AS q ON true
    LEFT JOIN signalpost.deliveries d ON d.account_id = s.account_id AND d.mode = s.mode AND d.id = s.id;
  END IF;

  IF cardinality(system_events) > 0 THEN
    INSERT INTO signalpost.event_inbox (account_id, mode, source, input)
    SELECT (settlements[g.settlement]).account_id, (settlements[g.settlement]).mode, 'system', g.input::json
    FROM unnest(system_events) AS g
    WHERE g.settlement = ANY (settled);
    PERFORM pg_notify('signalpost_inbox', '');
  END IF;

  -- What the statistics of endpoints read. The counters' rows are locked in the order of their key, as the last thing
  -- of all: another settle of the same endpoint waits for no more than this commit.
  INSERT INTO signalpost.attempt_counts AS target (account_id, mode, endpoint_id, hour, reason, bucket, count)
  SELECT g.account_id, g.mode, g.endpoint_id, date_trunc('hour', g.started_at, 'UTC') AS hour,
         CASE
           WHEN g.outcome = 'succeeded' THEN ''
           ELSE coalesce(g.error_code, 'status_' || g.status_code / 100 || 'xx')
         END AS reason,
         ceil(ln(greatest(g.duration_ms, 1)) / ln(1.1))::smallint AS bucket,
         count(*) AS count
  FROM unnest(settlements) WITH ORDINALITY AS g
  WHERE all_settled OR g.ordinality = ANY (with_attempt)
  GROUP BY 1, 2, 3, 4, 5, 6
  ORDER BY 1, 2, 3, 4, 5, 6
  ON CONFLICT (account_id, mode, endpoint_id, hour, reason, bucket)
  DO UPDATE SET count = target.count + excluded.count;

  FOREACH n IN ARRAY ended_beside LOOP
    settled := array_append(settled, -n);
  END LOOP;
  RETURN settled;
END
$function$;
