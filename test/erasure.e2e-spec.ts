import { randomUUID } from 'node:crypto';
import type { QueryRunner } from 'typeorm';
import { decodeId, encodeId } from '../src/common/ids.js';
import { DispatcherLeaseRepository } from '../src/deliveries/dispatcher-lease.repository.js';
import { type ClaimedDelivery, LaneQueueRepository } from '../src/deliveries/lane-queue.repository.js';
import type { LaneId } from '../src/deliveries/lane-signals.js';
import { Inbox } from '../src/events/inbox.js';
import { RequestLogger } from '../src/logs/request-logger.js';
import { isEnded, listDeliveries, makeEndpoint, readDelivery, startSending } from './support/deliveries.js';
import {
  operationEvent,
  publish,
  publishBatch,
  publishNew,
  type PublishedEvent,
  type PublishedOperation,
  readAll,
} from './support/publishing.js';
import { Receiver } from './support/receiver.js';
import { type MadeAccount, Service, until } from './support/service.js';
import { settlementOf } from './support/settlements.js';
import { SseReader } from './support/sse-reader.js';

interface ShownLog {
  readonly id: string;
  readonly category: string;
  readonly action: string;
  readonly delivery_id: string | null;
  readonly [field: string]: unknown;
}

const PERSONAL = {
  operation: {
    customer: { name: 'Zebulon Quartzmann', email: 'zq.canary@example.test', phone: '+22999887766' },
    metadata: { order: 'canary-order' },
  },
  data: { note: 'canary-note' },
};

/** The same of somebody else, who must be found nowhere afterwards. */
const CANARY = {
  operation: {
    customer: { name: 'Xanthippe Voss', email: 'x.voss@canary.test', phone: '+22911335577' },
    metadata: { order: 'xanthippe-order' },
  },
  data: { note: 'voss-note' },
};
const CANARY_WORDS = /xanthippe|voss|22911335577/i;

