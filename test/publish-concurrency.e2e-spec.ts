import pg from 'pg';
import { Clock } from '../src/common/clock.js';
import { decodeId } from '../src/common/ids.js';
import { expectGapFree, expectVersionsOnce, versionsByOperation } from './support/ledger-checks.js';
import { ListPoller } from './support/list-poller.js';
import { operationEvent, publishBatch, type PublishedEvent, readAll } from './support/publishing.js';
import { type MadeAccount, Service, until } from './support/service.js';

const PUBLISHERS = 32;
const EVENTS_EACH = 12;
const OPERATIONS = 7;

describe('many publishers over two processes', () => {
  let services: readonly [Service, Service];
  let account: MadeAccount;
  let key: string;
  beforeAll(async () => {
    const service = await Service.start();
    services = [service, await Service.start({ config: service.config })];
  });
  beforeEach(async () => {
    account = await services[0].makeAccount();
    key = account.test.secretKey;
  });
  afterAll(async () => {
    for (const service of services) await service.stop();
  });

  const events = () => readAll<PublishedEvent>(services[0], '/v1/events', key);
  const publishTo = (service: Service, input: object) =>
    service.call('post', '/v1/events', { key, body: input }).expect(201);

  it('leave a sequence without gap or repeat, every version once, and nothing that a polling reader missed', async () => {
    const first = (await publishTo(services[0], operationEvent('collect.pending', 'op_0'))).body as PublishedEvent;
    const poller = new ListPoller(services[1], key, first.id);
    const answered: string[] = [first.id];
    let aborted = 0;

    const publishOne = async (publisher: number, n: number): Promise<void> => {
      const id = `op_${(publisher + n) % OPERATIONS}`;
      const type = n % 2 ? 'collect.failed' : 'collect.pending';
      const body = operationEvent(type, id, { data: { publisher, n } });
      const call = services[(publisher + n) % 2]!.call('post', '/v1/events', { key, body });
      // A client that leaves, at one moment or another: its event is either whole or not there.
      if (n % 6 === 5) setTimeout(() => void call.abort(), publisher % 8);
      const response = await call.then(
        (answer) => answer,
        () => null,
      );
      if (response === null) {
        aborted += 1;
        return;
      }
      expect(response.status).toBe(201);
      answered.push((response.body as PublishedEvent).id);
    };
    await Promise.all(
      Array.from({ length: PUBLISHERS }, async (_, publisher) => {
        for (let n = 0; n < EVENTS_EACH; n++) await publishOne(publisher, n);
      }),
    );
    // Whatever the aborted ones began has ended once later requests of both processes are answered.
    for (const service of services)
      answered.push(((await publishTo(service, operationEvent('collect.failed', 'op_1'))).body as PublishedEvent).id);
    await poller.stop();

    const told = await events();
    expectGapFree(told);
    expect(aborted).toBeGreaterThan(0);
    expect(told.length).toBeGreaterThanOrEqual(answered.length);
    const stored = new Set(told.map(({ id }) => id));
    expect(answered.filter((id) => !stored.has(id))).toEqual([]);
    expect(poller.seen).toEqual(told.map(({ id }) => id));

    expectVersionsOnce(told);
    for (const [id, versions] of versionsByOperation(told)) {
      const { body } = await services[0].call('get', `/v1/operations/${id}`, { key }).expect(200);
      expect(body).toMatchObject({ version: versions.length, last_event_id: expect.any(String) });
    }
  }, 60_000);

  it('keep the order of ids when the clock of the database goes back', async () => {
    const before = (await publishTo(services[0], operationEvent('collect.pending', 'op_1'))).body as PublishedEvent;
    // As an account is left by a clock that was an hour ahead.
    const aheadMs = Date.now() + 3_600_000;
    await services[0].dataSource.query('UPDATE signalpost.ledgers SET last_event_ms = $2 WHERE account_id = $1', [
      decodeId('acct', account.id),
      aheadMs,
    ]);
    const poller = new ListPoller(services[1], key, before.id);
    for (let n = 0; n < 6; n++) await publishTo(services[n % 2]!, operationEvent('collect.failed', 'op_1'));
    await poller.stop();
    const told = await events();
    expectGapFree(told);
    expect(poller.seen).toEqual(told.map(({ id }) => id));
    expect(Date.parse(told[1]!.created_at)).toBe(aheadMs + 1);
    // The time of what happened is not touched by it, nor is any of them stale.
    expect(told.map(({ operation }) => operation!.stale)).toEqual(told.map(() => false));
  });

  it('agree on one operation that both change at once: each version once, each previous status the one before', async () => {
    const types = ['collect.pending', 'collect.failed', 'collect.succeeded'];
    for (let round = 0; round < 15; round++) {
      await Promise.all(
        services.flatMap((service) => types.map((type) => publishTo(service, operationEvent(type, 'the_one')))),
      );
    }
    const told = await events();
    expectGapFree(told);
    expect(told.map(({ operation }) => operation!.version)).toEqual(told.map((_, n) => n + 1));
    let before: string | null = null;
    for (const { operation } of told) {
      expect(operation!.previous_status).toBe(before);
      if (!operation!.stale) before = operation!.status;
    }
    const { body } = await services[1].call('get', '/v1/operations/the_one', { key }).expect(200);
    expect(body).toMatchObject({ version: 90, status: before });
  }, 60_000);

  it('find no report stale that came after the one before, though the clock of one is fast', async () => {
    const [fast, right] = services;
    const clock = fast.app.get(Clock);
    clock.correct(900); // Not enough for it to be set right.
    try {
      await publishTo(fast, operationEvent('collect.pending', 'first_of_all'));
      await publishTo(fast, operationEvent('collect.pending', 'in_time'));
      const { body } = await publishTo(right, operationEvent('collect.succeeded', 'in_time'));
      expect((body as PublishedEvent).operation).toMatchObject({ version: 2, stale: false });
      const after = await fast.call('get', '/v1/operations/in_time', { key }).expect(200);
      expect(after.body).toMatchObject({ status: 'succeeded', version: 2 });
    } finally {
      clock.correct(0);
    }
  });

  it('go on from what the other wrote, whatever they remember themselves', async () => {
    const [one, other] = services;
    const report = (status: string, operation: object, external?: string) => ({
      ...operationEvent(`collect.${status}`, 'in_turn', { operation }),
      ...(external && { external_id: external }),
    });
    await publishTo(one, report('pending', { customer: { name: 'Adjoua' }, channel: 'mtn_cm' }, 'first'));
    await publishTo(other, report('failed', { channel: 'orange_cm', cause: { code: 'no_funds' } }, 'second'));
    const third = (await publishTo(one, report('succeeded', { reference: 'INV-9' }))).body as PublishedEvent;
    expect(third.operation).toMatchObject({
      version: 3,
      previous_status: 'failed',
      reference: 'INV-9',
      channel: 'orange_cm',
      customer: { name: 'Adjoua' },
    });
    const repeated = report('failed', { channel: 'orange_cm', cause: { code: 'no_funds' } }, 'second');
    const again = await one.call('post', '/v1/events', { key, body: repeated }).expect(200);
    expect((again.body as PublishedEvent).operation).toMatchObject({ version: 2, status: 'failed' });
    const { body } = await one
      .call('post', '/v1/events', { key, body: { ...repeated, data: { other: 1 } } })
      .expect(409);
    expect(body).toMatchObject({ code: 'external_id_conflict' });
    const kind = { ...operationEvent('payment.failed', 'in_turn'), external_id: 'fourth' };
    await other.call('post', '/v1/events', { key, body: kind }).expect(409);
    expectGapFree(await events());
  });
});

