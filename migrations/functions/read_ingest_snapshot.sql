-- What a publish must know of its ledgers before it writes: the database's clock, each ledger's sequence and erasures,
-- operations by id, external ids and stored answers of idempotency keys, each as tuples in JSON. All in one statement,
-- so that all is of one snapshot: a ledger that still stands at its sequence when it is locked has had no change of any
-- kind meanwhile.
--
-- Planner: as publish_events.sql says. Index: primary keys throughout.
CREATE OR REPLACE FUNCTION signalpost.read_ingest_snapshot(
  ledger_accounts uuid[],
  ledger_modes text[],
  operation_accounts uuid[],
  operation_modes text[],
  operation_ids text[],
  external_id_accounts uuid[],
  external_id_modes text[],
  external_id_texts text[],
  request_accounts uuid[],
  request_modes text[],
  request_caller_classes text[],
  request_paths text[],
  request_keys text[]
) RETURNS json
LANGUAGE plpgsql STRICT STABLE
SET jit = off
SET enable_seqscan = off
SET enable_bitmapscan = off
SET enable_hashjoin = off
SET enable_mergejoin = off
SET join_collapse_limit = 1
SET from_collapse_limit = 1
SET plan_cache_mode = force_generic_plan
AS $function$
BEGIN
  RETURN (
    SELECT json_build_object(
      'now_ms', (extract(epoch FROM clock_timestamp()) * 1000)::bigint,
      'ledgers', (
        SELECT json_agg(json_build_array(l.account_id, l.mode, l.last_sequence, l.erasures))
        FROM unnest(ledger_accounts, ledger_modes) AS g (account_id, mode)
        JOIN signalpost.ledgers l ON l.account_id = g.account_id AND l.mode = g.mode),
      'operations', (
        SELECT json_agg(json_build_array(
          o.account_id, o.mode, o.id, o.kind, o.status, o.version, o.amount, o.currency, o.reference, o.channel,
          o.customer, o.cause_code, o.cause_description, o.metadata,
          (extract(epoch FROM o.created_at) * 1000)::bigint, (extract(epoch FROM o.updated_at) * 1000)::bigint))
        FROM unnest(operation_accounts, operation_modes, operation_ids) AS g (account_id, mode, id)
        JOIN signalpost.operations o ON o.account_id = g.account_id AND o.mode = g.mode AND o.id = g.id),
      'external_ids', (
        SELECT json_agg(json_build_array(
          x.account_id, x.mode, x.external_id, x.event_id, encode(x.content_hash, 'hex')))
        FROM unnest(external_id_accounts, external_id_modes, external_id_texts) AS g (account_id, mode, external_id)
        JOIN signalpost.external_ids x
          ON x.account_id = g.account_id AND x.mode = g.mode AND x.external_id = g.external_id),
      'answers', (
        SELECT json_agg(json_build_array(
          k.account_id, k.mode, k.caller_class, k.path, k.key, encode(k.body_hash, 'hex'), k.response))
        FROM unnest(request_accounts, request_modes, request_caller_classes, request_paths, request_keys)
          AS g (account_id, mode, caller_class, path, key)
        JOIN signalpost.idempotency_keys k
          ON k.account_id = g.account_id AND k.mode = g.mode AND k.caller_class = g.caller_class
          AND k.method = 'POST' AND k.path = g.path AND k.key = g.key
        WHERE k.created_at > now() - interval '30 days')));
END
$function$;
