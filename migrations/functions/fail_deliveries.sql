-- Ends, of the deliveries given, those that nobody may send any more, as `failed`: `poison` when they were in the air
-- at three deaths of dispatchers, `expired` when their event is past the retention. Others, those that ended meanwhile,
-- and those whose endpoint was disabled or deleted (they have another end) are left alone. Answers what a log about
-- each that it ended needs. The caller writes those logs in the same transaction.
--
-- Lock: endpoints, lanes, deliveries, followers, each kind in the order of its ids before the next one, as everyone
-- takes them who takes more than one: no claim waits for them, and a settle of the same row finds it gone. Index:
-- primary keys.
CREATE OR REPLACE FUNCTION signalpost.fail_deliveries(
  accounts uuid[],
  modes text[],
  ids uuid[],
  retention_days integer
) RETURNS TABLE (
  account_id uuid,
  mode text,
  id uuid,
  reason text,
  endpoint_id uuid,
  event_id uuid,
  operation_id text,
  url text,
  locale text
)
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
#variable_conflict use_column
DECLARE
  -- As in claim_deliveries.sql, which hands out no body of such a delivery.
  poison_crashes CONSTANT integer := 3;
  -- The least id that an event within the retention can have.
  oldest_event CONSTANT uuid := (
    lpad(to_hex(greatest(0, extract(epoch FROM now() - retention_days * interval '1 day') * 1000)::bigint), 12, '0')
    || '00000000000000000000')::uuid;
  lane record;
  gone record;
  ended signalpost.pending_deliveries;
  -- Of those ended, the ones that stood in an order.
  all_ended signalpost.pending_deliveries[] := '{}';
BEGIN
  FOR lane IN
    SELECT DISTINCT q.account_id, q.mode, q.endpoint_id
    FROM unnest(accounts, modes, ids) AS given (account_id, mode, id)
    CROSS JOIN LATERAL (
      SELECT p.account_id, p.mode, p.endpoint_id
      FROM signalpost.pending_deliveries p
      WHERE p.account_id = given.account_id AND p.mode = given.mode AND p.id = given.id
      OFFSET 0 -- Naming its endpoint outside must not open the index of due times to this look-up by id.
    ) AS q
    ORDER BY q.account_id, q.mode, q.endpoint_id
  LOOP
    PERFORM FROM signalpost.webhook_endpoints w
    WHERE w.account_id = lane.account_id AND w.mode = lane.mode AND w.id = lane.endpoint_id
    FOR SHARE;
  END LOOP;
  FOR lane IN
    SELECT DISTINCT q.account_id, q.mode, q.endpoint_id
    FROM unnest(accounts, modes, ids) AS given (account_id, mode, id)
    CROSS JOIN LATERAL (
      SELECT p.account_id, p.mode, p.endpoint_id
      FROM signalpost.pending_deliveries p
      WHERE p.account_id = given.account_id AND p.mode = given.mode AND p.id = given.id
      OFFSET 0
    ) AS q
    ORDER BY q.account_id, q.mode, q.endpoint_id
  LOOP
    UPDATE signalpost.lanes AS target
    SET gen = target.gen + 1,
        wake_at = CASE WHEN target.owner IS NULL THEN least(target.wake_at, now()) ELSE target.wake_at END
    WHERE target.account_id = lane.account_id AND target.mode = lane.mode AND target.endpoint_id = lane.endpoint_id;
  END LOOP;

  FOR gone IN
    SELECT q.*, w.url, a.locale,
           CASE WHEN q.crash_count >= poison_crashes THEN 'poison' ELSE 'expired' END AS reason
    FROM (
      SELECT * FROM unnest(accounts, modes, ids) AS given (account_id, mode, id)
      ORDER BY given.account_id, given.mode, given.id
    ) AS given
    CROSS JOIN LATERAL (
      SELECT p.*
      FROM signalpost.pending_deliveries p
      WHERE p.account_id = given.account_id AND p.mode = given.mode AND p.id = given.id
      FOR UPDATE
    ) AS q
    JOIN signalpost.webhook_endpoints w
      ON w.account_id = q.account_id AND w.mode = q.mode AND w.id = q.endpoint_id
    JOIN signalpost.accounts a ON a.id = q.account_id
    WHERE q.endpoint_epoch = w.epoch AND w.deleted_at IS NULL
      AND (q.crash_count >= poison_crashes OR q.event_id < oldest_event OR NOT EXISTS (
        SELECT FROM signalpost.events e
        WHERE e.account_id = q.account_id AND e.mode = q.mode AND e.id = q.event_id))
  LOOP
    BEGIN
      INSERT INTO signalpost.deliveries AS target (
        account_id, mode, id, endpoint_id, event_id, event_type, operation_id, trigger, previous_delivery_id,
        recovery_id, status, status_reason, attempt_count, ended_at)
      VALUES (gone.account_id, gone.mode, gone.id, gone.endpoint_id, gone.event_id, gone.event_type, gone.operation_id,
              gone.trigger, gone.previous_delivery_id, gone.recovery_id, 'failed', gone.reason, gone.attempt_count,
              clock_timestamp());
    EXCEPTION WHEN check_violation THEN
      NULL; -- Its month of history was dropped with its event.
    END;
    DELETE FROM signalpost.pending_deliveries AS target
    WHERE target.account_id = gone.account_id AND target.mode = gone.mode AND target.id = gone.id
    RETURNING target.* INTO ended;
    account_id := gone.account_id;
    mode := gone.mode;
    id := gone.id;
    reason := gone.reason;
    endpoint_id := gone.endpoint_id;
    event_id := gone.event_id;
    operation_id := gone.operation_id;
    url := gone.url;
    locale := gone.locale;
    RETURN NEXT;
    IF ended.order_key IS NOT NULL THEN
      all_ended := array_append(all_ended, ended);
    END IF;
  END LOOP;

  IF cardinality(all_ended) > 0 THEN
    PERFORM signalpost.release_followers(all_ended);
  END IF;
END
$function$;
