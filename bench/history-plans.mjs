// The plans of the statements behind each filter of events, as the service prepares them.
const ONE_OF = {
  types: ['payment.failed'],
  nouns: ['payment'],
  operationIds: ['pay_360'],
  operationKinds: ['collect'],
  operationStatuses: ['refunded'],
  references: ['INV-2026-1201'],
  externalIds: ['led-24'],
  terms: ['zuleika'],
  occurredBefore: new Date(Date.now() - 200 * 86_400_000).toISOString(),
  deliveryStatuses: ['failed'],
};

function literal(value) {
  if (value === null) return 'NULL';
  const text = Array.isArray(value) ? `{${value.map((item) => JSON.stringify(item)).join(',')}}` : String(value);
  return `'${text.replaceAll("'", "''")}'`;
}

export async function showPlans(pool, { id }) {
  const { EventsQueryRepository } = await import('../dist/src/events/events-query.repository.js');
  const { firstUuidAt } = await import('../dist/src/common/ids.js');
  const connection = await pool.connect();
  try {
    await connection.query(`SET plan_cache_mode = force_generic_plan`);
    const shown = new Set();
    const rows = async ({ name, text }, values) => {
      if (!shown.has(name)) {
        shown.add(name);
        // Only what is prepared has a plan that knows no values.
        await connection.query(`PREPARE shown AS ${text}`);
        const given = values.map(literal).join(', ');
        const { rows: plan } = await connection.query(`EXPLAIN (ANALYZE, BUFFERS) EXECUTE shown (${given})`);
        await connection.query('DEALLOCATE shown');
        console.log([name, ...plan.map((line) => line['QUERY PLAN'])].join('\n  '));
      }
      return (await connection.query(text, values)).rows;
    };
    const repository = new EventsQueryRepository({ rows }, { now: () => new Date() });
    const none = Object.fromEntries(
      Object.keys(ONE_OF).map((filter) => [filter, filter === 'occurredBefore' ? null : []]),
    );
    const filters = { ...none, occurredAfter: null, from: firstUuidAt(Date.now() - 400 * 86_400_000), until: null };
    for (const [filter, value] of Object.entries(ONE_OF))
      await repository.list(
        { accountId: id, mode: 'live' },
        { ...filters, [filter]: value },
        { limit: 20, after: null, before: null },
      );
  } finally {
    connection.release(true);
  }
}
