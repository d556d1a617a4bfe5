// A year of logs as the service writes them, made inside PostgreSQL: one account has 60 % of them, nine have the rest.
// Loaded before the index of words is made, which is then made in bulk.
const MONTHS = 12;
const CHUNK_ROWS = 250_000;
const YEAR_MS = 365 * 86_400_000;

/** Fills `signalpost.logs` with `rows` logs that end now; the first of `accounts` (uuids) is the large one. */
export async function loadLogs(client, accounts, rows) {
  const endMs = Date.now() - 60_000;
  const { rows: indexes } = await client.query(
    `SELECT pg_get_indexdef('signalpost.logs_by_word'::regclass) AS definition`,
  );
  await client.query('TRUNCATE signalpost.logs');
  await client.query('DROP INDEX signalpost.logs_by_word');
  for (let back = 0; back <= MONTHS; back += 1) await makePartition(client, new Date(endMs), back);
  for (let first = 0; first < rows; first += CHUNK_ROWS) {
    const last = Math.min(first + CHUNK_ROWS, rows) - 1;
    await client.query(INSERT, [first, last, rows, endMs - YEAR_MS, YEAR_MS, accounts]);
  }
  await client.query(`SET maintenance_work_mem = '512MB'`);
  // PostgreSQL tells it as it is on the parent alone.
  await client.query(indexes[0].definition.replace(' ON ONLY ', ' ON '));
  await client.query('VACUUM ANALYZE signalpost.logs');
}

async function makePartition(client, now, monthsBack) {
  const from = new Date(Date.UTC(now.getUTCFullYear(), now.getUTCMonth() - monthsBack));
  const to = new Date(Date.UTC(from.getUTCFullYear(), from.getUTCMonth() + 1));
  const name = `logs_${from.toISOString().slice(0, 7).replace('-', '_')}`;
  const { rows } = await client.query(`SELECT to_regclass($1) AS oid`, [`signalpost.${name}`]);
  if (rows[0].oid !== null) return;
  await client.query(
    `CREATE TABLE signalpost.${name} PARTITION OF signalpost.logs FOR VALUES FROM ('${firstUuid(from)}') TO ('${firstUuid(to)}')`,
  );
}

export function firstUuid(date) {
  const time = date.getTime().toString(16).padStart(12, '0');
  return `${time.slice(0, 8)}-${time.slice(8)}-0000-0000-000000000000`;
}

/**
 * What can be asked of the rows: `n` counts them from the oldest; INV-<n> is unique; `rarely` is in one of 200,000;
 * `tag<n % 1000>` gives prefixes of any share; `ancient` is in half of the first six months and never later;
 * `delivery.exhausted` happens once in 50,000, in the first six months only; one in 200 was recorded 40 days late.
 */
const LATE_MS = 40 * 86_400_000;
const INSERT = `
  WITH numbers AS (
    SELECT n, $4::bigint + (n::float8 / $3::float8 * $5::float8)::bigint AS ms, md5(n::text) AS hash,
      ($6::uuid[])[CASE WHEN n % 10 < 6 THEN 1 ELSE 2 + (n / 10) % 9 END] AS account_id, n < $3 / 2 AS is_old,
      CASE WHEN n % 200 = 5 THEN ${LATE_MS} ELSE 0 END AS late_ms
    FROM generate_series($1::bigint, $2::bigint) AS n
  ), kinds AS (
    SELECT *, CASE
        WHEN n % 50000 = 11 AND is_old THEN 'delivery.exhausted'
        WHEN n % 100 < 44 THEN 'payment.pending' WHEN n % 100 < 88 THEN 'payment.succeeded'
        WHEN n % 100 < 98 THEN 'delivery.succeeded' WHEN n % 100 = 98 THEN 'delivery.failed'
        ELSE 'request.refused' END AS action
    FROM numbers
  ), told AS (
    SELECT *, to_timestamp((ms - late_ms) / 1000.0) AS happened_at, split_part(action, '.', 1) AS noun, split_part(action, '.', 2) AS verb,
      concat('of 2500 xaf tag', n % 1000, CASE WHEN n % 200000 = 6 THEN ' rarely' END,
        CASE WHEN is_old AND n / 10 % 2 = 0 THEN ' ancient' END) AS more
    FROM kinds
  )
  INSERT INTO signalpost.logs (account_id, mode, id, category, action, status, description, operation_id, event_id,
    endpoint_id, delivery_id, api_key_id, request_id, actor_type, actor_id, actor_name, actor_ip, http, metadata, search,
    occurred_at)
  SELECT account_id, 'live', (lpad(to_hex(ms), 12, '0') || '7' || left(hash, 3) || '8' || substr(hash, 4, 15))::uuid,
    CASE noun WHEN 'payment' THEN 'operation' WHEN 'delivery' THEN 'webhook' ELSE 'api' END,
    action, CASE verb WHEN 'refused' THEN 'failed' WHEN 'exhausted' THEN 'failed' ELSE verb END,
    concat(initcap(noun), ' INV-2026-', n, ' ', more, ' ', verb),
    CASE WHEN noun <> 'request' THEN 'pay_' || n / 2 END,
    CASE WHEN noun <> 'request' THEN (lpad(to_hex(ms), 12, '0') || '7' || left(hash, 3) || '8' || substr(hash, 4, 15))::uuid END,
    CASE WHEN noun = 'delivery' THEN ('019a4b00-0000-7000-8000-' || lpad((n % 3)::text, 12, '0'))::uuid END, NULL,
    CASE WHEN noun <> 'delivery' THEN account_id END,
    CASE WHEN noun <> 'delivery' THEN 'req_' || left(hash, 20) END, 'system', NULL, NULL, NULL, NULL, '{}',
    concat(' ', noun, ' inv 2026 ', n, ' ', more, ' ', verb, ' pay ', n / 2,
      CASE WHEN late_ms > 0 THEN to_char(happened_at AT TIME ZONE 'UTC', ' ".d"YYYYMMDD') END),
    happened_at
  FROM told`;
