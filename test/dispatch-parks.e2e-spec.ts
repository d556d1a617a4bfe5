import { setImmediate as nextTurn } from 'node:timers/promises';
import type { EntityManager } from 'typeorm';
import { decodeId } from '../src/common/ids.js';
import { Database, type Statement } from '../src/database/database.js';
import { LaneQueueRepository } from '../src/deliveries/lane-queue.repository.js';
import type { LaneId } from '../src/deliveries/lane-signals.js';
import { makeEndpoint } from './support/deliveries.js';
import { holdLease } from './support/held-lease.js';
import { operationEvent, publishNew } from './support/publishing.js';
import { Service, until } from './support/service.js';

/** Of each kind. */
const ROUNDS = 120;
/** Given back together, so that a commit can fall between the look at a lane and its lock. */
const LANES = 48;

describe('lanes that are given back while somebody publishes to them', () => {
  let service: Service;
  let database: Database;
  let queue: LaneQueueRepository;
  let token: string;
  let key: string;
  let accountId: string;
  /** The first one takes events, and so does the last one, which a publish wakes after it. */
  let lanes: LaneId[];
  beforeAll(async () => {
    service = await Service.start({ environment: { WEBHOOK_ALLOWED_PRIVATE_CIDRS: '127.0.0.0/8' } });
    database = service.app.get(Database);
    queue = service.app.get(LaneQueueRepository);
    token = await holdLease(service);
    const account = await service.makeAccount();
    accountId = decodeId('acct', account.id);
    key = account.test.secretKey;
    lanes = [];
    for (let n = 0; n <= LANES; n++) {
      const types = n === 0 || n === LANES ? ['collect.*'] : ['payment.*'];
      const { id } = await makeEndpoint(service, key, { url: 'http://127.0.0.1:9/hook', event_types: types });
      lanes.push([accountId, 'test', decodeId('we', id)]);
    }
  });
  beforeEach(own);
  afterAll(() => service.stop());

  const rows = <R>(statement: string, values: unknown[] = []) => service.dataSource.query<R[]>(statement, values);
  const publish = (round: number) => publishNew(service, key, operationEvent('collect.pending', `col_${round}`));
  const someoneWaits = () =>
    until(async () => {
      const waiting = await rows(
        `SELECT FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'`,
      );
      return waiting.length > 0;
    });
  /** Does it after so many turns of the event loop, so that each of two comes first in its turn. */
  const afterTurns = async (turns: number, work: () => Promise<unknown>) => {
    for (let turn = 0; turn < turns; turn++) await nextTurn();
    await work();
  };
  /** Everything is the owner's, and nothing is left to do. */
  async function own() {
    await rows('DELETE FROM signalpost.pending_deliveries WHERE account_id = $1', [accountId]);
    await rows(`UPDATE signalpost.lanes SET owner = $2, wake_at = 'infinity', gen = 0 WHERE account_id = $1`, [
      accountId,
      token,
    ]);
  }
  /** Due, in a lane that nobody finds: free but asleep, or owned by one to whom nothing tells of it. */
  const stuck = () =>
    rows(
      `SELECT l.owner, l.wake_at, l.gen FROM signalpost.lanes l
       WHERE l.account_id = $1 AND (l.owner IS NULL AND l.wake_at > now() OR l.gen = 0)
         AND EXISTS (SELECT FROM signalpost.pending_deliveries q WHERE q.endpoint_id = l.endpoint_id)`,
      [accountId],
    );

  it('leave nothing asleep, wherever the commit of the publish falls in the giving back', async () => {
    for (let round = 0; round < ROUNDS; round++) {
      const holder = service.dataSource.createQueryRunner();
      await holder.startTransaction();
      // The publish has woken the first lane, and waits here with its commit.
      await holder.query('SELECT FROM signalpost.lanes WHERE endpoint_id = $1 FOR UPDATE', [lanes[LANES]![2]]);
      const published = publish(round);
      await someoneWaits();
      const lead = (round % 8) - 4;
      await Promise.all([
        afterTurns(lead * 3, () => queue.park(token, lanes.slice(0, LANES))),
        afterTurns(-lead * 3, () => holder.rollbackTransaction()),
        published,
      ]);
      await holder.release();
      expect({ round, stuck: await stuck() }).toEqual({ round, stuck: [] });
      await own();
    }
  }, 60_000);

  it('leave nothing asleep when the publish waits for them to be given back', async () => {
    const inside = (manager: EntityManager) => {
      const rowsInside = (statement: Statement, values: unknown[]) => database.rows(statement, values, manager);
      return new LaneQueueRepository({ rows: rowsInside } as Database, service.config);
    };
    for (let round = 0; round < ROUNDS; round++) {
      let published: Promise<unknown> = Promise.resolve();
      await database.transaction(async (manager) => {
        expect(await inside(manager).park(token, lanes)).toHaveLength(LANES + 1);
        published = publish(ROUNDS + round);
        await someoneWaits();
      });
      await published;
      expect({ round, stuck: await stuck() }).toEqual({ round, stuck: [] });
      await own();
    }
  }, 60_000);
});
