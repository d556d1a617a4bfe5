import { decodeId, encodeId } from '../src/common/ids.js';
import { Database } from '../src/database/database.js';
import { LaneSignals } from '../src/deliveries/lane-signals.js';
import { RecoveriesRepository } from '../src/webhooks/recoveries/recoveries.repository.js';
import { RecoveryRunner } from '../src/webhooks/recoveries/recovery-runner.js';
import { RecoverySteps } from '../src/webhooks/recoveries/recovery-steps.js';
import { workerDatabaseUrl } from './setup/database.js';
import { boot } from './support/booted-process.js';
import { listDeliveries, makeEndpoint, readDelivery, type ShownDelivery, startSending } from './support/deliveries.js';
import { operationEvent, publishBatch, publishNew, readAll } from './support/publishing.js';
import { Receiver } from './support/receiver.js';
import { type MadeAccount, Service, until } from './support/service.js';

interface ShownRecovery {
  readonly id: string;
  readonly endpoint_id: string;
  readonly status: string;
  readonly total: number;
  readonly sent: number;
  readonly ended_at: string | null;
}

const PER_SECOND = 10;

describe('recovering a range of events', () => {
  /** Sends nothing and runs no job by itself: a test lets recoveries run, at the time that it says. */
  let service: Service;
  let runner: RecoveryRunner;
  let account: MadeAccount;
  let key: string;
  let since: string;
  let nowMs: number;
  const environment = { WEBHOOK_ALLOWED_PRIVATE_CIDRS: '127.0.0.0/8', RECOVERY_PER_SECOND: String(PER_SECOND) };
  beforeAll(async () => {
    service = await Service.start({ environment });
    runner = service.app.get(RecoveryRunner);
  });
  beforeEach(async () => {
    await rows(`UPDATE signalpost.recoveries SET status = 'done', ended_at = now() WHERE status = 'running'`);
    account = await service.makeAccount();
    key = account.test.secretKey;
    since = new Date().toISOString();
    nowMs = Date.now();
  });
  afterAll(() => service.stop());

  const rows = <R>(statement: string, values: unknown[] = []) => service.dataSource.query<R[]>(statement, values);
  const endpoint = (input: object = {}) => makeEndpoint(service, key, { url: 'http://127.0.0.1:9/hook', ...input });
  const publish = (id: string, type = 'collect.pending') => publishNew(service, key, operationEvent(type, id));
  const publishMany = (count: number, from = 0) =>
    publishBatch(
      service,
      key,
      Array.from({ length: count }, (_, index) => operationEvent('collect.pending', `col_${from + index}`)),
    );
  const path = (made: { id: string }) => `/v1/webhook-endpoints/${made.id}`;
  const set = async (made: { id: string }, status: string) =>
    (await service.call('patch', path(made), { key, body: { status } }).expect(200)).body as {
      recoverable_count: number;
      recoverable_since: string | null;
    };
  const recover = async (made: { id: string }, body: object = {}): Promise<ShownRecovery> =>
    (await service.call('post', `${path(made)}/recover`, { key, body: { since, ...body } }).expect(202))
      .body as ShownRecovery;
  const count = async (made: { id: string }, body: object = {}) =>
    (await service.call('post', `${path(made)}/recover`, { key, body: { since, dry_run: true, ...body } }).expect(200))
      .body as { matching: number; already_succeeded: number; to_send: number };
  const read = async (id: string): Promise<ShownRecovery> =>
    (await service.call('get', `/v1/recoveries/${id}`, { key }).expect(200)).body as ShownRecovery;
  /** One second later. */
  const tick = (by = runner) => by.runOnce(new Date((nowMs += 1_000)));
  /** A runner whose steps pass through `beforeCommit`; nothing else in the process does. */
  const runnerWhere = (beforeCommit: <R>(result: R) => Promise<R>): RecoveryRunner => {
    const { app, dataSource } = service;
    const database = new Database(dataSource);
    database.transaction = (work) => dataSource.transaction(async (manager) => beforeCommit(await work(manager)));
    return new RecoveryRunner(app.get(RecoveriesRepository), app.get(RecoverySteps), database, app.get(LaneSignals));
  };
  /** Until it has ended, a second at a time. */
  const finish = async (recovery: ShownRecovery): Promise<ShownRecovery> => {
    while ((await read(recovery.id)).status === 'running') await tick();
    return read(recovery.id);
  };
  const recovered = async (made: { id: string }) =>
    (
      await readAll<ShownDelivery & { trigger: string; recovery_id: string | null }>(
        service,
        `/v1/deliveries?endpoint_id=${made.id}`,
        key,
      )
    ).filter(({ trigger }) => trigger === 'recovery');
  const logged = async () =>
    (await readAll<{ id: string; action: string; status: string; description: string }>(service, '/v1/logs', key))
      .filter(({ action }) => action.startsWith('recovery.'))
      .map(({ action, status, description }) => [action, status, description]);
  /** Ends the pending deliveries of an event. */
  const end = (event: { id: string }, status: string, reason: string | null) =>
    rows(
      `WITH ended AS (DELETE FROM signalpost.pending_deliveries WHERE event_id = $1 RETURNING *)
       INSERT INTO signalpost.deliveries (account_id, mode, id, endpoint_id, event_id, event_type, operation_id, trigger,
         status, status_reason, attempt_count, ended_at)
       SELECT account_id, mode, id, endpoint_id, event_id, event_type, operation_id, trigger, $2, $3, 1, now() FROM ended`,
      [decodeId('evt', event.id), status, reason],
    );

  /** An event of each kind, by what became of it at the endpoint. */
  async function makeEvents() {
    const missing = await publish('missing');
    const made = await endpoint();
    const succeeded = await publish('succeeded');
    await end(succeeded, 'succeeded', null);
    const failed = await publish('failed');
    await end(failed, 'failed', 'exhausted');
    const cancelled = await publish('cancelled');
    await end(cancelled, 'cancelled', 'cancelled_by_user');
    const unfinished = await publish('unfinished');
    await set(made, 'disabled');
    const skipped = await publish('skipped');
    await set(made, 'enabled');
    const pending = await publish('pending');
    await publish('other', 'payment.pending');
    return { made, events: { missing, succeeded, failed, cancelled, unfinished, skipped, pending } };
  }
  type Kind = 'missing' | 'succeeded' | 'failed' | 'cancelled' | 'unfinished' | 'skipped' | 'pending';

  it.each([
    ['undelivered', ['missing', 'failed', 'cancelled', 'unfinished', 'skipped']],
    ['failed', ['failed']],
    ['missing', ['missing']],
    ['all', ['missing', 'succeeded', 'failed', 'cancelled', 'unfinished', 'skipped']],
  ] as [string, Kind[]][])('sends what is %s, oldest first, as a dry run told', async (only, kinds) => {
    const { made, events } = await makeEvents();
    const expected = { matching: 7, already_succeeded: 1, to_send: kinds.length };
    expect(await count(made, { only })).toEqual(expected);
    expect(await recovered(made)).toEqual([]);
    const recovery = await recover(made, { only });
    expect(recovery).toMatchObject({
      object: 'recovery',
      mode: 'test',
      endpoint_id: made.id,
      status: 'running',
      only,
      since,
      total: kinds.length,
      sent: 0,
      ended_at: null,
    });
    expect(await finish(recovery)).toEqual({
      ...recovery,
      status: 'done',
      sent: kinds.length,
      ended_at: expect.any(String) as string,
    });
    const sent = await recovered(made);
    expect(sent.map(({ event_id: id }) => id)).toEqual(kinds.map((kind) => events[kind].id));
    for (const delivery of sent) {
      expect(delivery).toMatchObject({ status: 'pending', recovery_id: recovery.id, previous_delivery_id: null });
    }
    expect((await count(made, { only })).to_send).toBe(0);
  });

  it('tells when an endpoint is enabled what a recovery will send', async () => {
    const made = await endpoint();
    await publish('long_before');
    await end({ id: (await publish('failed_before')).id }, 'failed', 'exhausted');
    await publish('unfinished');
    await rows('DELETE FROM signalpost.pending_deliveries WHERE operation_id = $1', ['long_before']);
    const before = new Date().toISOString();
    await set(made, 'disabled');
    await publishMany(3);
    const { recoverable_count: recoverable, recoverable_since: from } = await set(made, 'enabled');
    expect(recoverable).toBe(4);
    expect(Date.parse(from!)).toBeLessThan(Date.parse(before));
    expect(await count(made, { since: from })).toMatchObject({ to_send: recoverable });
    expect(await finish(await recover(made, { since: from }))).toMatchObject({ status: 'done', sent: recoverable });
    expect(await set(made, 'enabled')).toMatchObject({ recoverable_count: 0, recoverable_since: null });
  });

  it('keeps to its interval and to the present event types, whole nouns too', async () => {
    await publishMany(2);
    const from = await publish('col_from');
    const to = await publish('col_to', 'collect.succeeded');
    await publish('col_after');
    const made = await endpoint({ event_types: ['payment.*'] });
    const range = { since: from.created_at, until: new Date(Date.parse(to.created_at) + 1).toISOString() };
    expect(await count(made, range)).toEqual({ matching: 0, already_succeeded: 0, to_send: 0 });
    for (const [types, to_send] of [
      [['collect.*'], 2],
      [['collect.succeeded', 'payment.*'], 1],
      [['*'], 2],
    ] as const) {
      await service.call('patch', path(made), { key, body: { event_types: types } }).expect(200);
      expect(await count(made, range)).toMatchObject({ to_send });
    }
    expect((await count(made)).to_send).toBe(5);
  });

  it('keeps its pace, also after a pause, and shows how far it is', async () => {
    await publishMany(35);
    const made = await endpoint();
    const recovery = await recover(made);
    const sent: number[] = [];
    for (let second = 0; second < 2; second++) {
      await tick();
      sent.push((await read(recovery.id)).sent);
    }
    await runner.runOnce(new Date(nowMs));
    sent.push((await read(recovery.id)).sent);
    nowMs += 60_000;
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
    const receiver = await Receiver.start();
    const made = await endpoint({ url: receiver.url('/killed') });
    await set(made, 'disabled');
    await publishMany(60);
    await set(made, 'enabled');
    const { process: child, url } = boot({
      ...environment,
      DATABASE_URL: await workerDatabaseUrl(),
      DATA_DIR: service.config.dataDir,
      ROLE: 'dispatcher',
    });
    try {
      await url;
      const recovery = await recover(made);
      await receiver.arrived(15, '/killed');
      child.kill('SIGKILL');
      expect(await finish(recovery)).toMatchObject({ status: 'done', total: 60, sent: 60 });
      const ids = (await recovered(made)).map(({ event_id: id }) => id);
      expect([ids.length, new Set(ids).size]).toEqual([60, 60]);
    } finally {
      child.kill('SIGKILL');
      await receiver.stop();
    }
  });

  it('is cancelled by a request, at once and for good', async () => {
    await publishMany(15);
    const made = await endpoint();
    const recovery = await recover(made);
    await tick();
    const cancel = () => service.call('post', `/v1/recoveries/${recovery.id}/cancel`, { key }).expect(200);
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
    if (change === 'deleted') await service.call('delete', path(made), { key }).expect(204);
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

  it('refuses wrong intervals, foreign endpoints and disabled ones, of which it still counts', async () => {
    const made = await endpoint();
    const outcome = (body: object, id = made.id) =>
      service.outcome('post', `/v1/webhook-endpoints/${id}/recover`, { key, body });
    const day = 86_400_000;
    const at = (ms: number) => new Date(Date.now() + ms).toISOString();
    for (const body of [
      { since: at(-(service.config.retentionDays + 2) * day) },
      { since: at(day) },
      { since, until: at(-day) },
      { since: 'yesterday' },
      { since: null },
      { since, only: 'skipped' },
      { since, dry_run: 'yes' },
      { since, limit: 1 },
    ]) {
      expect([body, await outcome(body)]).toEqual([body, '422 invalid_input']);
    }
    expect(await outcome({ since: at(-(service.config.retentionDays - 1) * day) })).toBe('202');
    const foreign = await makeEndpoint(service, (await service.makeAccount()).test.secretKey, {
      url: 'http://127.0.0.1:9/',
    });
    expect(await outcome({ since }, foreign.id)).toBe('404 not_found');
    await set(made, 'disabled');
    expect(await outcome({ since })).toBe('409 endpoint_disabled');
    expect(await outcome({ since, dry_run: true })).toBe('200');
    await service.call('delete', path(made), { key }).expect(204);
    expect(await outcome({ since, dry_run: true })).toBe('404 not_found');
  });

  it('begins once under one Idempotency-Key', async () => {
    const made = await endpoint();
    const headers = { 'idempotency-key': 'once' };
    const send = (body: object) => service.call('post', `${path(made)}/recover`, { key, headers, body });
    const first = await send({ since }).expect(202);
    const again = await send({ since }).expect(202);
    expect([again.headers['idempotency-replayed'], again.body]).toEqual(['true', first.body]);
    expect((await send({ since, only: 'all' }).expect(422)).body.code).toBe('idempotency_key_reused');
    expect(await readAll(service, '/v1/recoveries', key)).toHaveLength(1);
  });

  it('lists by endpoint, in pages, newest first', async () => {
    const [one, two] = [await endpoint(), await endpoint()];
    const made: ShownRecovery[] = [];
    for (const target of [one, two, one, one]) made.unshift(await recover(target));
    const list = async (query: object) =>
      (await service.call('get', '/v1/recoveries', { key, query }).expect(200)).body as {
        data: ShownRecovery[];
        has_more: boolean;
      };
    expect(await list({})).toEqual({ object: 'list', data: made, has_more: false });
    expect((await list({ endpoint_id: two.id })).data).toEqual([made[2]]);
    expect((await list({ endpoint_id: [one.id, two.id] })).data).toEqual(made);
    const query = { endpoint_id: one.id, limit: 1, starting_after: made[0]!.id };
    expect(await list(query)).toMatchObject({ data: [made[1]], has_more: true });
    expect((await list({ ending_before: made[3]!.id, limit: 1 })).data).toEqual([made[2]]);
    expect(await service.outcome('get', '/v1/recoveries', { key, query: { endpoint_id: made[0]!.id } })).toBe(
      '422 invalid_input',
    );
  });

  it('plans ten thousand events in statements by the thousand, and counts them as quickly', async () => {
    for (let from = 0; from < 10_000; from += 1_000) await publishMany(1_000, from);
    const made = await endpoint({ event_types: ['*'] });
    const fast = await Service.start({
      environment: { ...environment, DATA_DIR: service.config.dataDir, RECOVERY_PER_SECOND: '10000' },
    });
    try {
      const database = fast.app.get(Database);
      const rowsOf = database.rows.bind(database);
      let statements = 0;
      database.rows = (...parameters) => {
        statements += 1;
        return rowsOf(...parameters);
      };
      const { body: recovery } = await fast.call('post', `${path(made)}/recover`, { key, body: { since } }).expect(202);
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
    const receiver = await Receiver.start();
    const made = await endpoint({ url: receiver.url('/recovered') });
    await set(made, 'disabled');
    await publishMany(20);
    await set(made, 'enabled');
    const sending = await Promise.all(
      [1, 2].map(() => startSending({ environment: { ...environment, DATA_DIR: service.config.dataDir } })),
    );
    try {
      const recovery = await recover(made);
      await receiver.arrived(20, '/recovered');
      await until(async () => (await read(recovery.id)).status === 'done');
      expect(new Set(receiver.arrivals.map(({ eventId }) => eventId)).size).toBe(20);
      const [first] = await recovered(made);
      await until(async () => (await readDelivery(service, key, first!.id)).status === 'succeeded');
      expect(await listDeliveries(service, key, { endpoint_id: made.id })).toHaveLength(40);
      expect(receiver.at('/recovered')).toHaveLength(20);
      expect(first!.id).toMatch(/^del_/);
      expect(encodeId('rec', decodeId('rec', recovery.id))).toBe(recovery.id);
    } finally {
      await Promise.all([...sending.map((other) => other.stop()), receiver.stop()]);
    }
  });
});
