import { decodeId, encodeId } from '../src/common/ids.js';
import { Database } from '../src/database/database.js';
import { LaneSignals } from '../src/deliveries/lane-signals.js';
import { RecoveriesRepository } from '../src/webhooks/recoveries/recoveries.repository.js';
import { RecoveryRunner } from '../src/webhooks/recoveries/recovery-runner.js';
import { RecoverySteps } from '../src/webhooks/recoveries/recovery-steps.js';
import { RecoveryFixture } from './support/recovery-fixture.js';
import { Service, until } from './support/service.js';

describe('a recovery of a range of events', () => {
  const recoveries = RecoveryFixture.install();
  const { endpoint, finish, path, read, recover, recovered, sending, set, tick } = recoveries;
  const { call, publish, publishMany, readAll, readDelivery, rows } = sending;

  /** A runner whose steps pass through `beforeCommit`; nothing else in the process does. */
  const runnerWhere = (beforeCommit: <R>(result: R) => Promise<R>): RecoveryRunner => {
    const { app, dataSource } = sending.service;
    const database = new Database(dataSource);
    database.transaction = (work) => dataSource.transaction(async (manager) => beforeCommit(await work(manager)));
    return new RecoveryRunner(app.get(RecoveriesRepository), app.get(RecoverySteps), database, app.get(LaneSignals));
  };
  const logged = async () =>
    (await readAll<{ id: string; action: string; status: string; description: string }>('/v1/logs'))
      .filter(({ action }) => action.startsWith('recovery.'))
      .map(({ action, status, description }) => [action, status, description]);

  it('keeps its pace, also after a pause, and shows how far it is', async () => {
    await publishMany(35);
    const made = await endpoint();
    const recovery = await recover(made);
    const sent: number[] = [];
    for (let second = 0; second < 2; second++) {
      await tick();
      sent.push((await read(recovery.id)).sent);
    }
    await sending.service.app.get(RecoveryRunner).runOnce(new Date(recoveries.nowMs));
    sent.push((await read(recovery.id)).sent);
    recoveries.nowMs += 60_000;
    await tick();
    sent.push((await read(recovery.id)).sent);
    expect(sent).toEqual([10, 20, 20, 30]);
    expect(await finish(recovery)).toMatchObject({ status: 'done', total: 35, sent: 35 });
    expect(new Set((await recovered(made)).map(({ event_id: id }) => id)).size).toBe(35);
    const address = '127.0.0.1:9/hook';
    expect(await logged()).toEqual([
      ['recovery.started', 'info', `Recovery of 35 webhooks to ${address} started`],
      ['recovery.done', 'succeeded', `Recovery to ${address} done: 35 webhooks sent again`],
    ]);
  });

  it('wakes the lane that it plans for, owned or not', async () => {
    await publish('col_1');
    const made = await endpoint();
    await recover(made);
    await tick();
    const [lane] = await rows<object>(
      'SELECT gen, wake_at <= now() AS is_awake FROM signalpost.lanes WHERE endpoint_id = $1',
      [decodeId('we', made.id)],
    );
    expect(lane).toEqual({ gen: '1', is_awake: true });
  });

  it('plans each event once, however often a step is broken off before its commit', async () => {
    await publishMany(60);
    const made = await endpoint();
    const recovery = await recover(made);
    let steps = 0;
    const breaking = runnerWhere(async (result) => {
      steps += 1;
      if (steps % 2 === 1) throw new Error('Killed before the commit.');
      return result;
    });
    for (const broken of [1, 0, 1, 0, 1]) {
      expect(await tick(breaking)).toMatchObject({ broken, deliveries: broken ? 0 : 10 });
    }
    // Two at once, as when the lock of the job is lost while a step is under way: the first stays open for the second.
    const others: Promise<unknown>[] = [];
    const open = runnerWhere(async (result) => {
      if (others.length > 0) return result;
      others.push(tick());
      await until(async () => {
        const [waiting] = await rows<{ count: number }>(
          `SELECT count(*)::integer AS count FROM pg_stat_activity
           WHERE datname = current_database() AND wait_event_type = 'Lock' AND query LIKE '%recoveries%'`,
        );
        return waiting!.count > 0;
      });
      return result;
    });
    await tick(open);
    await Promise.all(others);
    expect(await finish(recovery)).toMatchObject({ status: 'done', sent: 60 });
    const ids = (await recovered(made)).map(({ event_id: id }) => id);
    expect(ids).toHaveLength(60);
    expect(new Set(ids).size).toBe(60);
  });

  it('is carried on by another process when the one that ran it is killed', async () => {
    const made = await endpoint({ url: sending.receiver.url('/killed') });
    await set(made, 'disabled');
    await publishMany(60);
    await set(made, 'enabled');
    const { process: child, url } = sending.bootDispatcher();
    await url;
    const recovery = await recover(made);
    await sending.receiver.arrived(15, '/killed');
    child.kill('SIGKILL');
    // By the clock that the other one went by, which has moved on while it started.
    recoveries.nowMs = Date.now();
    expect(await finish(recovery)).toMatchObject({ status: 'done', total: 60, sent: 60 });
    const ids = (await recovered(made)).map(({ event_id: id }) => id);
    expect([ids.length, new Set(ids).size]).toEqual([60, 60]);
  }, 60_000);

  it('is cancelled by a request, at once and for good', async () => {
    await publishMany(15);
    const made = await endpoint();
    const recovery = await recover(made);
    await tick();
    const cancel = () => call('post', `/v1/recoveries/${recovery.id}/cancel`).expect(200);
    const { body: cancelled } = await cancel();
    expect(cancelled).toMatchObject({ status: 'cancelled', sent: 10, ended_at: expect.any(String) as string });
    await tick();
    expect((await cancel()).body).toEqual(cancelled);
    expect(await read(recovery.id)).toEqual(cancelled);
    expect(await recovered(made)).toHaveLength(10);
    expect((await logged()).at(-1)).toEqual([
      'recovery.cancelled',
      'info',
      'Recovery to 127.0.0.1:9/hook cancelled after 10 webhooks',
    ]);
    expect(await logged()).toHaveLength(2);
  });

  it.each([
    ['disabled', 'skipped'],
    ['deleted', 'cancelled'],
  ])('ends as cancelled when its endpoint is %s, also when enabled again', async (change, status) => {
    await publishMany(15);
    const made = await endpoint();
    const recovery = await recover(made);
    await tick();
    if (change === 'deleted') await call('delete', path(made)).expect(204);
    else {
      await set(made, 'disabled');
      await set(made, 'enabled');
    }
    await tick();
    expect(await read(recovery.id)).toMatchObject({ status: 'cancelled', sent: 10 });
    const sent = await recovered(made);
    expect(sent.map((delivery) => delivery.status)).toEqual(Array<string>(10).fill(status));
    expect((await logged()).at(-1)).toEqual([
      'recovery.cancelled',
      'failed',
      `Recovery to 127.0.0.1:9/hook stopped after 10 webhooks: the endpoint was ${change}`,
    ]);
  });

  it('plans ten thousand events in statements by the thousand, and counts them as quickly', async () => {
    for (let from = 0; from < 10_000; from += 1_000) await publishMany(1_000, from);
    const made = await endpoint({ event_types: ['*'] });
    const fast = await Service.start({ environment: { ...sending.environment, RECOVERY_PER_SECOND: '10000' } });
    try {
      const database = fast.app.get(Database);
      const rowsOf = database.rows.bind(database);
      let statements = 0;
      // Its own alone: the longer it takes, the more the jobs of the process ask meanwhile.
      database.rows = (statement, ...more) => {
        if (/^recover(?:ies|y_queue)\./.test(statement.name)) statements += 1;
        return rowsOf(statement, ...more);
      };
      const { body: recovery } = await fast
        .call('post', `${path(made)}/recover`, { key: sending.key, body: { since: recoveries.since } })
        .expect(202);
      expect(recovery).toMatchObject({ total: 10_000 });
      expect(statements).toBeLessThan(40);
      statements = 0;
      await fast.app.get(RecoveryRunner).runOnce();
      expect(await read(recovery.id as string)).toMatchObject({ status: 'done', total: 10_000, sent: 10_000 });
      expect(statements).toBeLessThan(150);
    } finally {
      await fast.stop();
    }
    const [planned] = await rows<object>(
      `SELECT count(*)::integer AS deliveries, count(DISTINCT event_id)::integer AS events
       FROM signalpost.pending_deliveries WHERE endpoint_id = $1`,
      [decodeId('we', made.id)],
    );
    expect(planned).toEqual({ deliveries: 10_000, events: 10_000 });
  }, 60_000);

  it('runs by itself where deliveries are sent, one process at a time', async () => {
    const made = await endpoint({ url: sending.receiver.url('/recovered') });
    await set(made, 'disabled');
    await publishMany(20);
    await set(made, 'enabled');
    await Promise.all([sending.startDispatcher(), sending.startDispatcher()]);
    const recovery = await recover(made);
    await sending.receiver.arrived(20, '/recovered');
    await until(async () => (await read(recovery.id)).status === 'done');
    expect(new Set(sending.receiver.arrivals.map(({ eventId }) => eventId)).size).toBe(20);
    const [first] = await recovered(made);
    await until(async () => (await readDelivery(first!.id)).status === 'succeeded');
    expect(await sending.listDeliveries({ endpoint_id: made.id })).toHaveLength(40);
    expect(sending.receiver.at('/recovered')).toHaveLength(20);
    expect(first!.id).toMatch(/^del_/);
    expect(encodeId('rec', decodeId('rec', recovery.id))).toBe(recovery.id);
  });
});
