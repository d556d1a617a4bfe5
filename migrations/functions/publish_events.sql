-- Publishes events of one or more ledgers (account and mode) in one call: gives sequence, ids and time under the
-- ledgers' locks, which are taken in the order of their ids and held to commit, so that id order = sequence order =
-- commit order; writes events, operations, external ids, idempotency keys, logs and planned deliveries; wakes lanes.
--
-- The caller merged operations and rendered bodies from a snapshot in which each ledger stood at its
-- `expected_sequence`, or from what it remembers: then that is -1, where no ledger stands, so that each is taken for
-- one that has moved on. Where one has, all are checked for what matters (an operation's version, an external id), and
-- any erasure matters; a conflict answers {"conflict": true}, and nothing is written but the time of the ledgers. An
-- idempotency key that has got an answer since the snapshot raises SP409, which undoes all.
--
-- Deliveries of lanes that `dispatcher_token` owns, while its lease lives, go to it at once, as many as `offered_rooms`
-- says and only where no order and no rate is to be kept: they count as claimed, in the batch `batch_number`, without
-- being read back. The nil token takes none.
--
-- Answers {"conflict": false, "sequences": [last one before, …], "times": [ms, …], both as the ledgers were given,
-- "lanes": [[account_id, mode, endpoint_id, gen, revision, planned, [handed over delivery_id, …]], …]}: the lanes that
-- got deliveries to send, with their generation after that.
--
-- Planner: joins run as nested loops over indexes in the order in which they are written, whatever the statistics say;
-- on tables that have just been filled and not been analysed the planner would choose others, a thousand times slower.
CREATE OR REPLACE FUNCTION signalpost.publish_events(
  now_ms bigint,
  -- Each once, and their places (from 1) in the order of their ids.
  ledgers signalpost.published_ledger[],
  lock_order integer[],
  events signalpost.published_event[],
  -- Each operation, and below each row of operation_stats, once.
  operations signalpost.published_operation[],
  stats signalpost.published_stats[],
  answers signalpost.published_answer[],
  -- Lanes of which the caller's dispatcher takes what is planned here.
  dispatcher_token uuid,
  batch_number bigint,
  offered_endpoints uuid[],
  offered_rooms integer[]
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
  sequences bigint[] := array_fill(0::bigint, ARRAY[cardinality(ledgers)]);
  times bigint[] := sequences;
  hexes text[] := array_fill(''::text, ARRAY[cardinality(ledgers)]);
  prefixes text[] := hexes;
  stamps text[] := hexes;
  n integer;
  ledger signalpost.published_ledger;
  locked record;
  ms bigint;
  answer signalpost.published_answer;
  has_moved boolean := false;
  is_conflict boolean := false;
  answer_accounts uuid[];
  answer_modes text[];
  alphabet CONSTANT text := '0123456789abcdefghjkmnpqrstvwxyz';
  planned_lane record;
  lane record;
  handed uuid[];
  batch_accounts uuid[] := '{}';
  batch_modes text[] := '{}';
  batch_ids uuid[] := '{}';
  lanes json[] := '{}';
BEGIN
  -- What is of a time that is yet to come is not written.
  IF now_ms > (extract(epoch FROM clock_timestamp()) * 1000)::bigint THEN
    RETURN json_build_object('conflict', true);
  END IF;

  -- The ledgers move on as they are locked; a conflict takes back all but the time. What the caller merged may hold
  -- what was erased meanwhile, so that any erasure is one.
  FOREACH n IN ARRAY lock_order LOOP
    ledger := ledgers[n];
    UPDATE signalpost.ledgers AS target
    SET last_sequence = target.last_sequence + ledger.event_count,
        last_event_ms = greatest(target.last_event_ms + 1, now_ms)
    WHERE target.account_id = ledger.account_id AND target.mode = ledger.mode
    RETURNING target.last_sequence - ledger.event_count AS last_sequence, target.last_event_ms, target.erasures
    INTO locked;
    IF NOT FOUND THEN
      RAISE EXCEPTION 'a ledger is missing' USING ERRCODE = 'SP404';
    END IF;
    ms := locked.last_event_ms;
    sequences[n] := locked.last_sequence;
    times[n] := ms;
    hexes[n] := lpad(to_hex(ms), 12, '0');
    stamps[n] := to_char(to_timestamp(ms / 1000.0) AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"');
    -- A TypeID's first ten characters are the 48 bits of time, five bits a character.
    prefixes[n] :=
      substr(alphabet, (ms >> 45)::integer + 1, 1) || substr(alphabet, ((ms >> 40) & 31)::integer + 1, 1)
      || substr(alphabet, ((ms >> 35) & 31)::integer + 1, 1) || substr(alphabet, ((ms >> 30) & 31)::integer + 1, 1)
      || substr(alphabet, ((ms >> 25) & 31)::integer + 1, 1) || substr(alphabet, ((ms >> 20) & 31)::integer + 1, 1)
      || substr(alphabet, ((ms >> 15) & 31)::integer + 1, 1) || substr(alphabet, ((ms >> 10) & 31)::integer + 1, 1)
      || substr(alphabet, ((ms >> 5) & 31)::integer + 1, 1) || substr(alphabet, (ms & 31)::integer + 1, 1);
    has_moved := has_moved OR locked.last_sequence <> ledger.expected_sequence;
    is_conflict := is_conflict OR locked.erasures <> ledger.expected_erasures;
  END LOOP;

  IF NOT is_conflict AND has_moved THEN
    is_conflict := EXISTS (
      SELECT FROM unnest(operations) AS o
      LEFT JOIN signalpost.operations p
        ON p.account_id = (ledgers[o.ledger]).account_id AND p.mode = (ledgers[o.ledger]).mode AND p.id = o.id
      WHERE coalesce(p.version, 0) <> o.expected_version
    ) OR EXISTS (
      SELECT FROM unnest(events) AS e
      JOIN signalpost.external_ids x
        ON x.account_id = (ledgers[e.ledger]).account_id AND x.mode = (ledgers[e.ledger]).mode
        AND x.external_id = e.external_id
    );
  END IF;
  IF is_conflict THEN
    FOREACH n IN ARRAY lock_order LOOP
      ledger := ledgers[n];
      UPDATE signalpost.ledgers AS target
      SET last_sequence = sequences[n]
      WHERE target.account_id = ledger.account_id AND target.mode = ledger.mode;
    END LOOP;
    RETURN json_build_object('conflict', true);
  END IF;

  -- Keys are not under the ledgers' locks: one may come with other ledgers, or with none. Whoever writes a key second
  -- waits here for the first and then undoes everything. A row older than 30 days counts as gone, though it may be
  -- there.
  IF cardinality(answers) > 0 THEN
    answer_accounts := ARRAY(SELECT l.account_id FROM unnest(ledgers) WITH ORDINALITY AS l ORDER BY l.ordinality);
    answer_modes := ARRAY(SELECT l.mode FROM unnest(ledgers) WITH ORDINALITY AS l ORDER BY l.ordinality);
  END IF;
  FOREACH answer IN ARRAY answers LOOP
    INSERT INTO signalpost.idempotency_keys AS target (
      account_id, mode, caller_class, method, path, key, body_hash, status, response)
    VALUES (
      answer.account_id, answer.mode, answer.caller_class, 'POST', answer.path, answer.key, answer.body_hash,
      answer.status,
      json_build_object(
        'accounts', answer_accounts, 'modes', answer_modes, 'ms', times, 'results', answer.response::json))
    ON CONFLICT (account_id, mode, caller_class, method, path, key) DO UPDATE SET
      body_hash = excluded.body_hash, status = excluded.status, response = excluded.response, created_at = now()
    WHERE target.created_at <= now() - interval '30 days';
    IF NOT FOUND THEN
      RAISE EXCEPTION 'an idempotency key has its answer already' USING ERRCODE = 'SP409';
    END IF;
  END LOOP;

  WITH given AS MATERIALIZED (
    SELECT (ledgers[e.ledger]).account_id, (ledgers[e.ledger]).mode, (hexes[e.ledger] || e.id_tail)::uuid AS id,
           sequences[e.ledger] + e.ordinal AS sequence, prefixes[e.ledger] AS prefix, stamps[e.ledger] AS stamp, e.*
    FROM unnest(events) AS e
  ), written AS (
    INSERT INTO signalpost.events AS target (
      account_id, mode, id, sequence, type, source, external_id, operation_id, operation_kind, operation_status,
      reference, search, occurred_at, body)
    SELECT g.account_id, g.mode, g.id, g.sequence, g.type, g.source, g.external_id, g.operation_id, g.operation_kind,
           g.operation_status, g.reference, g.search, g.occurred_at,
           '{"id":"evt_' || g.prefix || g.id_suffix || g.body_to_sequence || g.sequence || g.body_to_created || g.stamp
             || g.body_tail
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
  SELECT g.account_id, g.mode, g.id, 'operation', g.type, g.log_status, g.log_description, g.operation_id, g.id,
         g.api_key_id, g.request_id, g.actor_type, g.actor_id, g.actor_name, g.actor_ip, g.log_search, g.occurred_at
  FROM given g;

  IF cardinality(operations) > 0 THEN
    INSERT INTO signalpost.operations AS target (
      account_id, mode, id, kind, status, version, amount, currency, reference, channel, customer, cause_code,
      cause_description, metadata, search, last_event_id, created_at, updated_at)
    SELECT (ledgers[o.ledger]).account_id, (ledgers[o.ledger]).mode, o.id, o.kind, o.status, o.version,
           o.amount, o.currency, o.reference, o.channel, o.customer::json, o.cause_code, o.cause_description,
           o.metadata::json, o.search,
           CASE WHEN o.last_id_tail = '' THEN '00000000-0000-0000-0000-000000000000'
                ELSE (hexes[o.ledger] || o.last_id_tail)::uuid END,
           o.created_at, o.updated_at
    FROM unnest(operations) AS o
    ON CONFLICT (account_id, mode, id) DO UPDATE SET
      status = excluded.status, version = excluded.version, amount = excluded.amount, currency = excluded.currency,
      reference = excluded.reference, channel = excluded.channel, customer = excluded.customer,
      cause_code = excluded.cause_code, cause_description = excluded.cause_description, metadata = excluded.metadata,
      search = excluded.search, updated_at = excluded.updated_at,
      last_event_id = CASE WHEN excluded.last_event_id = '00000000-0000-0000-0000-000000000000'
                           THEN target.last_event_id ELSE excluded.last_event_id END;
  END IF;

  -- Versions were proven under the ledgers' locks, so what the planner took away is what stands there.
  IF cardinality(stats) > 0 THEN
    INSERT INTO signalpost.operation_stats AS target (
      account_id, mode, period, starts_at, kind, status, currency, count, amount)
    SELECT (ledgers[s.ledger]).account_id, (ledgers[s.ledger]).mode, s.period, s.starts_at, s.kind, s.status,
           s.currency, s.count, s.amount::numeric
    FROM unnest(stats) AS s
    ON CONFLICT (account_id, mode, period, starts_at, kind, status, currency) DO UPDATE SET
      count = target.count + excluded.count, amount = target.amount + excluded.amount;
  END IF;

  -- Plan. A delivery's id has its event's millisecond and ordinal, so that it sorts as its event does and is found
  -- from it; of the endpoints, an account has 50 at most, read by primary key.
  -- One statement, so that every endpoint is seen once: enabled, it is owed a delivery; disabled, it skips one.
  FOR planned_lane IN
    WITH matched AS MATERIALIZED (
      SELECT w.account_id, w.mode, w.id AS endpoint_id, w.status, w.epoch, w.ordering, w.rate_limit, w.revision,
             times[e.ledger] AS ms,
             (hexes[e.ledger] || left(e.id_tail, 4) || right(replace(gen_random_uuid()::text, '-', ''), 16))::uuid
               AS id,
             (hexes[e.ledger] || e.id_tail)::uuid AS event_id, e.type, e.operation_id
      FROM unnest(events) AS e
      JOIN signalpost.webhook_endpoints w
        ON w.account_id = (ledgers[e.ledger]).account_id AND w.mode = (ledgers[e.ledger]).mode
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
      SELECT m.account_id, m.mode, m.id, m.endpoint_id, m.event_id, m.type, m.operation_id, 'skipped',
             'endpoint_disabled', to_timestamp(m.ms / 1000.0)
      FROM matched m
      WHERE m.status = 'disabled'
    )
    -- The lanes of what was planned, in the order of their locks.
    SELECT m.account_id, m.mode, m.endpoint_id, m.revision,
           m.ordering <> 'operation' AND m.rate_limit IS NULL AS is_free, array_agg(m.id ORDER BY m.id) AS ids
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
    RETURNING target.gen, target.owner = dispatcher_token AND planned_lane.is_free AND EXISTS (
      SELECT FROM signalpost.dispatchers d WHERE d.token = dispatcher_token AND d.lease_until > clock_timestamp()
    ) AND (SELECT a.status = 'active' FROM signalpost.accounts a WHERE a.id = target.account_id) AS may_be_handed
    INTO lane;
    handed := '{}';
    IF lane.may_be_handed THEN
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

  RETURN json_build_object(
    'conflict', false, 'sequences', to_json(sequences), 'times', to_json(times), 'lanes', array_to_json(lanes));
END
$function$;