describe('batches for several accounts', () => {
  it('do not deadlock over two processes, in whatever order they name the accounts', async () => {
    const service = await Service.start();
    const services = [service, await Service.start({ config: service.config })] as const;
    const observer = new pg.Client({ connectionString: service.config.databaseUrl! });
    await observer.connect();
    const countOf = async (sql: string) => (await observer.query<{ count: number }>(sql)).rows[0]!.count;
    const accounts = await Promise.all(Array.from({ length: 4 }, () => service.makeAccount()));
    const targets = accounts.flatMap(({ id }) => ['test', 'live'].map((mode) => ({ account: id, mode })));
    // Held by a third, so that both stand in the middle, having begun at opposite ends if they took them as given.
    const holder = service.dataSource.createQueryRunner();
    await holder.startTransaction();
    await holder.query(LOCK_LEDGER, [decodeId('acct', targets[4]!.account), targets[4]!.mode]);
    const publishing = Promise.all(
      [targets, [...targets].reverse()].map((order, n) =>
        publishBatch(
          services[n]!,
          service.adminKey,
          order.map((target) => ({ ...operationEvent('collect.pending', 'the_one'), ...target })),
        ),
      ),
    );
    await until(async () => (await countOf(WAITING)) === 2);
    await holder.commitTransaction();
    await holder.release();
    expect((await publishing).map(({ created, failed }) => [created, failed])).toEqual([
      [8, 0],
      [8, 0],
    ]);
    const ledgers = await Promise.all(
      accounts
        .flatMap(({ test, live }) => [test.secretKey, live.secretKey])
        .map((key) => readAll<PublishedEvent>(service, '/v1/events', key)),
    );
    for (const told of ledgers) {
      expectGapFree(told);
      expectVersionsOnce(told);
    }
    expect(ledgers.flat()).toHaveLength(2 * 8);

    // A deadlock would be retried unseen; the server counts them, at the latest when a connection ends.
    for (const each of services) await each.stop();
    await until(async () => (await countOf(OTHER_CONNECTIONS)) === 0);
    expect(await countOf(DEADLOCKS)).toBe(0);
    await observer.end();
  }, 60_000);
});

const LOCK_LEDGER = 'SELECT FROM signalpost.ledgers WHERE account_id = $1 AND mode = $2 FOR UPDATE';
const WAITING = `SELECT count(*)::integer AS count FROM pg_stat_activity
  WHERE datname = current_database() AND wait_event_type = 'Lock'`;
const OTHER_CONNECTIONS = `SELECT count(*)::integer AS count FROM pg_stat_activity
  WHERE datname = current_database() AND backend_type = 'client backend' AND pid <> pg_backend_pid()`;
const DEADLOCKS = 'SELECT deadlocks::integer AS count FROM pg_stat_database WHERE datname = current_database()';
