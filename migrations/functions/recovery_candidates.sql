-- The next events that a recovery of one endpoint looks at: up to `reach` events of the types wanted, in the order of
-- their ids, after `after_event` and before `before_event`. `wanted_types` holds exact types, or `*` alone for all.
--
-- `is_succeeded`: the endpoint has had the event. `is_wanted`: the recovery sends it, by `selection`:
--   undelivered  no delivery of the event to the endpoint succeeded or is pending
--   failed       as undelivered, and one of them ended as failed
--   missing      there is no delivery of the event to the endpoint at all
--   all          none is pending
-- What a disabling left unfinished counts as skipped, though its row may still stand.
--
-- Reads only. Index: the primary key of events, or events_by_type, one ordered scan a type; first deliveries through
-- deliveries_by_endpoint and the primary key of pending_deliveries, by their event's millisecond and ordinal; others
-- through the partial indexes on the event.
--
-- Planner: joins run as nested loops over indexes in the order in which they are written, whatever the statistics say.
CREATE OR REPLACE FUNCTION signalpost.recovery_candidates(
  for_account uuid,
  for_mode text,
  for_endpoint uuid,
  wanted_types text[],
  selection text,
  after_event uuid,
  before_event uuid,
  reach integer
) RETURNS TABLE (
  event_id uuid,
  event_type text,
  operation_id text,
  is_succeeded boolean,
  is_wanted boolean
)
LANGUAGE plpgsql STRICT
SET jit = off
SET enable_seqscan = off
SET enable_bitmapscan = off
SET enable_hashjoin = off
SET enable_mergejoin = off
SET join_collapse_limit = 1
SET from_collapse_limit = 1
SET plan_cache_mode = force_generic_plan
AS $function$
#variable_conflict use_column
DECLARE
  present_epoch integer;
  ids uuid[];
  types text[];
  operations text[];
  -- Resent deliveries are younger than their events, but for the difference between two clocks.
  oldest_resend CONSTANT uuid := (
    lpad(
      to_hex(greatest(0, ('x' || left(replace(after_event::text, '-', ''), 12))::bit(48)::bigint - 86400000)), 12, '0')
    || '00000000000000000000')::uuid;
BEGIN
  SELECT w.epoch INTO present_epoch
  FROM signalpost.webhook_endpoints w
  WHERE w.account_id = for_account AND w.mode = for_mode AND w.id = for_endpoint;

  IF '*' = ANY (wanted_types) THEN
    SELECT array_agg(c.id ORDER BY c.id), array_agg(c.type ORDER BY c.id), array_agg(c.operation_id ORDER BY c.id)
    INTO ids, types, operations
    FROM (
      SELECT e.id, e.type, e.operation_id
      FROM signalpost.events e
      WHERE e.account_id = for_account AND e.mode = for_mode AND e.id > after_event AND e.id < before_event
      ORDER BY e.id
      LIMIT reach
    ) AS c;
  ELSE
    SELECT array_agg(c.id ORDER BY c.id), array_agg(c.type ORDER BY c.id), array_agg(c.operation_id ORDER BY c.id)
    INTO ids, types, operations
    FROM (
      SELECT found.id, found.type, found.operation_id
      FROM unnest(wanted_types) AS given (type)
      CROSS JOIN LATERAL (
        SELECT e.id, e.type, e.operation_id
        FROM signalpost.events e
        WHERE e.account_id = for_account AND e.mode = for_mode AND e.type = given.type
          AND e.id > after_event AND e.id < before_event
        ORDER BY e.id
        LIMIT reach
      ) AS found
      ORDER BY found.id
      LIMIT reach
    ) AS c;
  END IF;

  RETURN QUERY
  SELECT c.id, c.type, c.operation_id, s.is_succeeded,
         CASE selection
           WHEN 'undelivered' THEN NOT s.is_succeeded AND NOT s.is_pending
           WHEN 'failed' THEN NOT s.is_succeeded AND NOT s.is_pending AND s.is_failed
           WHEN 'missing' THEN NOT s.is_planned
           WHEN 'all' THEN NOT s.is_pending
           ELSE false
         END
  FROM unnest(ids, types, operations) AS c (id, type, operation_id)
  CROSS JOIN LATERAL (
    SELECT coalesce(bool_or(o.status = 'succeeded'), false) AS is_succeeded,
           coalesce(bool_or(o.status = 'pending'), false) AS is_pending,
           coalesce(bool_or(o.status = 'failed'), false) AS is_failed,
           count(*) > 0 AS is_planned
    FROM (
      SELECT d.status
      FROM signalpost.deliveries d
      WHERE d.account_id = for_account AND d.mode = for_mode AND d.endpoint_id = for_endpoint AND d.event_id = c.id
        AND d.id BETWEEN (left(c.id::text, 18) || '-0000-000000000000')::uuid
                     AND (left(c.id::text, 18) || '-ffff-ffffffffffff')::uuid
      UNION ALL
      SELECT d.status
      FROM signalpost.deliveries d
      WHERE d.account_id = for_account AND d.mode = for_mode AND d.event_id = c.id AND d.trigger <> 'event'
        AND d.endpoint_id = for_endpoint AND d.id >= oldest_resend
      UNION ALL
      SELECT CASE WHEN p.endpoint_epoch < present_epoch THEN 'skipped' ELSE 'pending' END
      FROM signalpost.pending_deliveries p
      WHERE p.account_id = for_account AND p.mode = for_mode AND p.endpoint_id = for_endpoint AND p.event_id = c.id
        AND p.id BETWEEN (left(c.id::text, 18) || '-0000-000000000000')::uuid
                     AND (left(c.id::text, 18) || '-ffff-ffffffffffff')::uuid
      UNION ALL
      SELECT CASE WHEN p.endpoint_epoch < present_epoch THEN 'skipped' ELSE 'pending' END
      FROM signalpost.pending_deliveries p
      WHERE p.account_id = for_account AND p.mode = for_mode AND p.event_id = c.id AND p.trigger <> 'event'
        AND p.endpoint_id = for_endpoint
    ) AS o
  ) AS s;
END
$function$;
