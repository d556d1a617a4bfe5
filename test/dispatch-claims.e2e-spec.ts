import type { QueryRunner } from 'typeorm';
import { decodeId } from '../src/common/ids.js';
import type { LaneId } from '../src/deliveries/lane-signals.js';
import { DispatchFixture } from './support/dispatch-fixture.js';

const ROOM = 16;
/** Waiting behind one head; the guarantee is the same for any number, and the figures of 50,000 are asked for. */
const FOLLOWERS = 50_000;

interface Claimed {
  readonly ids: string[];
  /** Pages of the database that the claim touched, whatever it cost in time. */
  readonly pages: number;
  readonly recheckedTo: string | null;
  readonly lastDueAt: Date | null;
}

describe('what a claim costs', () => {
  const sending = DispatchFixture.install({ ROLE: 'api' });
  const { rows } = sending;
  let token: string;
  /** One connection, so that its statements are planned once. */
  let runner: QueryRunner;
  let batch = 0;
  beforeEach(async () => {
    runner = sending.service.dataSource.createQueryRunner();
    token = await sending.holdLease();
  });
  afterEach(() => runner.release());

  /** A lane with deliveries 1, 2 … of one event, each due a millisecond after the one before, all long ago. */
  const fill = async (count: number, orderKey: string | null = null): Promise<LaneId> => {
    const ordering = orderKey === null ? 'none' : 'operation';
    const made = await sending.endpoint({ url: 'http://127.0.0.1:9/hook', ordering });
    const lane = sending.laneOf(made);
    const { id } = await sending.publish('col_1');
    await rows('DELETE FROM signalpost.pending_deliveries WHERE endpoint_id = $1', [lane[2]]);
    await rows(
      `INSERT INTO signalpost.pending_deliveries (account_id, mode, id, endpoint_id, endpoint_epoch, event_id, event_type,
         trigger, order_key, due_at)
       SELECT $1, 'test', ($4 || lpad(to_hex(n), 12, '0'))::uuid, $2, w.epoch, $3, 'collect.pending', 'redeliver', $5,
         now() - interval '1 hour' + n * interval '1 ms'
       FROM generate_series(1, $6::integer) n, signalpost.webhook_endpoints w
       WHERE w.account_id = $1 AND w.id = $2`,
      [lane[0], lane[2], decodeId('evt', id), lane[2].slice(0, 24), orderKey, count],
    );
    return lane;
  };

  const claim = async (
    lane: LaneId,
    {
      inFlight = [] as string[],
      after = null as Claimed | null,
      recheckAfter = null as string | null,
      recheck = false,
    },
  ): Promise<Claimed> => {
    const call = `signalpost.claim_deliveries($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)`;
    const values = [
      token,
      ++batch,
      ...lane.map((part) => [part]),
      [ROOM],
      [recheck],
      [null],
      inFlight,
      400,
      [recheckAfter],
      [after?.lastDueAt?.toISOString() ?? null],
      [after?.ids.at(-1) ?? null],
    ];
    const [explained] = await runner.manager.query<{ 'QUERY PLAN': [{ Plan: Record<string, number> }] }[]>(
      `EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) SELECT * FROM ${call}`,
      values,
    );
    const { Plan: plan } = explained!['QUERY PLAN'][0];
    await rows('DELETE FROM signalpost.claimed_batches WHERE token = $1', [token]);
    const found = await runner.manager.query<{ id: string | null; due_at: Date; rechecked_to: string | null }[]>(
      `SELECT id, due_at, rechecked_to FROM ${call}`,
      values,
    );
    const claimed = found.filter(({ id }) => id !== null);
    return {
      ids: claimed.map(({ id }) => id!),
      pages: plan['Shared Hit Blocks']! + plan['Shared Read Blocks']!,
      recheckedTo: found.at(-1)?.rechecked_to ?? null,
      lastDueAt: claimed.at(-1)?.due_at ?? null,
    };
  };
  /** The second of two equal claims: the first one takes the lane and plans the statements. */
  const measure = async (...parameters: Parameters<typeof claim>) => {
    await claim(...parameters);
    return claim(...parameters);
  };

  it('does not grow with the backlog', async () => {
    const few = await measure(await fill(100), {});
    const many = await measure(await fill(20_000), {});
    expect([few.ids.length, many.ids.length]).toEqual([ROOM, ROOM]);
    expect(many.pages).toBeLessThan(few.pages * 1.5); // The indexes are a level deeper.
  });

  it('does not grow with what is in the air: the next claim begins behind it, and finds what follows', async () => {
    const lane = await fill(2_000);
    const first = await measure(lane, {});
    const inTheAir = await rows<{ id: string; due_at: Date }>(
      'SELECT id, due_at FROM signalpost.pending_deliveries WHERE endpoint_id = $1 ORDER BY due_at LIMIT 1000',
      [lane[2]],
    );
    const ids = inTheAir.map(({ id }) => id);
    const after = { ...first, ids, lastDueAt: inTheAir.at(-1)!.due_at };
    const fromHead = await measure(lane, { inFlight: ids });
    const fromThere = await measure(lane, { inFlight: ids, after });
    expect(fromThere.ids).toEqual(fromHead.ids);
    expect(fromThere.ids).not.toEqual(first.ids);
    expect(fromHead.pages).toBeGreaterThan(fromThere.pages); // The form without a position reads them all again.
    expect(fromThere.pages).toBeLessThan(first.pages * 1.3 + 20);
  });

  it('does not grow with dead rows that a long transaction keeps', async () => {
    const lane = await fill(5_000);
    const first = await measure(lane, {});
    const reader = sending.service.dataSource.createQueryRunner();
    await reader.startTransaction('REPEATABLE READ');
    try {
      await reader.query('SELECT count(*) FROM signalpost.pending_deliveries');
      const gone = await rows<{ id: string; due_at: Date }>(
        `SELECT id, due_at FROM signalpost.pending_deliveries WHERE endpoint_id = $1 ORDER BY due_at LIMIT 4000`,
        [lane[2]],
      );
      await rows('DELETE FROM signalpost.pending_deliveries WHERE endpoint_id = $1 AND due_at <= $2', [
        lane[2],
        gone.at(-1)!.due_at,
      ]);
      const after = { ...first, ids: [gone.at(-1)!.id], lastDueAt: gone.at(-1)!.due_at };
      const fromHead = await measure(lane, {});
      const fromThere = await measure(lane, { after });
      expect(fromThere.ids).toEqual(fromHead.ids);
      expect(fromHead.pages).toBeGreaterThan(fromThere.pages * 1.5); // Without a position.
      expect(fromThere.pages).toBeLessThan(first.pages * 1.3 + 20);
    } finally {
      await reader.rollbackTransaction();
      await reader.release();
    }
  });

  it('does not grow with followers that wait behind one head', async () => {
    const alone = await measure(await fill(1, 'col_1'), {});
    const lane = await fill(FOLLOWERS, 'col_1');
    await rows(`UPDATE signalpost.pending_deliveries SET due_at = 'infinity' WHERE endpoint_id = $1 AND id > $2`, [
      lane[2],
      `${lane[2].slice(0, 24)}000000000bb8`,
    ]);
    // The last 3,000: meeting them puts them aside, a bounded number at a time; only the head is ever claimed.
    for (let n = 0; n < 2; n++) expect((await claim(lane, {})).ids).toHaveLength(1);
    const [row] = await rows<{ due: number }>(
      `SELECT count(*)::integer AS due FROM signalpost.pending_deliveries WHERE endpoint_id = $1 AND due_at < 'infinity'`,
      [lane[2]],
    );
    expect(row!.due).toBe(1);
    // As autovacuum does; what is asked for is the cost of those that wait.
    await rows('VACUUM signalpost.pending_deliveries');
    const behind = await measure(lane, {});
    expect(behind.ids).toHaveLength(1);
    expect(behind.pages).toBeLessThan(alone.pages * 1.5 + 40);
    // A new owner looks at those that wait, some with each claim, and then no more.
    const look = await measure(lane, { recheck: true });
    expect(look.recheckedTo).not.toBeNull();
    const further = await measure(lane, { recheck: true, recheckAfter: look.recheckedTo });
    expect(further.recheckedTo! > look.recheckedTo!).toBe(true);
    expect(further.pages).toBeLessThan(10_000);
  }, 60_000);
});
