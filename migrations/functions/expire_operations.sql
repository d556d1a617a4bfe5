-- Deletes operations of one ledger whose last event is older than `oldest_event`, up to `batch` of them, and takes them
-- out of operation_stats in the same transaction. Answers how many.
--
-- Lock: candidates are looked for without one; then the ledger, as a publish takes it, so that no event of theirs is
-- being written, and each is asked again. Index: operations_by_time (an operation is older than its last event: it
-- began before `began_before`); primary keys.
--
-- Planner: row by row by primary key; one statement for all would leave the planner a choice.
CREATE OR REPLACE FUNCTION signalpost.expire_operations(
  ledger_account uuid,
  ledger_mode text,
  began_before timestamptz,
  oldest_event uuid,
  batch integer
) RETURNS integer
LANGUAGE plpgsql STRICT
SET jit = off
SET enable_seqscan = off
SET enable_bitmapscan = off
SET enable_hashjoin = off
SET enable_mergejoin = off
SET plan_cache_mode = force_generic_plan
AS $function$
DECLARE
  candidates text[];
  candidate text;
  gone record;
  deleted integer := 0;
BEGIN
  SELECT array_agg(o.id) INTO candidates
  FROM (
    SELECT p.id FROM signalpost.operations p
    WHERE p.account_id = ledger_account AND p.mode = ledger_mode AND p.created_at < began_before
      AND p.last_event_id < oldest_event
    ORDER BY p.created_at, p.id
    LIMIT batch
  ) AS o;
  IF candidates IS NULL THEN
    RETURN 0;
  END IF;

  PERFORM FROM signalpost.ledgers l
  WHERE l.account_id = ledger_account AND l.mode = ledger_mode
  FOR NO KEY UPDATE;

  FOREACH candidate IN ARRAY candidates LOOP
    DELETE FROM signalpost.operations AS target
    WHERE target.account_id = ledger_account AND target.mode = ledger_mode AND target.id = candidate
      AND target.last_event_id < oldest_event
    RETURNING target.kind, target.status, coalesce(target.currency, '') AS currency,
              coalesce(target.amount, 0) AS amount, target.created_at INTO gone;
    IF NOT FOUND THEN
      CONTINUE;
    END IF;
    deleted := deleted + 1;
    UPDATE signalpost.operation_stats AS target
    SET count = target.count - 1, amount = target.amount - gone.amount
    WHERE target.account_id = ledger_account AND target.mode = ledger_mode AND target.period = 'hour'
      AND target.starts_at = date_trunc('hour', gone.created_at, 'UTC') AND target.kind = gone.kind
      AND target.status = gone.status AND target.currency = gone.currency;
    UPDATE signalpost.operation_stats AS target
    SET count = target.count - 1, amount = target.amount - gone.amount
    WHERE target.account_id = ledger_account AND target.mode = ledger_mode AND target.period = 'day'
      AND target.starts_at = date_trunc('day', gone.created_at, 'UTC') AND target.kind = gone.kind
      AND target.status = gone.status AND target.currency = gone.currency;
  END LOOP;
  RETURN deleted;
END
$function$;
