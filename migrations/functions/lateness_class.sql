-- How late an event was accepted, by the time in its id: 0 on time, 1 from ten minutes on, and each further class from
-- twice as much; src/events/lateness.ts has its counterpart for questions. What it takes is far less than `COST` says:
-- that keeps the planner from filtering by it what it can look up in an index. So does the language, which is not
-- unfolded.
CREATE OR REPLACE FUNCTION signalpost.lateness_class(id uuid, occurred_at timestamptz) RETURNS integer
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE COST 10000
AS $function$
BEGIN
  RETURN width_bucket(
    to_timestamp(('x' || translate(left(id::text, 13), '-', ''))::bit(48)::bigint / 1000.0) - occurred_at,
    '{10 min,20 min,40 min,80 min,160 min,320 min,640 min,1280 min,2560 min,5120 min,10240 min,20480 min,40960 min,
      81920 min,163840 min,327680 min,655360 min,1310720 min,2621440 min}'::interval[]);
END
$function$;
