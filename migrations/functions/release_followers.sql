-- Gives the next delivery of each operation its turn, where it waits (at `infinity`) for one of the deliveries that end
-- in the caller's transaction: `ended`, each as its row stands or stood. One outside any order has no next one.
--
-- Lock: the followers, in the order of their own ids; the caller has endpoints, lanes and the deliveries before them. A
-- claim may be putting a follower to `infinity` this moment, because it still saw the one before it: the lock waits for
-- that, and a claim that comes later sees the ended one gone. Index: pending_deliveries_order, then the primary key.
--
-- Planner: as in settle_deliveries.sql, which calls this only where something ended that stands in an order.
CREATE OR REPLACE FUNCTION signalpost.release_followers(ended signalpost.pending_deliveries[]) RETURNS void
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
  waiting record;
  follower record;
BEGIN
  FOR waiting IN
    SELECT s.account_id, s.mode, s.endpoint_id, s.order_key, s.endpoint_epoch, s.id
    FROM unnest(ended) AS s
    CROSS JOIN LATERAL (
      SELECT p.id
      FROM signalpost.pending_deliveries p
      WHERE p.account_id = s.account_id AND p.mode = s.mode AND p.endpoint_id = s.endpoint_id
        AND p.order_key IS NOT NULL AND (p.order_key, p.endpoint_epoch) <= (s.order_key, s.endpoint_epoch)
        AND (p.order_key, p.endpoint_epoch, p.id) > (s.order_key, s.endpoint_epoch, s.id)
      ORDER BY p.order_key, p.endpoint_epoch, p.id -- The order of one index, without a sort: no other can be chosen.
      LIMIT 1
    ) AS following
    ORDER BY s.account_id, s.mode, following.id
  LOOP
    -- Looked up again: where that one has ended meanwhile, it is the one after it.
    SELECT p.id, p.due_at INTO follower
    FROM signalpost.pending_deliveries p
    WHERE p.account_id = waiting.account_id AND p.mode = waiting.mode AND p.endpoint_id = waiting.endpoint_id
      AND p.order_key IS NOT NULL
      AND (p.order_key, p.endpoint_epoch) <= (waiting.order_key, waiting.endpoint_epoch)
      AND (p.order_key, p.endpoint_epoch, p.id) > (waiting.order_key, waiting.endpoint_epoch, waiting.id)
    ORDER BY p.order_key, p.endpoint_epoch, p.id
    LIMIT 1
    FOR NO KEY UPDATE;
    IF follower.due_at = 'infinity' THEN
      UPDATE signalpost.pending_deliveries AS target
      SET due_at = now()
      WHERE target.account_id = waiting.account_id AND target.mode = waiting.mode AND target.id = follower.id;
    END IF;
  END LOOP;
END
$function$;
