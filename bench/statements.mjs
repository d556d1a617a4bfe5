// SQL statements per event and per delivery, as PostgreSQL counts them: a function counts as the one statement that
// called it.
import { setTimeout as sleep } from 'node:timers/promises';
import { settled } from './dispatch.mjs';
import { figure } from './statistics.mjs';
import { client, makeAccounts, publish, publishRequests } from './workload.mjs';

export const title = 'Statements: round trips to PostgreSQL';
export const about =
  'What clients asked of PostgreSQL (`pg_stat_statements`, top level, begin and commit included), less what the idle service ' +
  'asks in the same time. Per event: published without endpoints. Per delivery: what the same publishing asks more, until ' +
  'all is settled, when endpoints are there.';
export const limitedBy = [
  'How much arrives while a flush, a claim or a settle is under way: the next one takes it all.',
];
export const SIZES = {
  smoke: { rounds: 2, singles: 500, batched: 2_000, idleMs: 500 },
  usual: { rounds: 3, singles: 6_000, batched: 10_000, idleMs: 3_000 },
};

const ACCOUNTS = 10;
const CASES = [
  { name: 'single publishes, 64 connections', batch: 1, connections: 64 },
  { name: 'batches of 500', batch: 500, connections: 4 },
];

export async function run(rig, { rounds, singles, batched, idleMs }) {
  await rig.startDatabase({ shared_preload_libraries: 'pg_stat_statements' });
  const service = await rig.startService({ ENDPOINT_CONCURRENCY: '64', DISPATCH_CONCURRENCY: '512' });
  const sink = await rig.startProcess('sink.mjs');
  const sql = await rig.connect();
  await sql.query('CREATE EXTENSION pg_stat_statements');
  const observed = { calls: 0, ms: 0 };
  const observe = async (work) => {
    const [before, beginMs] = [await countStatements(sql), performance.now()];
    await work();
    Object.assign(observed, { ms: performance.now() - beginMs, calls: (await countStatements(sql)) - before });
  };
  await observe(() => sleep(idleMs));
  const idlePerMs = observed.calls / observed.ms;

  const figures = [];
  for (const { name, batch, connections } of CASES) {
    const events = batch === 1 ? singles : batched;
    const api = client(service.origin, connections);
    const measured = {};
    for (const fanOut of [0, 1, 10]) {
      const count = fanOut === 10 ? events / 5 : events;
      const accounts = await makeAccounts(service, ACCOUNTS, fanOut, sink.port);
      measured[fanOut] = [];
      for (let round = -1; round < rounds; round++) {
        await observe(async () => {
          await publish(api, connections, publishRequests(accounts, count, batch));
          await settled(sql);
        });
        if (round < 0) await rig.analyze();
        else measured[fanOut].push((observed.calls - observed.ms * idlePerMs) / count);
      }
    }
    await api.close();
    const row = (what, values, aims = []) =>
      figures.push(
        figure({ name: `${name}: ${what}`, unit: 'statements', digits: 3, rounds: values, isTimed: false, aims }),
      );
    row('per event', measured[0]);
    for (const fanOut of [1, 10]) {
      const more = measured[fanOut].map((calls, round) => (calls - measured[0][round]) / fanOut);
      row(`per delivery, fan-out ${fanOut}`, more, [{ of: 'value', atMost: 0.1 }]);
    }
  }
  return figures;
}

/** Everything but what this bench asks itself. */
async function countStatements(sql) {
  const { rows } = await sql.query(
    `SELECT sum(calls)::float8 AS calls FROM pg_stat_statements
     WHERE toplevel AND query NOT LIKE '%pg_stat_statements%' AND query NOT LIKE 'SELECT FROM signalpost.pending_deliveries%'`,
  );
  return rows[0].calls;
}
