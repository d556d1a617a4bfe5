import { decodeId } from '../src/common/ids.js';
import { Inbox } from '../src/events/inbox.js';
import { RequestLogger } from '../src/logs/request-logger.js';
import { ErasureFixture, erasedTextOf, PERSONAL, personalEvent } from './support/erasure-fixture.js';
import { operationEvent, publish, publishBatch, publishNew, type PublishedEvent } from './support/publishing.js';
import { until } from './support/service.js';
import { SseReader } from './support/sse-reader.js';

/** Of somebody who must be found nowhere afterwards. */
const CANARY = {
  operation: {
    customer: { name: 'Xanthippe Voss', email: 'x.voss@canary.test', phone: '+22911335577' },
    metadata: { order: 'xanthippe-order' },
  },
  data: { note: 'voss-note' },
};
const CANARY_WORDS = /xanthippe|voss|22911335577/i;

describe('erasing an operation', () => {
  const { erase, erasures, operation, publishPersonal, sending, textOf, waitFor } = ErasureFixture.install();
  const { call, endpoint, readAll, rows } = sending;
  const publishFailed = (more: object) =>
    publishNew(sending.service, sending.key, operationEvent('collect.failed', 'col_1', more));
  const found = (path: string, q: string) =>
    call('get', path, { query: { q } }).then(({ body }) => (body.data as object[]).length);

  it('takes customer, metadata and data, in its events to the byte, and changes nothing else', async () => {
    const headers = { 'idempotency-key': 'first' };
    const input = personalEvent('pending', 'col_1');
    const first = (await call('post', '/v1/events', { body: input, headers }).expect(201)).body;
    const second = personalEvent('failed', 'col_1', { external_id: 'led-1' });
    const events: PublishedEvent[] = [first, await publishNew(sending.service, sending.key, second)];
    const yesterday = new Date(Date.now() - 86_400_000).toISOString();
    events.push(await publishPersonal('pending', 'col_1', { occurred_at: yesterday }));
    const other = await publishPersonal('pending', 'col_2');
    const token = await sending.service.clientTokenHeaders(sending.key, 'col_1');
    const client = { key: sending.account.test.publicKey, headers: token };
    const unchanged = async () => [
      (await call('get', '/v1/client/operations/col_1', client).expect(200)).body,
      (await call('get', '/v1/stats/operations').expect(200)).body,
      await operation('col_2'),
      await textOf(other),
    ];
    const before = [await operation('col_1'), await unchanged()];

    const { body, status } = await erase('col_1');
    expect([status, body]).toEqual([200, { ...(before[0] as object), customer: null, metadata: {} }]);
    expect(await operation('col_1')).toEqual(body);
    expect(await unchanged()).toEqual(before[1]);
    for (const event of events) expect(await textOf(event)).toBe(erasedTextOf(event));
    const repeated = await call('post', '/v1/events', { body: input, headers }).expect(201);
    expect([repeated.headers['idempotency-replayed'], repeated.text]).toEqual(['true', erasedTextOf(events[0]!)]);
    expect((await publish(sending.service, sending.key, second).expect(200)).text).toBe(erasedTextOf(events[1]!));
    const url = await sending.service.app.getUrl();
    const stream = await SseReader.open(url, '/v1/events/stream', sending.key, { 'last-event-id': '0' });
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
    await call('post', '/v1/events', { body: canary('pending'), headers }).expect(201);
    await publishBatch(sending.service, sending.key, [canary('failed'), canary('nothing')]);
    const { operation: reported, data } = canary('failed');
    const leave = (type: string, more: object = {}) =>
      `SELECT signalpost.publish_event('${sending.account.id}', 'test', '${type}', '${JSON.stringify({ ...(reported as object), ...more })}', '${JSON.stringify(data)}')`;
    await rows(leave('no.such', { payer: 'Xanthippe Voss' }));
    const inbox = () => rows<{ error: object | null }>('SELECT error FROM signalpost.event_inbox');
    await until(async () => (await inbox()).some(({ error }) => error !== null));

    // One that still waits, because nobody may drain the inbox.
    const draining = sending.service.dataSource.createQueryRunner();
    await draining.startTransaction();
    await draining.query('SELECT pg_advisory_xact_lock(7400003)');
    await rows(leave('collect.succeeded'));
    const erased = erase('col_1').then(({ status }) => status);
    await waitFor(1);
    await draining.commitTransaction();
    await draining.release();
    expect(await erased).toBe(200);
    await sending.service.app.get(RequestLogger, { strict: false }).runOnce();

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
    const waited = (await readAll<PublishedEvent>('/v1/events')).at(-1)!;
    expect(waited).toMatchObject({ type: 'collect.succeeded', data: {}, operation: { customer: null, metadata: {} } });
  });

  it('takes the customer out of the causes that name them, in the operation, its events and the inbox', async () => {
    const cause = { code: 'unknown_payer', description: 'Payer ZEBULON Quartzmann, 99 88 77 66, is not known' };
    const covered = { code: 'unknown_payer', description: 'Payer ****, ****, is not known' };
    const events = [
      await publishPersonal('pending'),
      await publishFailed({ operation: { cause } }),
      // Of another customer, named by a cause that comes with the next.
      await publishFailed({ operation: { cause, customer: CANARY.operation.customer } }),
    ];
    const wrong = { cause: { description: 'Xanthippe VOSS (11-33-55-77) refused' }, kind: 'payment' };
    const { operation: refused } = operationEvent('collect.failed', 'col_1', { operation: wrong });
    await rows('SELECT signalpost.publish_event($1, $2, $3, $4)', [
      sending.account.id,
      'test',
      'collect.failed',
      JSON.stringify(refused),
    ]);
    await sending.service.app.get(Inbox, { strict: false }).runOnce();
    expect(await operation('col_1')).toMatchObject({ cause });

    const { body } = await erase('col_1').expect(200);
    expect(body).toMatchObject({ cause: covered, customer: null });
    const causes = await Promise.all(events.map(async (event) => JSON.parse(await textOf(event)).operation.cause));
    expect(causes).toEqual([null, covered, covered]);
    const [left] = await rows<{ input: object }>('SELECT input FROM signalpost.event_inbox WHERE account_id = $1', [
      decodeId('acct', sending.account.id),
    ]);
    expect(left!.input).toMatchObject({ operation: { id: 'col_1', cause: { description: '**** (****) refused' } } });
    const again = await erase('col_1').expect(200);
    expect([again.body, (await erasures()).length]).toEqual([body, 1]);
  });

  it('takes one out of a cause whom only a later event has, and nobody else for good', async () => {
    const cause = { code: null, description: 'Payer 33612345678: Voss, not ZEBULON; 2026-11-02T21:25, 12 500 000 XOF' };
    const early = await publishFailed({ operation: { cause } });
    await publishFailed(CANARY);
    await publishPersonal('failed');
    await erase('col_1').expect(200);
    const { operation: left } = JSON.parse(await textOf(early));
    expect(left.cause.description).toBe('Payer 33612345678: ****, not ****; 2026-11-02T21:25, 12 500 000 XOF');
  });

  it('is told once, with the person who did it, and does no harm when repeated', async () => {
    await publishPersonal('pending');
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
    const timeline = await readAll<{ id: string; action?: string }>('/v1/operations/col_1/timeline');
    expect(timeline.filter(({ action }) => action === 'operation.erased')).toHaveLength(1);

    // New data stays, until somebody asks again with another key.
    await publishPersonal('failed');
    const replayed = await erase('col_1', headers).expect(200);
    expect([replayed.headers['idempotency-replayed'], replayed.body]).toEqual(['true', first.body]);
    expect(await operation('col_1')).toMatchObject(PERSONAL.operation);
    expect((await erase('col_1', { 'idempotency-key': 'erase-2' }).expect(200)).body).toMatchObject({ customer: null });
    expect(await erasures()).toHaveLength(2);
  });
});
