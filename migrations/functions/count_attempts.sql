-- Adds attempts to `attempt_counts`, which the statistics of endpoints read: once for each of the rows (from 1) that
-- `counted_rows` names, in the transaction that settles them.
--
-- Lock: the counters' rows, in the order of their key, to the commit; so it is called as the last thing of a settle, and
-- another settle of the same endpoint waits for no more than that commit. Index: primary keys.
CREATE OR REPLACE FUNCTION signalpost.count_attempts(
  accounts uuid[],
  modes text[],
  endpoints uuid[],
  attempts_started_at timestamptz[],
  durations_ms integer[],
  outcomes text[],
  status_codes smallint[],
  error_codes text[],
  counted_rows integer[]
) RETURNS void
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
DECLARE
  all_counted boolean := cardinality(counted_rows) = cardinality(endpoints);
BEGIN
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
    WHERE all_counted OR g.n = ANY (counted_rows)
    GROUP BY 1, 2, 3, 4, 5, 6
  ) AS s
  JOIN signalpost.webhook_endpoints w
    ON w.account_id = s.account_id AND w.mode = s.mode AND w.id = s.endpoint_id
  ORDER BY 1, 2, 3, 4, 5, 6
  ON CONFLICT (account_id, mode, endpoint_id, hour, reason, bucket)
  DO UPDATE SET count = target.count + excluded.count;
END
$function$;
