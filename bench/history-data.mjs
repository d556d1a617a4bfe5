// A long history as the ingest would have left it: events over thirteen months in the order of their ids, a log for
// each, an operation for each two, and deliveries. The first of five accounts has 60 % of everything.

export const DAYS = 390;
const DAY_MS = 86_400_000;
const BATCH = 100_000;

/** Makes the months that the history needs, as the service makes those of the present. */
export async function makeMonths(pool, now = Date.now()) {
  const { monthPartition, PARTITIONED_TABLES } = await import('../dist/src/database/partitions.js');
  const today = new Date(now);
  for (const table of PARTITIONED_TABLES) {
    for (let back = 0; back <= Math.ceil(DAYS / 30) + 1; back++) {
      const { name, fromUuid, toUuid } = monthPartition(table, today.getUTCFullYear(), today.getUTCMonth() - back);
      await pool.query(
        `CREATE TABLE IF NOT EXISTS signalpost.${name} PARTITION OF signalpost.${table} FOR VALUES FROM ('${fromUuid}') TO ('${toUuid}')`,
      );
    }
  }
}

/**
 * Writes `count` events and all that belongs to them. `accounts`: five of `{id, endpoints: [two uuids]}`, the first of
 * which gets six tenths; the last one's deliveries have all failed.
 */
export async function loadHistory(pool, accounts, count, now = Date.now()) {
  const startMs = now - DAYS * DAY_MS;
  const stepMs = (DAYS * DAY_MS - 60_000) / count;
  const given = [startMs, stepMs, accounts.map(({ id }) => id)];
  const endpoints = [accounts.map(({ endpoints }) => endpoints[0]), accounts.map(({ endpoints }) => endpoints[1])];
  await inBatches(count, async (first, last) => {
    await pool.query(EVENTS, [...given, first, last]);
    await Promise.all([
      pool.query(OPERATIONS, [...given, first, last]),
      pool.query(LOGS, [...given, first, last]),
      pool.query(EXTERNAL_IDS, [...given, first, last]),
      pool.query(DELIVERIES, [...given, first, last, ...endpoints]),
    ]);
  });
  await pool.query(PENDING);
  await pool.query(
    `UPDATE signalpost.ledgers l SET last_sequence = $1, last_event_ms = $2 WHERE l.mode = 'live' AND l.account_id = ANY ($3)`,
    [count, now, given[2]],
  );
}

async function inBatches(count, work) {
  for (let first = 0; first < count; first += BATCH) await work(first, Math.min(first + BATCH, count) - 1);
}

// Two neighbours are one operation, pending and then ended; both belong to the account of the operation's number.
const NUMBERS = `
  SELECT i, k, h, ms, accounts.id AS account_id, shard,
    lpad(to_hex(ms), 12, '0') AS hex,
    CASE WHEN k % 3 < 2 THEN 'payment' ELSE 'collect' END AS kind,
    CASE WHEN i % 2 = 0 THEN 'pending' WHEN h % 100 < 75 THEN 'succeeded' WHEN h % 100 < 92 THEN 'failed'
         WHEN h % 100 < 98 THEN 'cancelled' WHEN k % 3 < 2 THEN 'refunded' ELSE 'expired' END AS status,
    CASE WHEN k % 20 = 0 THEN 'SUBSCRIPTION' ELSE 'INV-2026-' || k END AS reference,
    CASE WHEN k % 10 = 0 THEN 'Adjoua' WHEN k % 5000 = 5 THEN 'Zuleika' ELSE 'First' || h % 200 END AS first_name,
    'Last' || h % 997 AS last_name, '+229' || 60000000 + h % 9999999 AS phone
  FROM (
    SELECT i, i / 2 AS k, abs(hashint4(i / 2)) AS h, $1::bigint + (i * $2::float8)::bigint AS ms,
      greatest(1, (i / 2) % 10 - 4) AS shard
    FROM generate_series($4::integer, $5::integer) AS i
  ) AS numbered
  CROSS JOIN LATERAL (SELECT ($3::uuid[])[shard] AS id) AS accounts`;

const TYPE = `CASE WHEN k % 10000 = 3 AND i % 2 = 1 THEN 'payout.sent' ELSE kind || '.' || status END`;
const EVENT_ID = `(hex || '7001' || '8' || lpad(to_hex(h), 15, '0'))::uuid`;
const OPERATION_ID = `CASE WHEN kind = 'payment' THEN 'pay_' ELSE 'col_' END || k`;
const WORDS = `lower(' ' || replace(reference, '-', ' ') || CASE WHEN kind = 'payment' THEN ' pay ' ELSE ' col ' END || k
  || ' ' || first_name || ' ' || last_name || ' ' || substr(phone, 2))`;
// One event in a hundred comes a day after it happened.
const OCCURRED = `to_timestamp((ms - CASE WHEN h % 100 = 1 THEN ${DAY_MS} ELSE 800 END) / 1000.0)`;

