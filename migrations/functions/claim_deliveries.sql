-- Claims due deliveries of the lanes given, for the dispatcher with `dispatcher_token`: takes lanes without an owner,
-- then reads the heads of those it owns. Nothing is written to a delivery; what is claimed is recorded in one row of
-- claimed_batches, which a dispatcher's death turns into crash counts.
--
-- `rooms`: how many deliveries each lane may have claimed now. `in_flight`: what the caller has in the air of these
-- lanes, which is still due here. `after_due_ats`, `after_ids`: where to begin to read each lane, null for its head;
-- the caller has claimed everything before, so that neither what is in the air nor dead rows are read again and again.
-- `recheck_waiting`: whether to look for deliveries that wait at `infinity` though nothing is before them any more (a
-- new owner does not know), from `recheck_after` on (null: all), some at a time.
--
-- `rate_limits`: what the caller believes them to be; a lane with another limit, which its caller does not keep yet,
-- gets nothing but its row. `retention_days`: deliveries of events older than this, and those that were in the air at
-- three deaths of dispatchers, come without a `body`, for the caller to end them (fail_deliveries.sql).
--
-- Suspects, which another death would end, go one at a time in a process: of those due one is taken, and none while
-- another one is recorded for the caller. So what dies with the one that kills is not what happened to be beside it.
-- `due_in_ms` of a lane with others that are due says when to look again.
--
-- Answers a row for each delivery, then one for each lane owned, with `id` null, `rechecked_to` how far the look at
-- those that wait came (null: to the end), `due_in_ms` the time until the next of its deliveries is due (null: none),
-- its `gen` as it was before its deliveries were read, so that what is added meanwhile shows as a change, its
-- `rate_limit`, whether it is `failing`, `open` false where its endpoint or account takes no deliveries now, and whether
-- it is `ordered`, so that one delivery's end may let another go. A lane without a row is not the caller's; without a
-- living lease that is every lane.
--
-- Lock: acquired lanes, and followers with one before each, to the end of the call, all SKIP LOCKED: a claim waits for
-- nobody. Index: primary keys, pending_deliveries_due and pending_deliveries_order. An ordered endpoint's delivery is
-- claimed only when no earlier one of its operation is unfinished; followers met are put to `infinity`, so that the
-- next claim does not meet them again; only a lane's owner does that.
--
-- Planner: joins run as nested loops over indexes in the order in which they are written, whatever the statistics say;
-- on tables that have just been filled and not been analysed the planner would choose others, a thousand times slower.
-- A plan may also have been made while the tables were nearly empty, when every index looks the same. So whatever reads
-- a queue asks for the order of one index and may not sort, and lanes are compared so that no index on their owner
-- serves.
CREATE OR REPLACE FUNCTION signalpost.claim_deliveries(
  dispatcher_token uuid,
  batch_number bigint,
  lane_accounts uuid[],
  lane_modes text[],
  lane_endpoints uuid[],
  rooms integer[],
  recheck_waiting boolean[],
  rate_limits integer[],
  in_flight uuid[],
  retention_days integer,
  recheck_after uuid[],
  after_due_ats timestamptz[],
  after_ids uuid[]
) RETURNS TABLE (
  lane integer,
  id uuid,
  due_in_ms double precision,
  gen bigint,
  open boolean,
  rate_limit integer,
  failing boolean,
  revision bigint,
  event_id uuid,
  event_type text,
  operation_id text,
  attempt_count integer,
  first_attempt_at timestamptz,
  body text,
  due_at timestamptz,
  ordered boolean,
  rechecked_to uuid
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
  no_owner CONSTANT uuid := '00000000-0000-0000-0000-000000000000';
  -- How far a claim looks into one ordered lane.
  reach CONSTANT integer := 1000;
  -- As in fail_deliveries.sql.
  poison_crashes CONSTANT integer := 3;
  -- When a lane of which a suspect was left is looked at again.
  suspect_wait_ms CONSTANT double precision := 100;
  suspect record;
  suspect_lane integer := 0;
  suspect_id uuid;
  -- Those in the air for the caller; null: not looked for yet.
  recorded_suspects uuid[];
  has_left_suspect boolean[] := array_fill(false, ARRAY[cardinality(rooms)]);
  rechecked_tos uuid[] := array_fill(NULL::uuid, ARRAY[cardinality(rooms)]);
  looked_at integer;
  free record;
  ordered_lane record;
  waiting record;
  gens bigint[];
  -- Whether an order is to be kept; one that has none any more may still have deliveries of the time when it had.
  order_kept boolean[];
  -- The least id that an event within the retention can have.
  oldest_event CONSTANT uuid := (
    lpad(to_hex(greatest(0, extract(epoch FROM now() - retention_days * interval '1 day') * 1000)::bigint), 12, '0')
    || '00000000000000000000')::uuid;
BEGIN
  PERFORM FROM signalpost.dispatchers d WHERE d.token = dispatcher_token AND d.lease_until > clock_timestamp();
  IF NOT FOUND THEN
    RETURN;
  END IF;

  -- Losing this row of claimed_batches in a crash of the server costs a count, never a delivery.
  PERFORM set_config('synchronous_commit', 'off', true);

  FOR free IN
    SELECT l.account_id, l.mode, l.endpoint_id
    FROM unnest(lane_accounts, lane_modes, lane_endpoints) AS given (account_id, mode, endpoint_id)
    JOIN signalpost.lanes l
      ON l.account_id = given.account_id AND l.mode = given.mode AND l.endpoint_id = given.endpoint_id
    WHERE coalesce(l.owner, no_owner) = no_owner
    FOR NO KEY UPDATE OF l SKIP LOCKED
  LOOP
    UPDATE signalpost.lanes AS target
    SET owner = dispatcher_token
    WHERE target.account_id = free.account_id AND target.mode = free.mode AND target.endpoint_id = free.endpoint_id;
  END LOOP;

  SELECT array_agg(l.gen ORDER BY given.n), array_agg(w.ordering = 'operation' OR (
           SELECT true FROM signalpost.pending_deliveries p
           WHERE p.account_id = given.account_id AND p.mode = given.mode AND p.endpoint_id = given.endpoint_id
             AND p.order_key IS NOT NULL
           ORDER BY p.order_key
           LIMIT 1
         ) IS NOT NULL ORDER BY given.n)
  INTO gens, order_kept
  FROM unnest(lane_accounts, lane_modes, lane_endpoints) WITH ORDINALITY AS given (account_id, mode, endpoint_id, n)
  LEFT JOIN signalpost.lanes l
    ON l.account_id = given.account_id AND l.mode = given.mode AND l.endpoint_id = given.endpoint_id
  LEFT JOIN signalpost.webhook_endpoints w
    ON w.account_id = given.account_id AND w.mode = given.mode AND w.id = given.endpoint_id;

  -- The ordered lanes owned, of which followers are put to `infinity` and released.
  FOR ordered_lane IN
    SELECT l.account_id, l.mode, l.endpoint_id, w.epoch, given.recheck, given.recheck_from, given.n
    FROM unnest(lane_accounts, lane_modes, lane_endpoints, recheck_waiting, recheck_after) WITH ORDINALITY
      AS given (account_id, mode, endpoint_id, recheck, recheck_from, n)
    JOIN signalpost.webhook_endpoints w
      ON w.account_id = given.account_id AND w.mode = given.mode AND w.id = given.endpoint_id
    JOIN signalpost.lanes l
      ON l.account_id = given.account_id AND l.mode = given.mode AND l.endpoint_id = given.endpoint_id
    WHERE coalesce(l.owner, no_owner) = dispatcher_token
      AND (order_kept[given.n] OR given.recheck)
  LOOP
    IF ordered_lane.recheck THEN
      looked_at := 0;
      FOR waiting IN
        SELECT q.id, (
            SELECT true FROM signalpost.pending_deliveries earlier
            WHERE earlier.account_id = q.account_id AND earlier.mode = q.mode AND earlier.endpoint_id = q.endpoint_id
              AND earlier.order_key IS NOT NULL
              AND (earlier.order_key, earlier.endpoint_epoch) >= (q.order_key, q.endpoint_epoch)
              AND (earlier.order_key, earlier.endpoint_epoch, earlier.id) < (q.order_key, q.endpoint_epoch, q.id)
            ORDER BY earlier.order_key DESC, earlier.endpoint_epoch DESC, earlier.id DESC
            LIMIT 1
          ) IS NOT NULL AS is_behind
        FROM (
          SELECT p.account_id, p.mode, p.endpoint_id, p.endpoint_epoch, p.order_key, p.id
          FROM signalpost.pending_deliveries p
          WHERE p.account_id = ordered_lane.account_id AND p.mode = ordered_lane.mode
            AND p.endpoint_id = ordered_lane.endpoint_id AND p.endpoint_epoch = ordered_lane.epoch
            AND p.due_at = 'infinity'
            AND p.id > coalesce(ordered_lane.recheck_from, '00000000-0000-0000-0000-000000000000')
          ORDER BY p.due_at, p.id
          LIMIT reach
        ) AS q
      LOOP
        IF NOT waiting.is_behind THEN
          PERFORM FROM signalpost.pending_deliveries q
          WHERE q.account_id = ordered_lane.account_id AND q.mode = ordered_lane.mode AND q.id = waiting.id
            AND q.due_at = 'infinity'
          FOR NO KEY UPDATE SKIP LOCKED;
          IF NOT FOUND THEN
            looked_at := reach; -- Somebody has it who may not release it: the look goes on from before it.
            rechecked_tos[ordered_lane.n] :=
              coalesce(rechecked_tos[ordered_lane.n], ordered_lane.recheck_from, no_owner);
            EXIT;
          END IF;
          UPDATE signalpost.pending_deliveries AS target
          SET due_at = now()
          WHERE target.account_id = ordered_lane.account_id AND target.mode = ordered_lane.mode
            AND target.id = waiting.id;
        END IF;
        looked_at := looked_at + 1;
        rechecked_tos[ordered_lane.n] := waiting.id;
      END LOOP;
      IF looked_at < reach THEN
        rechecked_tos[ordered_lane.n] := NULL;
      END IF;
    END IF;
    CONTINUE WHEN NOT order_kept[ordered_lane.n];
    FOR waiting IN
      SELECT q.id, q.order_key, q.endpoint_epoch
      FROM (
        SELECT p.account_id, p.mode, p.endpoint_id, p.endpoint_epoch, p.order_key, p.id
        FROM signalpost.pending_deliveries p
        WHERE p.account_id = ordered_lane.account_id AND p.mode = ordered_lane.mode
          AND p.endpoint_id = ordered_lane.endpoint_id AND p.endpoint_epoch = ordered_lane.epoch AND p.due_at <= now()
        ORDER BY p.due_at, p.id
        LIMIT reach
      ) AS q
      WHERE q.order_key IS NOT NULL
        AND (
          SELECT true FROM signalpost.pending_deliveries earlier
          WHERE earlier.account_id = q.account_id AND earlier.mode = q.mode AND earlier.endpoint_id = q.endpoint_id
            AND earlier.order_key IS NOT NULL
            AND (earlier.order_key, earlier.endpoint_epoch) >= (q.order_key, q.endpoint_epoch)
            AND (earlier.order_key, earlier.endpoint_epoch, earlier.id) < (q.order_key, q.endpoint_epoch, q.id)
          ORDER BY earlier.order_key DESC, earlier.endpoint_epoch DESC, earlier.id DESC
          LIMIT 1
        ) IS NOT NULL
    LOOP
      -- One that somebody holds stays due; it is behind another, so it is not claimed below.
      PERFORM FROM signalpost.pending_deliveries q
      WHERE q.account_id = ordered_lane.account_id AND q.mode = ordered_lane.mode AND q.id = waiting.id
      FOR NO KEY UPDATE SKIP LOCKED;
      CONTINUE WHEN NOT FOUND;
      -- Whoever ends one before it deletes that one first, which waits for this lock, and then looks for the next: so
      -- it is found at `infinity`, and released. Where all before it are gone or being ended this one stays due: who is
      -- at that may have looked already, when this one was not published yet.
      PERFORM FROM signalpost.pending_deliveries earlier
      WHERE earlier.account_id = ordered_lane.account_id AND earlier.mode = ordered_lane.mode
        AND earlier.endpoint_id = ordered_lane.endpoint_id AND earlier.order_key IS NOT NULL
        AND (earlier.order_key, earlier.endpoint_epoch) >= (waiting.order_key, waiting.endpoint_epoch)
        AND (earlier.order_key, earlier.endpoint_epoch, earlier.id)
          < (waiting.order_key, waiting.endpoint_epoch, waiting.id)
      ORDER BY earlier.order_key DESC, earlier.endpoint_epoch DESC, earlier.id DESC
      LIMIT 1
      FOR KEY SHARE SKIP LOCKED;
      CONTINUE WHEN NOT FOUND;
      UPDATE signalpost.pending_deliveries AS target
      SET due_at = 'infinity'
      WHERE target.account_id = ordered_lane.account_id AND target.mode = ordered_lane.mode AND target.id = waiting.id;
    END LOOP;
  END LOOP;

  -- Mostly there are none, and the index of suspects is empty: one step tells. Only it has the order asked for.
  PERFORM FROM signalpost.pending_deliveries p
  WHERE p.crash_count >= 2
  ORDER BY p.account_id, p.mode, p.endpoint_id, p.crash_count, p.id
  LIMIT 1;
  IF FOUND THEN
    FOR suspect IN
      SELECT given.n::integer AS n, given.room, s.id
      FROM unnest(lane_accounts, lane_modes, lane_endpoints, rooms, rate_limits) WITH ORDINALITY
        AS given (account_id, mode, endpoint_id, room, rate_limit, n)
      CROSS JOIN LATERAL (
        SELECT p.id, p.endpoint_epoch, p.order_key
        FROM signalpost.pending_deliveries p
        WHERE p.account_id = given.account_id AND p.mode = given.mode AND p.endpoint_id = given.endpoint_id
          AND p.crash_count >= 2 AND p.crash_count < poison_crashes AND p.due_at <= now()
          AND p.id NOT IN (SELECT unnest(in_flight))
        ORDER BY p.crash_count, p.id
        OFFSET 0
      ) AS s
      JOIN signalpost.lanes l
        ON l.account_id = given.account_id AND l.mode = given.mode AND l.endpoint_id = given.endpoint_id
      JOIN signalpost.webhook_endpoints w
        ON w.account_id = given.account_id AND w.mode = given.mode AND w.id = given.endpoint_id
      JOIN signalpost.accounts a ON a.id = given.account_id
      WHERE coalesce(l.owner, no_owner) = dispatcher_token AND w.status = 'enabled' AND w.deleted_at IS NULL
        AND a.status = 'active' AND s.endpoint_epoch = w.epoch
        AND (w.rate_limit IS NULL OR w.rate_limit = given.rate_limit)
        AND (s.order_key IS NULL OR (
          SELECT true FROM signalpost.pending_deliveries earlier
          WHERE earlier.account_id = given.account_id AND earlier.mode = given.mode
            AND earlier.endpoint_id = given.endpoint_id AND earlier.order_key IS NOT NULL
            AND (earlier.order_key, earlier.endpoint_epoch) >= (s.order_key, s.endpoint_epoch)
            AND (earlier.order_key, earlier.endpoint_epoch, earlier.id) < (s.order_key, s.endpoint_epoch, s.id)
          ORDER BY earlier.order_key DESC, earlier.endpoint_epoch DESC, earlier.id DESC
          LIMIT 1
        ) IS NULL)
    LOOP
      IF recorded_suspects IS NULL THEN
        SELECT coalesce(array_agg(DISTINCT q.id), '{}') INTO recorded_suspects
        FROM signalpost.claimed_batches b
        CROSS JOIN LATERAL unnest(b.account_ids, b.modes, b.delivery_ids, b.attempt_numbers)
          AS recorded (account_id, mode, delivery_id, attempt_number)
        CROSS JOIN LATERAL (
          SELECT p.id FROM signalpost.pending_deliveries p
          WHERE p.account_id = recorded.account_id AND p.mode = recorded.mode AND p.id = recorded.delivery_id
            AND p.attempt_count = recorded.attempt_number - 1
            AND p.crash_count >= 2 AND p.crash_count < poison_crashes
          OFFSET 0
        ) AS q
        WHERE b.token = dispatcher_token;
      END IF;
      -- One that was given back unsent stays recorded as long as its batch.
      IF suspect_id IS NULL AND suspect.room > 0 AND recorded_suspects <@ ARRAY[suspect.id] THEN
        suspect_id := suspect.id;
        suspect_lane := suspect.n;
      ELSE
        has_left_suspect[suspect.n] := true;
      END IF;
    END LOOP;
  END IF;

  -- What is recorded is what is answered, for both see what was read once; the record is written though nobody reads it.
  RETURN QUERY
  WITH heads AS MATERIALIZED (
    SELECT given.n::integer AS lane, given.account_id, given.mode, w.revision, q.*
    FROM unnest(lane_accounts, lane_modes, lane_endpoints, rooms, rate_limits, after_due_ats, after_ids) WITH ORDINALITY
      AS given (account_id, mode, endpoint_id, room, rate_limit, after_due_at, after_id, n)
    JOIN signalpost.lanes l
      ON l.account_id = given.account_id AND l.mode = given.mode AND l.endpoint_id = given.endpoint_id
    JOIN signalpost.webhook_endpoints w
      ON w.account_id = given.account_id AND w.mode = given.mode AND w.id = given.endpoint_id
    JOIN signalpost.accounts a ON a.id = given.account_id
    CROSS JOIN LATERAL (
      SELECT p.id, p.due_at, p.event_id, p.event_type, p.operation_id, p.attempt_count, p.first_attempt_at,
             p.crash_count
      FROM signalpost.pending_deliveries p
      WHERE p.account_id = given.account_id AND p.mode = given.mode AND p.endpoint_id = given.endpoint_id
        AND p.endpoint_epoch = w.epoch AND p.due_at <= now() AND (p.crash_count < 2 OR p.crash_count >= poison_crashes)
        AND (p.due_at, p.id) > (
          coalesce(given.after_due_at, '-infinity'), coalesce(given.after_id, '00000000-0000-0000-0000-000000000000'))
        AND p.id NOT IN (SELECT unnest(in_flight))
        AND (p.order_key IS NULL OR (
          SELECT true FROM signalpost.pending_deliveries earlier
          WHERE earlier.account_id = p.account_id AND earlier.mode = p.mode AND earlier.endpoint_id = p.endpoint_id
            AND earlier.order_key IS NOT NULL
            AND (earlier.order_key, earlier.endpoint_epoch) >= (p.order_key, p.endpoint_epoch)
            AND (earlier.order_key, earlier.endpoint_epoch, earlier.id) < (p.order_key, p.endpoint_epoch, p.id)
          ORDER BY earlier.order_key DESC, earlier.endpoint_epoch DESC, earlier.id DESC
          LIMIT 1
        ) IS NULL)
      ORDER BY p.due_at, p.id
      LIMIT CASE
        WHEN w.rate_limit IS NULL OR w.rate_limit = given.rate_limit
          THEN given.room - CASE WHEN given.n = suspect_lane THEN 1 ELSE 0 END
        ELSE 0
      END
    ) AS q
    WHERE coalesce(l.owner, no_owner) = dispatcher_token AND w.status = 'enabled' AND w.deleted_at IS NULL
      AND a.status = 'active'
  ), claimed AS MATERIALIZED (
    SELECT * FROM heads
    UNION ALL
    SELECT suspect_lane, w.account_id, w.mode, w.revision, p.id, p.due_at, p.event_id, p.event_type, p.operation_id,
           p.attempt_count, p.first_attempt_at, p.crash_count
    FROM signalpost.webhook_endpoints w
    JOIN signalpost.pending_deliveries p ON p.account_id = w.account_id AND p.mode = w.mode AND p.id = suspect_id
    WHERE suspect_id IS NOT NULL AND w.account_id = lane_accounts[suspect_lane] AND w.mode = lane_modes[suspect_lane]
      AND w.id = lane_endpoints[suspect_lane]
  ), recorded AS (
    INSERT INTO signalpost.claimed_batches (token, batch, account_ids, modes, delivery_ids, attempt_numbers)
    SELECT dispatcher_token, batch_number, array_agg(c.account_id), array_agg(c.mode), array_agg(c.id),
           array_agg(c.attempt_count + 1)
    FROM claimed c
    HAVING count(*) > 0
  )
  SELECT c.lane, c.id, NULL::double precision, NULL::bigint, true, NULL::integer, NULL::boolean, c.revision,
         c.event_id, c.event_type, c.operation_id, c.attempt_count, c.first_attempt_at, e.body,
         c.due_at, false, NULL::uuid
  FROM claimed c
  -- Past the retention its body may be gone with its month.
  LEFT JOIN signalpost.events e
    ON e.account_id = c.account_id AND e.mode = c.mode AND e.id = c.event_id AND c.event_id >= oldest_event
    AND c.crash_count < poison_crashes;

  RETURN QUERY
  SELECT given.n::integer, NULL::uuid,
         least(
           (extract(epoch FROM coming.due_at - clock_timestamp()) * 1000)::double precision,
           CASE WHEN has_left_suspect[given.n] THEN suspect_wait_ms END),
         gens[given.n],
         w.status = 'enabled' AND w.deleted_at IS NULL AND a.status = 'active', w.rate_limit,
         w.failing_since IS NOT NULL, w.revision, NULL::uuid, NULL::text, NULL::text, NULL::integer,
         NULL::timestamptz, NULL::text, NULL::timestamptz, order_kept[given.n], rechecked_tos[given.n]
  FROM unnest(lane_accounts, lane_modes, lane_endpoints) WITH ORDINALITY AS given (account_id, mode, endpoint_id, n)
  JOIN signalpost.lanes l
    ON l.account_id = given.account_id AND l.mode = given.mode AND l.endpoint_id = given.endpoint_id
  JOIN signalpost.webhook_endpoints w
    ON w.account_id = given.account_id AND w.mode = given.mode AND w.id = given.endpoint_id
  JOIN signalpost.accounts a ON a.id = given.account_id
  LEFT JOIN LATERAL (
    SELECT p.due_at
    FROM signalpost.pending_deliveries p
    WHERE p.account_id = given.account_id AND p.mode = given.mode AND p.endpoint_id = given.endpoint_id
      AND p.endpoint_epoch = w.epoch AND p.due_at > now() AND p.due_at < 'infinity'
    ORDER BY p.due_at
    LIMIT 1
  ) AS coming ON true
  WHERE coalesce(l.owner, no_owner) = dispatcher_token;
END
$function$;
