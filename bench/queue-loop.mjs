// The limit of the queue: claim and settle called one after another, without HTTP, by dispatchers of the bench's own.
// Their leases are long, so that no heartbeat is needed; lanes that they own are left alone by the service.
import { randomUUID } from 'node:crypto';
import { monotonicMs } from './statistics.mjs';

const CLAIMED_AT_ONCE = 500;

export class QueueLoop {
  #token = randomUUID();
  #batch = 0;
  #claims;

  /** `lanes`: `[account, mode, endpoint]`, as uuids. */
  constructor(connection, repositoryOver, lanes) {
    this.connection = connection;
    this.repositoryOver = repositoryOver;
    this.repository = repositoryOver(connection);
    const room = Math.ceil(CLAIMED_AT_ONCE / lanes.length);
    this.#claims = lanes.map((lane) => ({
      ...{ lane, room, recheckWaiting: false, recheckAfter: null, after: null, rateLimit: null },
    }));
  }

  static async open(connection, lanes) {
    const { LaneQueueRepository } = await import('../dist/src/deliveries/lane-queue.repository.js');
    const { Database } = await import('../dist/src/database/database.js');
    const over = (queryable) =>
      new LaneQueueRepository(new Database({ driver: { master: queryable } }), { retentionDays: 400 });
    const loop = new QueueLoop(connection, over, lanes);
    await connection.query(
      `INSERT INTO signalpost.dispatchers (token, name, lease_until) VALUES ($1, 'bench', now() + interval '2 hours')`,
      [loop.#token],
    );
    return loop;
  }

  /** Takes the lanes, and claims some of what is due; what is claimed is left due. */
  async claim() {
    this.#batch += 1;
    return this.repository.claim(this.#token, this.#batch, this.#claims, []);
  }

  /** What PostgreSQL did for one claim from the head: `{buffers, ms}`. */
  async explainClaim() {
    let plan;
    const explained = {
      query: async ({ text, values }) => {
        const { rows } = await this.connection.query(`EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) ${text}`, values);
        [plan] = rows[0]['QUERY PLAN'];
        return { rows: [] };
      },
    };
    this.#batch += 1;
    await this.repositoryOver(explained).claim(this.#token, this.#batch, this.#claims, []);
    return { buffers: plan.Plan['Shared Hit Blocks'] + plan.Plan['Shared Read Blocks'], ms: plan['Execution Time'] };
  }

  /** Claims and settles as succeeded until `count` are; resolves with when it began and ended. */
  async drain(count) {
    for (const claim of this.#claims) claim.after = null;
    const beginMs = monotonicMs();
    for (let settled = 0; settled < count;) {
      const { deliveries } = await this.claim();
      if (deliveries.length === 0) throw new Error(`Only ${settled} of ${count} deliveries were there to claim.`);
      for (const { lane, dueAtMs, id } of deliveries)
        this.#claims.find((claim) => claim.lane[2] === lane[2]).after = { dueAtMs, id };
      const effects = await this.repository.settle(this.#token, [this.#batch], deliveries.map(succeeded));
      settled += effects.filter((effect) => effect === 'settled').length;
    }
    return { beginMs, endMs: monotonicMs() };
  }

  async close() {
    await this.connection.query('DELETE FROM signalpost.claimed_batches WHERE token = $1', [this.#token]);
    await this.connection.query('DELETE FROM signalpost.dispatchers WHERE token = $1', [this.#token]);
  }
}

function succeeded({ lane, id, attemptCount }) {
  const attempt = {
    ...{ startedAt: new Date(), durationMs: 2, outcome: 'succeeded', statusCode: 200 },
    ...{ errorCode: null, errorMessage: null, responseBody: 'ok', responseTruncated: false },
  };
  return {
    ...{ lane, deliveryId: id, number: attemptCount + 1, attempt, next: { end: 'succeeded', reason: null } },
    ...{ failingBegins: null, disable: null, log: null, systemEvent: null },
  };
}