const EVENTS = `
  INSERT INTO signalpost.events (account_id, mode, id, sequence, type, source, external_id, operation_id,
    operation_kind, operation_status, reference, search, occurred_at, body)
  SELECT account_id, 'live', ${EVENT_ID}, i + 1, ${TYPE}, 'platform', 'led-' || i, ${OPERATION_ID}, kind, status,
    reference, ${WORDS} || ' led ' || i, ${OCCURRED},
    json_build_object('id', ${EVENT_ID}, 'object', 'event', 'account', account_id, 'mode', 'live', 'type', ${TYPE},
      'source', 'platform', 'external_id', 'led-' || i, 'sequence', i + 1, 'occurred_at', ${OCCURRED},
      'created_at', to_timestamp(ms / 1000.0), 'operation', json_build_object('id', ${OPERATION_ID}, 'kind', kind,
        'status', status, 'version', i % 2 + 1, 'amount', h % 100000, 'currency', 'XOF', 'reference', reference,
        'channel', 'mtn_bj', 'customer', json_build_object('name', first_name || ' ' || last_name, 'phone', phone)),
      'data', json_build_object('fee', 20))::text
  FROM (${NUMBERS}) AS made ORDER BY i`;

const OPERATIONS = `
  INSERT INTO signalpost.operations (account_id, mode, id, kind, status, version, amount, currency, reference, channel,
    customer, search, last_event_id, created_at, updated_at)
  SELECT account_id, 'live', ${OPERATION_ID}, kind, status, 2, h % 100000, 'XOF', reference, 'mtn_bj',
    json_build_object('name', first_name || ' ' || last_name, 'email', null, 'phone', phone), ${WORDS}, ${EVENT_ID},
    to_timestamp((ms - $2::float8) / 1000.0), ${OCCURRED}
  FROM (${NUMBERS}) AS made WHERE i % 2 = 1 ORDER BY i`;

const LOGS = `
  INSERT INTO signalpost.logs (account_id, mode, id, category, action, status, description, operation_id, event_id,
    actor_type, search, occurred_at)
  SELECT account_id, 'live', ${EVENT_ID}, 'operation', ${TYPE},
    CASE status WHEN 'succeeded' THEN 'succeeded' WHEN 'pending' THEN 'pending' WHEN 'failed' THEN 'failed' ELSE 'info' END,
    initcap(kind) || ' of ' || h % 100000 || ' XOF is ' || status, ${OPERATION_ID}, ${EVENT_ID}, 'admin',
    ' ' || kind || ' of ' || h % 100000 || ' xof is ' || status, ${OCCURRED}
  FROM (${NUMBERS}) AS made ORDER BY i`;

const EXTERNAL_IDS = `
  INSERT INTO signalpost.external_ids (account_id, mode, external_id, event_id, content_hash)
  SELECT account_id, 'live', 'led-' || i, ${EVENT_ID}, '\\x00' FROM (${NUMBERS}) AS made ORDER BY i`;

// The first endpoint takes everything, the second collects alone. The largest account has no cancelled delivery.
const DELIVERIES = `
  INSERT INTO signalpost.deliveries (account_id, mode, id, endpoint_id, event_id, event_type, operation_id, status,
    status_reason, attempt_count, ended_at)
  SELECT account_id, 'live', (hex || '7001' || '9' || n || lpad(to_hex(h), 14, '0'))::uuid,
    CASE n WHEN 1 THEN ($6::uuid[])[shard] ELSE ($7::uuid[])[shard] END, ${EVENT_ID}, ${TYPE}, ${OPERATION_ID}, ended,
    CASE ended WHEN 'succeeded' THEN NULL WHEN 'failed' THEN 'exhausted' ELSE 'endpoint_disabled' END, 1,
    to_timestamp(ms / 1000.0 + 1)
  FROM (${NUMBERS}) AS made CROSS JOIN generate_series(1, 2) AS n
  CROSS JOIN LATERAL (
    SELECT CASE WHEN shard = 5 OR h % 97 = 0 THEN 'failed' WHEN h % 9973 = 0 THEN 'skipped' ELSE 'succeeded' END AS ended
  ) AS outcome
  WHERE n = 1 OR kind = 'collect' ORDER BY i, n`;

// The newest deliveries are still unfinished.
const PENDING = `
  WITH newest AS (
    DELETE FROM signalpost.deliveries d
    USING (SELECT account_id, mode, id FROM signalpost.deliveries ORDER BY id DESC LIMIT 100) AS n
    WHERE d.account_id = n.account_id AND d.mode = n.mode AND d.id = n.id RETURNING d.*
  )
  INSERT INTO signalpost.pending_deliveries (account_id, mode, id, endpoint_id, endpoint_epoch, event_id, event_type,
    operation_id, due_at, attempt_count)
  SELECT account_id, mode, id, endpoint_id, 1, event_id, event_type, operation_id, now() + interval '1 day', 1 FROM newest`;
