-- Publishes events of one or more ledgers (account and mode) in one call: gives sequence, ids and time under the
-- ledgers' locks, which are taken in the order of their ids and held to commit, so that id order = sequence order =
-- commit order; writes events, operations, external ids, idempotency keys, logs and planned deliveries; wakes lanes.
--
-- The caller merged operations and rendered bodies from a snapshot in which each ledger stood at its
-- `expected_sequence`, or from what it remembers: then that is -1, where no ledger stands, so that each is taken for one
-- that has moved on. Such a ledger is checked for what matters (an operation's version, an external id), and any erasure
-- matters; a conflict writes nothing and answers {"conflict": true}. An idempotency key that has got an answer since the
-- snapshot raises SP409, which undoes all.
--
-- Deliveries of lanes that `dispatcher_token` owns, while its lease lives, go to it at once, as many as `offered_rooms`
-- says and only where no order and no rate is to be kept: they count as claimed, in the batch `batch_number`, without
-- being read back. The nil token takes none.
--
-- Answers {"conflict": false, "sequences": [last one before, …], "times": [ms, …], both as the ledgers were given,
-- "lanes": [[account_id, mode, endpoint_id, gen, revision, planned, [handed over delivery_id, …]], …]}: the lanes that got
-- deliveries to send, with their generation after that.
--
-- Planner: joins run as nested loops over indexes in the order in which they are written, whatever the statistics say;
-- on tables that have just been filled and not been analysed the planner would choose others, a thousand times slower.
CREATE OR REPLACE FUNCTION signalpost.publish_events(
  now_ms bigint,
  ledger_accounts uuid[],
  ledger_modes text[],
  expected_sequences bigint[],
  expected_erasures bigint[],
  ledger_counts integer[],
  -- Events: `ordinal` counts from 1 within its ledger; `id_tail` is the last 80 bits of the uuid in hex, `id_suffix`
  -- the same in TypeID's base32; the body is head || suffix || to_sequence || sequence || to_created || time || tail.
  event_ledgers integer[],
  event_ordinals integer[],
  event_id_tails text[],
  event_id_suffixes text[],
  event_type_names text[],
  event_sources text[],
  event_external_ids text[],
  event_content_hashes bytea[],
  event_operation_ids text[],
  event_operation_kinds text[],
  event_operation_statuses text[],
  event_references text[],
  event_searches text[],
  event_occurred_at timestamptz[],
  event_bodies_to_sequence text[],
  event_bodies_to_created text[],
  event_bodies_tail text[],
  event_log_statuses text[],
  event_log_descriptions text[],
  event_log_searches text[],
  event_actor_types text[],
  event_actor_ids text[],
  event_actor_names text[],
  event_actor_ips text[],
  event_api_key_ids uuid[],
  event_request_ids text[],
  -- Operations: each once, as it stands after its last event of this call. `last_id_tail` is that of the last event
  -- that was not stale, '' when all were: then the operation keeps its last event.
  operation_ledgers integer[],
  operation_ids text[],
  operation_expected_versions bigint[],
  operation_versions bigint[],
  operation_kinds text[],
  operation_statuses text[],
  operation_amounts bigint[],
  operation_currencies text[],
  operation_references text[],
  operation_channels text[],
  operation_customers text[],
  operation_cause_codes text[],
  operation_cause_descriptions text[],
  operation_metadata text[],
  operation_searches text[],
  operation_last_id_tails text[],
  operation_created_at timestamptz[],
  operation_updated_at timestamptz[],
  -- What that changes in operation_stats, each of its rows once.
  stats_ledgers integer[],
  stats_periods text[],
  stats_starts timestamptz[],
  stats_kinds text[],
  stats_statuses text[],
  stats_currencies text[],
  stats_counts bigint[],
  stats_amounts numeric[],
  -- Idempotency keys of whole requests; what is kept is {"accounts", "modes", "ms": [of each ledger], "results": response}.
  request_accounts uuid[],
  request_modes text[],
  request_caller_classes text[],
  request_paths text[],
  request_keys text[],
  request_body_hashes bytea[],
  request_statuses smallint[],
  request_responses text[],
  -- Lanes of which the caller's dispatcher takes what is planned here.
  dispatcher_token uuid,
  batch_number bigint,
  offered_endpoints uuid[],
  offered_rooms integer[],
  -- What the one NOTIFY of this call carries.
  notification text
) RETURNS json
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
  -- Parallel to the ledgers: where each stood, its new millisecond as number, hex, TypeID prefix and ISO time.
  sequences bigint[];
  erasure_counts bigint[];
  times bigint[];
  hexes text[] := '{}';
  prefixes text[] := '{}';
  stamps text[] := '{}';
  ms bigint;
  prefix text;
  alphabet CONSTANT text := '0123456789abcdefghjkmnpqrstvwxyz';
  planned_lane record;
  lane record;
  has_lease boolean := false;
  handed uuid[];
  batch_accounts uuid[] := '{}';
  batch_modes text[] := '{}';
  batch_ids uuid[] := '{}';
  lanes json[] := '{}';
BEGIN
  -- Lock: the rows by primary key, in the order of ids. No writer of any other kind takes these locks for long.
  WITH locked AS MATERIALIZED (
    SELECT l.account_id, l.mode, l.last_sequence, l.erasures, l.last_event_ms
    FROM unnest(ledger_accounts, ledger_modes) AS g (account_id, mode)
    JOIN signalpost.ledgers l ON l.account_id = g.account_id AND l.mode = g.mode
    ORDER BY l.account_id, l.mode
    FOR NO KEY UPDATE OF l
  )
  SELECT coalesce(array_agg(locked.last_sequence ORDER BY given.n), '{}'),
         coalesce(array_agg(locked.erasures ORDER BY given.n), '{}'),
         coalesce(array_agg(greatest(locked.last_event_ms + 1, now_ms) ORDER BY given.n), '{}')
  INTO sequences, erasure_counts, times
  FROM unnest(ledger_accounts, ledger_modes) WITH ORDINALITY AS given (account_id, mode, n)
  JOIN locked ON locked.account_id = given.account_id AND locked.mode = given.mode;

  IF cardinality(sequences) <> cardinality(ledger_accounts) THEN
    RAISE EXCEPTION 'a ledger is missing' USING ERRCODE = 'SP404';
  END IF;

  -- What the caller merged may hold what was erased meanwhile, or be of a time that is yet to come.
  IF erasure_counts <> expected_erasures OR now_ms > (extract(epoch FROM clock_timestamp()) * 1000)::bigint THEN
    RETURN json_build_object('conflict', true);
  END IF;

  IF sequences <> expected_sequences THEN
    IF EXISTS (
      SELECT FROM unnest(operation_ledgers, operation_ids, operation_expected_versions) AS o (ledger, id, expected)
      LEFT JOIN signalpost.operations p
        ON p.account_id = ledger_accounts[o.ledger] AND p.mode = ledger_modes[o.ledger] AND p.id = o.id
      WHERE sequences[o.ledger] <> expected_sequences[o.ledger] AND coalesce(p.version, 0) <> o.expected
    ) OR EXISTS (
      SELECT FROM unnest(event_ledgers, event_external_ids) AS e (ledger, external_id)
      JOIN signalpost.external_ids x
        ON x.account_id = ledger_accounts[e.ledger] AND x.mode = ledger_modes[e.ledger]
        AND x.external_id = e.external_id
      WHERE sequences[e.ledger] <> expected_sequences[e.ledger]
    ) THEN
      RETURN json_build_object('conflict', true);
    END IF;
  END IF;

  -- Keys are not under the ledgers' locks: one may come with other ledgers, or with none. Whoever writes a key second
  -- waits here for the first and then undoes everything. A row older than 30 days counts as gone, though it may be there.
  FOR i IN 1 .. cardinality(request_keys) LOOP
    INSERT INTO signalpost.idempotency_keys AS target (
      account_id, mode, caller_class, method, path, key, body_hash, status, response)
    VALUES (
      request_accounts[i], request_modes[i], request_caller_classes[i], 'POST', request_paths[i], request_keys[i],
      request_body_hashes[i], request_statuses[i],
      json_build_object(
        'accounts', ledger_accounts, 'modes', ledger_modes, 'ms', times, 'results', request_responses[i]::json))
    ON CONFLICT (account_id, mode, caller_class, method, path, key) DO UPDATE SET
      body_hash = excluded.body_hash, status = excluded.status, response = excluded.response, created_at = now()
    WHERE target.created_at <= now() - interval '30 days';
    IF NOT FOUND THEN
      RAISE EXCEPTION 'an idempotency key has its answer already' USING ERRCODE = 'SP409';
    END IF;
  END LOOP;

  -- Expressions in a loop, for each needs no plan to be started. A TypeID's first ten characters are the 48 bits of
  -- time, five bits a character.
  FOREACH ms IN ARRAY times LOOP
    hexes := array_append(hexes, lpad(to_hex(ms), 12, '0'));
    stamps := array_append(stamps, to_char(to_timestamp(ms / 1000.0) AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'));
    prefix := '';
    FOR bit IN REVERSE 45 .. 0 BY 5 LOOP
      prefix := prefix || substr(alphabet, ((ms >> bit) & 31)::integer + 1, 1);
    END LOOP;
    prefixes := array_append(prefixes, prefix);
  END LOOP;

  WITH given AS MATERIALIZED (
    SELECT l.account_id, l.mode, (hexes[e.ledger] || e.id_tail)::uuid AS id, sequences[e.ledger] + e.ordinal AS sequence,
           prefixes[e.ledger] AS prefix, stamps[e.ledger] AS stamp, e.*
    FROM unnest(
      event_ledgers, event_ordinals, event_id_tails, event_id_suffixes, event_type_names, event_sources, event_external_ids,
      event_content_hashes, event_operation_ids, event_operation_kinds, event_operation_statuses, event_references,
      event_searches, event_occurred_at, event_bodies_to_sequence, event_bodies_to_created, event_bodies_tail,
      event_log_statuses, event_log_descriptions, event_log_searches, event_actor_types, event_actor_ids, event_actor_names,
      event_actor_ips, event_api_key_ids, event_request_ids
    ) AS e (
      ledger, ordinal, id_tail, id_suffix, type, source, external_id, content_hash, operation_id, operation_kind,
      operation_status, reference, search, occurred_at, to_sequence, to_created, tail, log_status, log_description,
      log_search, actor_type, actor_id, actor_name, actor_ip, api_key_id, request_id)
    JOIN signalpost.ledgers l ON l.account_id = ledger_accounts[e.ledger] AND l.mode = ledger_modes[e.ledger]
  ), written AS (
    INSERT INTO signalpost.events AS target (
      account_id, mode, id, sequence, type, source, external_id, operation_id, operation_kind, operation_status,
      reference, search, occurred_at, body)
    SELECT g.account_id, g.mode, g.id, g.sequence, g.type, g.source, g.external_id, g.operation_id, g.operation_kind,
           g.operation_status, g.reference, g.search, g.occurred_at,
           '{"id":"evt_' || g.prefix || g.id_suffix || g.to_sequence || g.sequence || g.to_created || g.stamp || g.tail
    FROM given g
  ), identified AS (
    INSERT INTO signalpost.external_ids AS target (account_id, mode, external_id, event_id, content_hash)
    SELECT g.account_id, g.mode, g.external_id, g.id, g.content_hash
    FROM given g
    WHERE g.external_id IS NOT NULL
  )
  INSERT INTO signalpost.logs AS target (
    account_id, mode, id, category, action, status, description, operation_id, event_id, api_key_id, request_id,
    actor_type, actor_id, actor_name, actor_ip, search, occurred_at)
  SELECT g.account_id, g.mode, g.id, 'operation', g.type, g.log_status, g.log_description, g.operation_id, g.id, g.api_key_id,
         g.request_id, g.actor_type, g.actor_id, g.actor_name, g.actor_ip, g.log_search, g.occurred_at
  FROM given g;

  IF cardinality(operation_ids) > 0 THEN
    INSERT INTO signalpost.operations AS target (
      account_id, mode, id, kind, status, version, amount, currency, reference, channel, customer, cause_code,
      cause_description, metadata, search, last_event_id, created_at, updated_at)
    SELECT l.account_id, l.mode, o.id, o.kind, o.status, o.version, o.amount, o.currency, o.reference, o.channel,
           o.customer::json, o.cause_code, o.cause_description, o.metadata::json, o.search,
           CASE WHEN o.last_id_tail = '' THEN '00000000-0000-0000-0000-000000000000'
                ELSE (hexes[o.ledger] || o.last_id_tail)::uuid END,
           o.created_at, o.updated_at
    FROM unnest(
      operation_ledgers, operation_ids, operation_versions, operation_kinds, operation_statuses, operation_amounts,
      operation_currencies, operation_references, operation_channels, operation_customers, operation_cause_codes,
      operation_cause_descriptions, operation_metadata, operation_searches, operation_last_id_tails,
      operation_created_at, operation_updated_at
    ) AS o (
      ledger, id, version, kind, status, amount, currency, reference, channel, customer, cause_code,
      cause_description, metadata, search, last_id_tail, created_at, updated_at)
    JOIN signalpost.ledgers l ON l.account_id = ledger_accounts[o.ledger] AND l.mode = ledger_modes[o.ledger]
    ON CONFLICT (account_id, mode, id) DO UPDATE SET
      status = excluded.status, version = excluded.version, amount = excluded.amount, currency = excluded.currency,
      reference = excluded.reference, channel = excluded.channel, customer = excluded.customer,
      cause_code = excluded.cause_code, cause_description = excluded.cause_description, metadata = excluded.metadata,
      search = excluded.search, updated_at = excluded.updated_at,
      last_event_id = CASE WHEN excluded.last_event_id = '00000000-0000-0000-0000-000000000000'
                           THEN target.last_event_id ELSE excluded.last_event_id END;
  END IF;

  -- Versions were proven under the ledgers' locks, so what the planner took away is what stands there.
  IF cardinality(stats_ledgers) > 0 THEN
    INSERT INTO signalpost.operation_stats AS target (
      account_id, mode, period, starts_at, kind, status, currency, count, amount)
    SELECT l.account_id, l.mode, s.period, s.starts_at, s.kind, s.status, s.currency, s.count, s.amount
    FROM unnest(
      stats_ledgers, stats_periods, stats_starts, stats_kinds, stats_statuses, stats_currencies, stats_counts,
      stats_amounts
    ) AS s (ledger, period, starts_at, kind, status, currency, count, amount)
    JOIN signalpost.ledgers l ON l.account_id = ledger_accounts[s.ledger] AND l.mode = ledger_modes[s.ledger]
    ON CONFLICT (account_id, mode, period, starts_at, kind, status, currency) DO UPDATE SET
      count = target.count + excluded.count, amount = target.amount + excluded.amount;
  END IF;

  IF cardinality(offered_endpoints) > 0 THEN
    PERFORM FROM signalpost.dispatchers d WHERE d.token = dispatcher_token AND d.lease_until > clock_timestamp();
    has_lease := FOUND;
  END IF;

  -- Plan. A delivery's id has its event's millisecond and ordinal, so that it sorts as its event does and is found
  -- from it; of the endpoints, an account has 50 at most, read by primary key.
  -- One statement, so that every endpoint is seen once: enabled, it is owed a delivery; disabled, it skips one.
  FOR planned_lane IN
    WITH matched AS MATERIALIZED (
      SELECT w.account_id, w.mode, w.id AS endpoint_id, w.status, w.epoch, w.ordering, w.rate_limit, w.revision,
             times[e.ledger] AS ms,
             (hexes[e.ledger] || left(e.id_tail, 4) || right(replace(gen_random_uuid()::text, '-', ''), 16))::uuid AS id,
             (hexes[e.ledger] || e.id_tail)::uuid AS event_id, e.type, e.operation_id
      FROM unnest(event_ledgers, event_id_tails, event_type_names, event_operation_ids)
        AS e (ledger, id_tail, type, operation_id)
      JOIN signalpost.webhook_endpoints w
        ON w.account_id = ledger_accounts[e.ledger] AND w.mode = ledger_modes[e.ledger]
        AND w.event_types && ARRAY[e.type, split_part(e.type, '.', 1) || '.*', '*']
      WHERE w.deleted_at IS NULL
    ), owed AS (
      INSERT INTO signalpost.pending_deliveries AS target (
        account_id, mode, id, endpoint_id, endpoint_epoch, event_id, event_type, operation_id, order_key, due_at)
      SELECT m.account_id, m.mode, m.id, m.endpoint_id, m.epoch, m.event_id, m.type, m.operation_id,
             CASE WHEN m.ordering = 'operation' THEN m.operation_id END, to_timestamp(m.ms / 1000.0)
      FROM matched m
      WHERE m.status = 'enabled'
    ), skipped AS (
      INSERT INTO signalpost.deliveries AS target (
        account_id, mode, id, endpoint_id, event_id, event_type, operation_id, status, status_reason, ended_at)
      SELECT m.account_id, m.mode, m.id, m.endpoint_id, m.event_id, m.type, m.operation_id, 'skipped', 'endpoint_disabled',
             to_timestamp(m.ms / 1000.0)
      FROM matched m
      WHERE m.status = 'disabled'
    )
    -- The lanes of what was planned, in the order of their locks.
    SELECT m.account_id, m.mode, m.endpoint_id, m.revision, m.ordering <> 'operation' AND m.rate_limit IS NULL AS is_free,
           array_agg(m.id ORDER BY m.id) AS ids
    FROM matched m
    WHERE m.status = 'enabled'
    GROUP BY m.account_id, m.mode, m.endpoint_id, m.revision, is_free
    ORDER BY m.account_id, m.mode, m.endpoint_id
  LOOP
    UPDATE signalpost.lanes AS target
    SET gen = target.gen + 1,
        wake_at = CASE WHEN target.owner IS NULL THEN least(target.wake_at, to_timestamp(now_ms / 1000.0))
                       ELSE target.wake_at END
    WHERE target.account_id = planned_lane.account_id AND target.mode = planned_lane.mode
      AND target.endpoint_id = planned_lane.endpoint_id
    RETURNING target.gen, target.owner, (
      SELECT a.status FROM signalpost.accounts a WHERE a.id = target.account_id
    ) AS account_status INTO lane;
    handed := '{}';
    IF has_lease AND lane.owner = dispatcher_token AND planned_lane.is_free AND lane.account_status = 'active' THEN
      handed := planned_lane.ids[
        1 : coalesce(offered_rooms[array_position(offered_endpoints, planned_lane.endpoint_id)], 0)];
      batch_ids := batch_ids || handed;
      batch_accounts := batch_accounts || array_fill(planned_lane.account_id, ARRAY[cardinality(handed)]);
      batch_modes := batch_modes || array_fill(planned_lane.mode, ARRAY[cardinality(handed)]);
    END IF;
    lanes := array_append(lanes, json_build_array(
      planned_lane.account_id, planned_lane.mode, planned_lane.endpoint_id, lane.gen::text, planned_lane.revision,
      cardinality(planned_lane.ids), handed));
  END LOOP;

  IF cardinality(batch_ids) > 0 THEN
    INSERT INTO signalpost.claimed_batches (token, batch, account_ids, modes, delivery_ids, attempt_numbers)
    VALUES (
      dispatcher_token, batch_number, batch_accounts, batch_modes, batch_ids,
      array_fill(1, ARRAY[cardinality(batch_ids)]));
  END IF;

  FOR i IN 1 .. cardinality(ledger_accounts) LOOP
    UPDATE signalpost.ledgers AS target
    SET last_sequence = target.last_sequence + ledger_counts[i], last_event_ms = times[i]
    WHERE target.account_id = ledger_accounts[i] AND target.mode = ledger_modes[i];
  END LOOP;

  PERFORM pg_notify('signalpost_events', notification);

  RETURN json_build_object(
    'conflict', false, 'sequences', to_json(sequences), 'times', to_json(times), 'lanes', array_to_json(lanes));
END
$function$;
