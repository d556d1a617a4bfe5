// A backlog as publishing would have left it, made inside PostgreSQL: events of one account, and a delivery of each
// that is due to each of some endpoints.

const CHUNK_EVENTS = 50_000;

/** `account`, `endpoints`: uuids. The first call's events are the copies of an event that the account has published. */
export async function loadBacklog(sql, account, endpoints, events) {
  const { rows } = await sql.query(
    `SELECT (extract(epoch FROM now()) * 1000)::bigint AS ms, coalesce(max(sequence), 0) AS sequence
     FROM signalpost.events WHERE account_id = $1 AND mode = 'test'`,
    [account],
  );
  const { ms, sequence } = rows[0];
  for (let first = 1; first <= events; first += CHUNK_EVENTS) {
    const last = Math.min(first + CHUNK_EVENTS - 1, events);
    await sql.query(EVENTS, [account, ms, sequence, first, last]);
    for (const endpoint of endpoints) await sql.query(PENDING, [account, endpoint, ms, first, last]);
  }
  await sql.query(
    `UPDATE signalpost.ledgers SET last_sequence = last_sequence + $2, last_event_ms = $3::bigint + 1000
     WHERE account_id = $1 AND mode = 'test'`,
    [account, events, ms],
  );
  await sql.query('ANALYZE signalpost.events, signalpost.pending_deliveries');
  await sql.query(
    `UPDATE signalpost.lanes SET gen = gen + 1, wake_at = least(wake_at, now())
     WHERE account_id = $1 AND mode = 'test' AND endpoint_id = ANY ($2)`,
    [account, endpoints],
  );
}

// Half a second holds them all, whose last digits count them.
const id = (digit) => `(lpad(to_hex($${digit}::bigint + n / 1000), 12, '0') || '7001' || '8'`;

const EVENTS = `
  INSERT INTO signalpost.events (account_id, mode, id, sequence, type, source, operation_id, operation_kind,
    operation_status, reference, search, occurred_at, body)
  SELECT e.account_id, e.mode, ${id(2)} || lpad(to_hex(n), 15, '0'))::uuid, $3::bigint + n, e.type, e.source,
    e.operation_id, e.operation_kind, e.operation_status, e.reference, '', e.occurred_at, e.body
  FROM (SELECT * FROM signalpost.events WHERE account_id = $1 AND mode = 'test' ORDER BY id LIMIT 1) AS e
  CROSS JOIN generate_series($4::bigint, $5::bigint) AS n`;

const PENDING = `
  INSERT INTO signalpost.pending_deliveries (account_id, mode, id, endpoint_id, endpoint_epoch, event_id, event_type,
    operation_id, due_at)
  SELECT $1::uuid, 'test', ${id(3)} || right(md5($2::uuid::text), 7) || lpad(to_hex(n), 8, '0'))::uuid, $2::uuid, 1,
    ${id(3)} || lpad(to_hex(n), 15, '0'))::uuid, 'payment.pending', 'pay_1', now()
  FROM generate_series($4::bigint, $5::bigint) AS n`;