describe('erasing an operation', () => {
  /** Publishes and answers; nothing is sent unless a test claims it by hand or starts a dispatcher. */
  let service: Service;
  let receiver: Receiver;
  let account: MadeAccount;
  let key: string;
  beforeAll(async () => {
    const environment = { WEBHOOK_ALLOWED_PRIVATE_CIDRS: '127.0.0.0/8' };
    [service, receiver] = await Promise.all([Service.start({ environment }), Receiver.start()]);
  });
  beforeEach(async () => {
    receiver.arrivals.length = 0;
    receiver.answer = () => ({});
    account = await service.makeAccount();
    key = account.test.secretKey;
  });
  afterAll(() => Promise.all([service.stop(), receiver.stop()]));

  const rows = <R>(statement: string, values: unknown[] = []) => service.dataSource.query<R[]>(statement, values);
  const acting = () => ({ 'signalpost-account': account.id, 'signalpost-mode': 'test', 'signalpost-actor': 'Zoe D.' });
  const erase = (id: string, headers = {}) =>
    service.call('post', `/v1/operations/${id}/erase`, { headers: { ...acting(), ...headers } });
  const read = async (path: string): Promise<PublishedOperation> =>
    (await service.call('get', path, { key }).expect(200)).body as PublishedOperation;
  const operation = (id: string) => read(`/v1/operations/${id}`);
  const textOf = async (event: { id: string }): Promise<string> =>
    (await service.call('get', `/v1/events/${event.id}`, { key }).expect(200)).text;
  const personalEvent = (status: string, id: string, more: object = {}) =>
    operationEvent(`collect.${status}`, id, { ...PERSONAL, ...more });
  const erasedTextOf = (event: PublishedEvent): string =>
    JSON.stringify({ ...event, operation: { ...event.operation, customer: null, metadata: {} }, data: {} });
  const found = (path: string, q: string) =>
    service.call('get', path, { key, query: { q } }).then(({ body }) => (body.data as object[]).length);
  const logs = () => readAll<ShownLog>(service, '/v1/logs', key);
  const erasures = async () => (await logs()).filter(({ action }) => action === 'operation.erased');
  const endpoint = (input: object = {}) => makeEndpoint(service, key, { url: receiver.url(), ...input });

  /** Runs `work` while nobody can publish or erase in this account; what it began goes on afterwards, in its order. */
  async function whileLedgerIsHeld(work: (held: QueryRunner) => Promise<void>): Promise<void> {
    const held = service.dataSource.createQueryRunner();
    await held.startTransaction();
    try {
      await held.query('SELECT FROM signalpost.ledgers WHERE account_id = $1 FOR UPDATE', [
        decodeId('acct', account.id),
      ]);
      await work(held);
    } finally {
      await held.rollbackTransaction();
      await held.release();
    }
  }
  const waitFor = (waiters: number) =>
    until(async () => {
      const [row] = await rows<{ count: string }>(
        `SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'`,
      );
      return Number(row!.count) === waiters;
    });

  it('takes customer, metadata and data, in its events to the byte, and changes nothing else', async () => {
    const headers = { 'idempotency-key': 'first' };
    const input = personalEvent('pending', 'col_1');
    const first = (await service.call('post', '/v1/events', { key, body: input, headers }).expect(201)).body;
    const second = personalEvent('failed', 'col_1', { external_id: 'led-1' });
    const events: PublishedEvent[] = [first, await publishNew(service, key, second)];
    events.push(
      await publishNew(
        service,
        key,
        personalEvent('pending', 'col_1', { occurred_at: new Date(Date.now() - 86_400_000).toISOString() }),
      ),
    );
    const other = await publishNew(service, key, personalEvent('pending', 'col_2'));
    const client = { key: account.test.publicKey, headers: await service.clientTokenHeaders(key, 'col_1') };
    const unchanged = async () => [
      (await service.call('get', '/v1/client/operations/col_1', client).expect(200)).body,
      await read('/v1/stats/operations'),
      await operation('col_2'),
      await textOf(other),
    ];
    const before = [await operation('col_1'), await unchanged()];

    const { body, status } = await erase('col_1');
    expect([status, body]).toEqual([200, { ...(before[0] as object), customer: null, metadata: {} }]);
    expect(await operation('col_1')).toEqual(body);
    expect(await unchanged()).toEqual(before[1]);
    for (const event of events) expect(await textOf(event)).toBe(erasedTextOf(event));
    const repeated = await service.call('post', '/v1/events', { key, body: input, headers }).expect(201);
    expect([repeated.headers['idempotency-replayed'], repeated.text]).toEqual(['true', erasedTextOf(events[0]!)]);
    expect((await publish(service, key, second).expect(200)).text).toBe(erasedTextOf(events[1]!));
    const stream = await SseReader.open(await service.app.getUrl(), '/v1/events/stream', key, { 'last-event-id': '0' });
    await until(() => Promise.resolve(stream.messages.length === 4));
    stream.response.destroy();
    expect(stream.messages.map(({ data }) => data)).toEqual([...events.map(erasedTextOf), JSON.stringify(other)]);
    for (const path of ['/v1/events', '/v1/operations']) {
      expect([await found(path, 'zebulon'), await found(path, '22999887766')]).toEqual([1, 1]);
    }
    expect([await found('/v1/events', 'INV-col_1'), await found('/v1/events', 'led-1')]).toEqual([3, 1]);
  });

  it('leaves what was personal in no row of any table', async () => {
    await endpoint();
    const canary = (status: string) => operationEvent(`collect.${status}`, 'col_1', CANARY);
    const headers = { 'idempotency-key': 'canary' };
    await service.call('post', '/v1/events', { key, body: canary('pending'), headers }).expect(201);
    await publishBatch(service, key, [canary('failed'), canary('nothing')]);
    const { operation: reported, data } = canary('failed');
    const leave = (type: string, more: object = {}) =>
      `SELECT signalpost.publish_event('${account.id}', 'test', '${type}', '${JSON.stringify({ ...(reported as object), ...more })}', '${JSON.stringify(data)}')`;
    await rows(leave('no.such', { payer: 'Xanthippe Voss' }));
    const inbox = () => rows<{ error: object | null }>('SELECT error FROM signalpost.event_inbox');
    await until(async () => (await inbox()).some(({ error }) => error !== null));

    // One that still waits, because nobody may drain the inbox.
    const draining = service.dataSource.createQueryRunner();
    await draining.startTransaction();
    await draining.query('SELECT pg_advisory_xact_lock(7400003)');
    await rows(leave('collect.succeeded'));
    const erased = erase('col_1').then(({ status }) => status);
    await waitFor(1);
    await draining.commitTransaction();
    await draining.release();
    expect(await erased).toBe(200);
    await service.app.get(RequestLogger, { strict: false }).runOnce();

    const tables = await rows<{ name: string }>(
      `SELECT c.oid::regclass::text AS name FROM pg_class c
       WHERE c.relnamespace = 'signalpost'::regnamespace AND c.relkind = 'r'`,
    );
    const places: string[] = [];
    let looked = 0;
    for (const { name } of tables) {
      for (const { row } of await rows<{ row: string }>(`SELECT t::text AS row FROM ${name} t`)) {
        looked += 1;
        if (CANARY_WORDS.test(row)) places.push(`${name}: ${row}`);
      }
    }
    expect(places).toEqual([]);
    expect(looked).toBeGreaterThan(20);
    await until(async () => (await inbox()).every(({ error }) => error !== null));
    const [refused] = await rows<{ input: object }>('SELECT input FROM signalpost.event_inbox');
    expect(refused!.input).toMatchObject({ type: 'no.such', operation: { id: 'col_1', amount: 1000 } });
    const waited = (await readAll<PublishedEvent>(service, '/v1/events', key)).at(-1)!;
    expect(waited).toMatchObject({ type: 'collect.succeeded', data: {}, operation: { customer: null, metadata: {} } });
  });

  it('takes the customer out of the causes that name them, in the operation, its events and the inbox', async () => {
    const cause = { code: 'unknown_payer', description: 'Payer ZEBULON Quartzmann, 99 88 77 66, is not known' };
    const covered = { code: 'unknown_payer', description: 'Payer ****, ****, is not known' };
    const events = [
      await publishNew(service, key, personalEvent('pending', 'col_1')),
      await publishNew(service, key, operationEvent('collect.failed', 'col_1', { operation: { cause } })),
      // Of another customer, named by a cause that comes with the next.
      await publishNew(
        service,
        key,
        operationEvent('collect.failed', 'col_1', { operation: { cause, customer: CANARY.operation.customer } }),
      ),
    ];
    const wrong = { cause: { description: 'Xanthippe VOSS (11-33-55-77) refused' }, kind: 'payment' };
    const { operation: refused } = operationEvent('collect.failed', 'col_1', { operation: wrong });
    await rows('SELECT signalpost.publish_event($1, $2, $3, $4)', [
      account.id,
      'test',
      'collect.failed',
      JSON.stringify(refused),
    ]);
    await service.app.get(Inbox, { strict: false }).runOnce();
    expect(await operation('col_1')).toMatchObject({ cause });

    const { body } = await erase('col_1').expect(200);
    expect(body).toMatchObject({ cause: covered, customer: null });
    const causes = await Promise.all(events.map(async (event) => JSON.parse(await textOf(event)).operation.cause));
    expect(causes).toEqual([null, covered, covered]);
    const [left] = await rows<{ input: object }>('SELECT input FROM signalpost.event_inbox WHERE account_id = $1', [
      decodeId('acct', account.id),
    ]);
    expect(left!.input).toMatchObject({ operation: { id: 'col_1', cause: { description: '**** (****) refused' } } });
    const again = await erase('col_1').expect(200);
    expect([again.body, (await erasures()).length]).toEqual([body, 1]);
  });

  it('takes one out of a cause whom only a later event has, and nobody else for good', async () => {
    const cause = { code: null, description: 'Payer 33612345678: Voss, not ZEBULON; 2026-11-02T21:25, 12 500 000 XOF' };
    const early = await publishNew(service, key, operationEvent('collect.failed', 'col_1', { operation: { cause } }));
    await publishNew(service, key, operationEvent('collect.failed', 'col_1', CANARY));
    await publishNew(service, key, personalEvent('failed', 'col_1'));
    await erase('col_1').expect(200);
    const { operation: left } = JSON.parse(await textOf(early));
    expect(left.cause.description).toBe('Payer 33612345678: ****, not ****; 2026-11-02T21:25, 12 500 000 XOF');
  });

  it('is told once, with the person who did it, and does no harm when repeated', async () => {
    await publishNew(service, key, personalEvent('pending', 'col_1'));
    const headers = { 'idempotency-key': 'erase-1' };
    const first = await erase('col_1', headers).expect(200);
    expect((await erase('col_1').expect(200)).body).toEqual(first.body);
    expect(await erasures()).toMatchObject([
      {
        category: 'admin',
        status: 'succeeded',
        description: 'Personal data of operation col_1 erased',
        operation_id: 'col_1',
        request_id: first.headers['request-id'],
        actor: { type: 'admin', name: 'Zoe D.' },
        metadata: { events: 1, deliveries_cancelled: 0 },
      },
    ]);
    const timeline = await readAll<{ id: string; action?: string }>(service, '/v1/operations/col_1/timeline', key);
    expect(timeline.filter(({ action }) => action === 'operation.erased')).toHaveLength(1);

    // New data stays, until somebody asks again with another key.
    await publishNew(service, key, personalEvent('failed', 'col_1'));
    const replayed = await erase('col_1', headers).expect(200);
    expect([replayed.headers['idempotency-replayed'], replayed.body]).toEqual(['true', first.body]);
    expect(await operation('col_1')).toMatchObject(PERSONAL.operation);
    expect((await erase('col_1', { 'idempotency-key': 'erase-2' }).expect(200)).body).toMatchObject({ customer: null });
    expect(await erasures()).toHaveLength(2);
  });

  describe('with deliveries', () => {
    let token: string;
    let batch = 0;
    beforeEach(async () => {
      token = randomUUID();
      await service.app.get(DispatcherLeaseRepository).register(token, 'by hand');
    });
    afterEach(() => service.app.get(DispatcherLeaseRepository).unregister(token));
    const laneOf = ({ id }: { id: string }): LaneId => [decodeId('acct', account.id), 'test', decodeId('we', id)];
    const claim = async (lane: LaneId): Promise<ClaimedDelivery[]> => {
      const wanted = { lane, room: 100, recheckWaiting: false, rateLimit: null, recheckAfter: null, after: null };
      const { deliveries } = await service.app.get(LaneQueueRepository).claim(token, ++batch, [wanted], []);
      return [...deliveries];
    };

    it('cancels those that are pending, records the one in the air, and lets new ones go at once', async () => {
      const ordered = await endpoint({ ordering: 'operation' });
      const plain = await endpoint();
      const disabled = await endpoint();
      const head = await publishNew(service, key, personalEvent('pending', 'col_1'));
      await service.call('patch', `/v1/webhook-endpoints/${disabled.id}`, { key, body: { status: 'disabled' } });
      const [inAir] = await claim(laneOf(ordered));
      await publishNew(service, key, personalEvent('failed', 'col_1'));
      await service.call('post', `/v1/events/${head.id}/redeliver`, { key, body: { endpoint_id: plain.id } });
      await publishNew(service, key, personalEvent('pending', 'col_2'));
      await claim(laneOf(ordered));
      const of = (id: string) => listDeliveries(service, key, { operation_id: id });
      const isPending = ({ status }: { status: string }) => status === 'pending';
      const pending = (await of('col_1')).filter(isPending).map(({ id }) => id);
      const skipped = (await of('col_1')).filter(({ status }) => status === 'skipped');
      expect([pending.length, skipped.length]).toEqual([5, 2]);

      await erase('col_1').expect(200);
      const after = await of('col_1');
      expect(after.filter(({ status }) => status === 'skipped')).toEqual(skipped);
      const cancelled = after.filter(({ id }) => pending.includes(id));
      expect(cancelled).toHaveLength(5);
      for (const one of cancelled) {
        expect(one).toMatchObject({ status: 'cancelled', status_reason: 'cancelled_by_user', next_attempt_at: null });
      }
      expect((await of('col_2')).filter(isPending)).toHaveLength(2);
      const told = (await logs()).filter(({ action }) => action === 'delivery.cancelled');
      expect(told.map(({ delivery_id: id }) => id).sort()).toEqual([...pending].sort());
      expect(await erasures()).toMatchObject([{ metadata: { events: 2, deliveries_cancelled: 5 } }]);

      const queue = service.app.get(LaneQueueRepository);
      expect(await queue.settle(token, [batch - 1], [settlementOf(inAir!)])).toEqual([]);
      const shown = await readDelivery(service, key, encodeId('del', inAir!.id));
      expect(shown).toMatchObject({ status: 'cancelled', attempt_count: 1, attempts: [{ outcome: 'succeeded' }] });
      const next = await publishNew(service, key, operationEvent('collect.succeeded', 'col_1'));
      const claimed = (await claim(laneOf(ordered))).map(({ eventId }) => encodeId('evt', eventId));
      expect(claimed).toContain(next.id);
    });

    it('sends the erased bytes when an event is delivered again', async () => {
      const sending = await startSending({ environment: { DATA_DIR: service.config.dataDir } });
      try {
        await endpoint({ url: receiver.url('/erased') });
        const event = await publishNew(service, key, personalEvent('pending', 'col_1'));
        await receiver.arrived(1, '/erased');
        await until(async () => (await listDeliveries(service, key)).every(isEnded));
        await erase('col_1').expect(200);
        await service.call('post', `/v1/events/${event.id}/redeliver`, { key, body: {} }).expect(202);
        const [first, again] = await receiver.arrived(2, '/erased');
        expect([first!.body, again!.body]).toEqual([JSON.stringify(event), erasedTextOf(event)]);
      } finally {
        await sending.stop();
      }
    });
  });

  describe('while others write', () => {
    it('erases what was published before it got its turn', async () => {
      await publishNew(service, key, personalEvent('pending', 'col_1'));
      let answers: Promise<unknown[]> = Promise.resolve([]);
      await whileLedgerIsHeld(async () => {
        const published = publish(service, key, personalEvent('failed', 'col_1')).then(({ status }) => status);
        await waitFor(1);
        answers = Promise.all([published, erase('col_1').then(({ body }) => body as object)]);
        await waitFor(2);
      });
      expect(await answers).toEqual([201, await operation('col_1')]);
      expect(await operation('col_1')).toMatchObject({ version: 2, status: 'failed', customer: null, metadata: {} });
      for (const event of await readAll<PublishedEvent>(service, '/v1/events', key)) {
        expect(event).toMatchObject({ data: {}, operation: { customer: null, metadata: {} } });
      }
    });

    it('does not get back what a publish had read before it', async () => {
      const before = await publishNew(service, key, personalEvent('pending', 'col_1'));
      let answers: Promise<unknown[]> = Promise.resolve([]);
      await whileLedgerIsHeld(async () => {
        const erased = erase('col_1').then(({ status }) => status);
        await waitFor(1);
        const event = operationEvent('collect.failed', 'col_1', { data: { note: 'new' } });
        answers = Promise.all([erased, publish(service, key, event).then(({ body }) => body as object)]);
        await waitFor(2);
      });
      const [status, published] = await answers;
      expect(status).toBe(200);
      expect(published).toMatchObject({
        data: { note: 'new' },
        operation: { customer: null, metadata: {}, version: 2 },
      });
      expect(await operation('col_1')).toMatchObject({ customer: null, metadata: {}, version: 2, status: 'failed' });
      expect(await textOf(before)).toBe(erasedTextOf(before));
    });

    it('agrees with publishing, sending, cancelling and disabling at the same time', async () => {
      const sending = await startSending({ environment: { DATA_DIR: service.config.dataDir } });
      try {
        receiver.answer = () => ({ status: receiver.arrivals.length % 3 === 0 ? 500 : 200 });
        const made = [await endpoint({ ordering: 'operation', retry_schedule: [1] }), await endpoint()];
        const statuses: number[] = [];
        const ask = async (test: PromiseLike<{ status: number }>) => void statuses.push((await test).status);
        for (let round = 0; round < 12; round++) {
          const [pending] = await listDeliveries(service, key, { status: 'pending' });
          const status = round % 2 === 0 ? 'disabled' : 'enabled';
          await Promise.all([
            ...[1, 2, 3].map(() => ask(publish(service, key, personalEvent('pending', 'col_1')))),
            ask(publish(sending, key, personalEvent('pending', 'col_1'))),
            ...(round > 0 ? [ask(erase('col_1')), ask(erase('col_1'))] : []),
            ask(service.call('patch', `/v1/webhook-endpoints/${made[1]!.id}`, { key, body: { status } })),
            ...(pending ? [ask(service.call('post', `/v1/deliveries/${pending.id}/cancel`, { key }))] : []),
          ]);
        }
        expect(statuses.filter((status) => ![200, 201, 409].includes(status))).toEqual([]);
        const { body } = await erase('col_1').expect(200);
        expect(body).toMatchObject({ customer: null, metadata: {}, version: 48 });
        for (const event of await readAll<PublishedEvent>(service, '/v1/events', key)) {
          if (event.operation !== null) expect(event).toMatchObject({ data: {}, operation: { customer: null } });
        }
        await until(async () => (await listDeliveries(service, key, { status: 'pending' })).length === 0);
      } finally {
        await sending.stop();
      }
    });

    it('happens as a whole or not at all, however many events there are', async () => {
      await endpoint();
      for (const count of [1_000, 120]) {
        const events = Array.from({ length: count }, () => personalEvent('pending', 'col_1'));
        expect(await publishBatch(service, key, events)).toMatchObject({ created: count, failed: 0 });
      }
      const personal = async () => {
        const [row] = await rows<{ count: string }>(
          `SELECT count(*) FROM signalpost.events WHERE account_id = $1 AND (body LIKE '%anary%' OR search LIKE '%zebulon%')`,
          [decodeId('acct', account.id)],
        );
        return Number(row!.count);
      };
      let died: Promise<number> = Promise.resolve(0);
      await whileLedgerIsHeld(async () => {
        died = erase('col_1').then(({ status }) => status);
        await waitFor(1);
        await rows(
          `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
           WHERE datname = current_database() AND wait_event_type = 'Lock'`,
        );
        expect(await died).toBeGreaterThanOrEqual(500);
      });
      expect(await personal()).toBe(1_120);
      expect(await erasures()).toEqual([]);
      expect(await operation('col_1')).toMatchObject(PERSONAL.operation);

      await erase('col_1').expect(200);
      expect(await personal()).toBe(0);
      expect(await erasures()).toMatchObject([{ metadata: { events: 1_120, deliveries_cancelled: 1_120 } }]);
    });
  });
});
