-- Ends deliveries whose event is past the retention as `failed`, `expired`; those that ended meanwhile, or whose endpoint
-- was disabled or deleted (they have another end), are left alone. Answers what a log about each of them needs. The
-- caller writes those logs in the same transaction.
--
-- Lock: endpoint, lane, delivery, follower, in this order, row by row in the order of `ids`, as whoever cancels one takes
-- them: no claim waits for them, and a settle of the same row finds it gone. Index: primary keys, and
-- pending_deliveries_order for the next one of its operation, which gets its turn.
CREATE OR REPLACE FUNCTION signalpost.expire_deliveries(
  accounts uuid[],
  modes text[],
  ids uuid[],
  retention_days integer
) RETURNS TABLE (
  account_id uuid,
  mode text,
  id uuid,
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
  -- The least id that an event within the retention can have.
  oldest_event CONSTANT uuid := (
    lpad(to_hex(greatest(0, extract(epoch FROM now() - retention_days * interval '1 day') * 1000)::bigint), 12, '0')
    || '00000000000000000000')::uuid;
  gone record;
  follower record;
BEGIN
  FOR gone IN
    SELECT q.account_id, q.mode, q.id, q.endpoint_id, q.endpoint_epoch, q.order_key, w.url, a.locale
    FROM (
      SELECT p.account_id, p.mode, p.id, p.endpoint_id, p.endpoint_epoch, p.order_key, p.event_id
      FROM unnest(accounts, modes, ids) AS given (account_id, mode, id)
      JOIN signalpost.pending_deliveries p
        ON p.account_id = given.account_id AND p.mode = given.mode AND p.id = given.id
      OFFSET 0 -- Naming its endpoint outside must not open the index of due times to this look-up by id.
    ) AS q
    JOIN signalpost.webhook_endpoints w
      ON w.account_id = q.account_id AND w.mode = q.mode AND w.id = q.endpoint_id
    JOIN signalpost.accounts a ON a.id = q.account_id
    WHERE q.endpoint_epoch = w.epoch AND w.deleted_at IS NULL AND (q.event_id < oldest_event OR NOT EXISTS (
      SELECT FROM signalpost.events e
      WHERE e.account_id = q.account_id AND e.mode = q.mode AND e.id = q.event_id))
    ORDER BY q.account_id, q.mode, q.endpoint_id, q.id
  LOOP
    PERFORM FROM signalpost.webhook_endpoints w
    WHERE w.account_id = gone.account_id AND w.mode = gone.mode AND w.id = gone.endpoint_id
      AND w.epoch = gone.endpoint_epoch AND w.deleted_at IS NULL
    FOR SHARE;
    CONTINUE WHEN NOT FOUND;
    UPDATE signalpost.lanes AS target
    SET gen = target.gen + 1, wake_at = CASE WHEN target.owner IS NULL THEN least(target.wake_at, now()) ELSE target.wake_at END
    WHERE target.account_id = gone.account_id AND target.mode = gone.mode AND target.endpoint_id = gone.endpoint_id;
    PERFORM FROM signalpost.pending_deliveries q
    WHERE q.account_id = gone.account_id AND q.mode = gone.mode AND q.id = gone.id
    FOR UPDATE;
    CONTINUE WHEN NOT FOUND;
    BEGIN
      INSERT INTO signalpost.deliveries AS target (
        account_id, mode, id, endpoint_id, event_id, event_type, operation_id, trigger, previous_delivery_id,
        recovery_id, status, status_reason, attempt_count, ended_at)
      SELECT q.account_id, q.mode, q.id, q.endpoint_id, q.event_id, q.event_type, q.operation_id, q.trigger,
             q.previous_delivery_id, q.recovery_id, 'failed', 'expired', q.attempt_count, clock_timestamp()
      FROM signalpost.pending_deliveries q
      WHERE q.account_id = gone.account_id AND q.mode = gone.mode AND q.id = gone.id;
    EXCEPTION WHEN check_violation THEN
      NULL; -- Its month of history was dropped with its event.
    END;
    DELETE FROM signalpost.pending_deliveries AS target
    WHERE target.account_id = gone.account_id AND target.mode = gone.mode AND target.id = gone.id
    RETURNING target.account_id, target.mode, target.id, target.endpoint_id, target.event_id, target.operation_id
    INTO account_id, mode, id, endpoint_id, event_id, operation_id;
    url := gone.url;
    locale := gone.locale;
    RETURN NEXT;
    IF gone.order_key IS NOT NULL THEN
      -- The next delivery of the operation, if it waits for this one.
      SELECT p.id, p.due_at INTO follower
      FROM signalpost.pending_deliveries p
      WHERE p.account_id = gone.account_id AND p.mode = gone.mode AND p.endpoint_id = gone.endpoint_id
        AND p.order_key IS NOT NULL AND (p.order_key, p.endpoint_epoch) <= (gone.order_key, gone.endpoint_epoch)
        AND (p.order_key, p.endpoint_epoch, p.id) > (gone.order_key, gone.endpoint_epoch, gone.id)
      ORDER BY p.order_key, p.endpoint_epoch, p.id
      LIMIT 1
      FOR NO KEY UPDATE;
      UPDATE signalpost.pending_deliveries AS target
      SET due_at = now()
      WHERE target.account_id = gone.account_id AND target.mode = gone.mode AND target.id = follower.id
        AND target.due_at = 'infinity';
    END IF;
  END LOOP;
END
$function$;
