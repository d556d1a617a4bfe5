import type { AddressInfo } from 'node:net';
import { jest } from '@jest/globals';
import pg from 'pg';
import { Clock } from '../src/common/clock.js';
import { Metrics } from '../src/common/metrics/metrics.js';
import { EventStreamRepository } from '../src/events/stream/event-stream.repository.js';
import { operationEvent, publish, publishBatch, publishNew } from './support/publishing.js';
import { type MadeAccount, Service, until } from './support/service.js';
import { SseReader } from './support/sse-reader.js';
import { workerDatabaseUrl } from './setup/database.js';

const STREAM = '/v1/events/stream';
const DAY_MS = 86_400_000;
const range = (first: number, last: number): number[] => Array.from({ length: last - first + 1 }, (_, n) => first + n);
const pending = (id: string, more: object = {}) => operationEvent('collect.pending', id, more);

describe('the stream of events', () => {
  let first: Service;
  let second: Service;
  let account: MadeAccount;
  let key: string;
  let readers: SseReader[] = [];
  beforeAll(async () => {
    first = await Service.start({ environment: { STREAMS_PER_KEY: '60' } });
    second = await Service.start({ config: first.config });
  });
  beforeEach(async () => {
    account = await first.makeAccount();
    key = account.test.secretKey;
  });
  afterEach(() => {
    for (const reader of readers) reader.leave();
    readers = [];
  });
  afterAll(async () => {
    await second.stop();
    await first.stop();
  });

  interface OpenOptions {
    readonly on?: Service;
    readonly by?: string;
    readonly after?: number | string;
    readonly query?: string;
  }
  const open = async ({ on = first, by = key, after, query = '' }: OpenOptions = {}): Promise<SseReader> => {
    const { port } = on.app.getHttpServer().address() as AddressInfo;
    const headers: Record<string, string> = after === undefined ? {} : { 'last-event-id': String(after) };
    const reader = await SseReader.open(`http://127.0.0.1:${port}`, `${STREAM}${query}`, by, headers);
    readers.push(reader);
    return reader;
  };
  const publishMany = async (prefix: string, count: number, on = first): Promise<void> => {
    await Promise.all(range(1, count).map((n) => publish(on, key, pending(`${prefix}_${n}`)).expect(201)));
  };
  const has = (reader: SseReader, count: number) => reader.until(() => reader.sequences.length >= count);
  const metric = async (name: string, service = first): Promise<number> => {
    const { values } = (await service.app.get(Metrics).registry.getSingleMetric(name)!.get()) as {
      values: { value: number }[];
    };
    return values.reduce((sum, { value }) => sum + value, 0);
  };
  const administer = async <T>(work: (client: pg.Client, database: string) => Promise<T>): Promise<T> => {
    const url = new URL(await workerDatabaseUrl());
    const database = url.pathname.slice(1);
    url.pathname = '/postgres';
    const client = new pg.Client({ connectionString: url.href });
    await client.connect();
    try {
      return await work(client, database);
    } finally {
      await client.end();
    }
  };
  const cutListeners = () =>
    administer((client, database) =>
      client.query(
        `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
         WHERE application_name = 'signalpost listener' AND datname = $1`,
        [database],
      ),
    );

  describe('what it gives', () => {
    it('begins with the time to reconnect, and then gives what is published from now on, byte for byte', async () => {
      await publishNew(first, key, pending('col_before'));
      const reader = await open();
      expect(reader.status).toBe(200);
      expect(reader.response.headers).toMatchObject({
        'content-type': 'text/event-stream',
        'cache-control': 'no-store',
        'x-accel-buffering': 'no',
        'request-id': expect.any(String),
      });
      const data = { b: 1, a: 'é\u2028\r\n', 10: [1.0, { z: null }] };
      const published = await publish(first, key, pending('col_1', { data })).expect(201);
      await has(reader, 1);
      expect(reader.retry).toBe('2000');
      expect(reader.messages).toEqual([{ event: 'message', id: '2', data: published.text }]);
      const one = await first.call('get', `/v1/events/${published.body.id}`, { key }).expect(200);
      expect(reader.messages[0]!.data).toBe(one.text);
    });

    it('gives a reader of another process the same events', async () => {
      const reader = await open({ on: second });
      const published = await publish(first, key, pending('col_1')).expect(201);
      await has(reader, 1);
      expect(reader.messages[0]!.data).toBe(published.text);
    });

    it('never gives events of another account or of the other mode', async () => {
      const other = await first.makeAccount({ live_publishing: true });
      const [ours, live, theirs] = await Promise.all([
        open(),
        open({ by: other.live.secretKey, after: 0 }),
        open({ by: other.test.secretKey, after: 0 }),
      ]);
      await publishNew(first, other.live.secretKey, pending('col_live'));
      await publishNew(first, other.test.secretKey, pending('col_theirs'));
      await publishNew(first, key, pending('col_ours'));
      // One more of each, so that anything that came before it would show.
      await publishNew(first, other.live.secretKey, pending('col_live_2'));
      await publishNew(first, other.test.secretKey, pending('col_theirs_2'));
      await publishNew(first, key, pending('col_ours_2'));
      for (const [reader, name] of [
        [ours, 'col_ours'],
        [live, 'col_live'],
        [theirs, 'col_theirs'],
      ] as const) {
        await has(reader, 2);
        expect(reader.events.map(({ operation }) => (operation as { id: string }).id)).toEqual([name, `${name}_2`]);
      }
    });
  });

  describe('resuming', () => {
    it('misses and repeats nothing after N while two processes publish', async () => {
      await publishMany('early', 30);
      const publishing = Promise.all([publishMany('first', 40), publishMany('second', 40, second)]);
      const streams = await Promise.all([
        open({ after: 10 }),
        open({ after: 29, on: second }),
        open({ after: 0 }),
        open({ after: 30 }),
      ]);
      await publishing;
      const firsts = [11, 30, 1, 31];
      for (const [index, reader] of streams.entries()) {
        await has(reader, 110 - firsts[index]! + 1);
        expect(reader.sequences).toEqual(range(firsts[index]!, 110));
      }
    });

    it('reads a long past in pages, joins the others without a gap, and goes on with what comes', async () => {
      await Promise.all(
        range(1, 3).map((batch) =>
          publishBatch(
            first,
            key,
            range(1, 300).map((n) => pending(`past_${batch}_${n}`)),
          ),
        ),
      );
      await open();
      const reader = await open({ after: 0 });
      await publishMany('more', 5);
      await has(reader, 905);
      expect(reader.sequences).toEqual(range(1, 905));
    });

    it('gives at once what is published while it begins', async () => {
      const repository = first.app.get(EventStreamRepository);
      const readEnds = repository.readEnds.bind(repository);
      jest.spyOn(repository, 'readEnds').mockImplementationOnce(async (...asked) => {
        const ends = await readEnds(...asked);
        await publishNew(first, key, pending('col_between'));
        return ends;
      });
      const reader = await open();
      await has(reader, 1);
      expect(reader.sequences).toEqual([1]);
    }, 5_000);

    it('reads for itself what the tail should have given and did not', async () => {
      const [lost, other] = [await open(), await open()];
      const repository = first.app.get(EventStreamRepository);
      const readAfter = repository.readAfter.bind(repository);
      const spy = jest.spyOn(repository, 'readAfter').mockImplementation(async (ledgers) => {
        const read = await readAfter(ledgers);
        if (read[0]!.events.length < 2) return read;
        spy.mockRestore();
        return [{ ...read[0]!, events: read[0]!.events.slice(1) }];
      });
      await publishBatch(first, key, [pending('col_1'), pending('col_2'), pending('col_3')]);
      for (const reader of [lost, other]) {
        await has(reader, 3);
        expect(reader.sequences).toEqual([1, 2, 3]);
      }
      await publishMany('later', 2);
      await has(lost, 5);
      expect(lost.sequences).toEqual(range(1, 5));
    });

    it('ends before a gap in what is stored instead of hiding it', async () => {
      await publishMany('gap', 5);
      await first.dataSource.query('DELETE FROM signalpost.events WHERE sequence = 3 AND operation_id LIKE $1', [
        'gap_%',
      ]);
      const reader = await open({ after: 0 });
      await reader.untilClosed();
      expect(reader.sequences).toEqual([1, 2]);
      expect(reader.ending?.code).toBe('internal');
    });

    it('begins with the oldest event that is kept for 0, and is 410 where events are gone', async () => {
      await publishMany('old', 5);
      await first.dataSource.query('DELETE FROM signalpost.events WHERE sequence <= 3 AND operation_id LIKE $1', [
        'old_%',
      ]);
      const reader = await open({ after: 0 });
      await has(reader, 2);
      expect(reader.sequences).toEqual([4, 5]);
      for (const after of [1, 3]) {
        const call = first.call('get', STREAM, { key, headers: { 'last-event-id': String(after) } });
        expect((await call.expect(410)).body.code).toBe('expired');
      }
    });

    it('hides what is older than the retention though it is still there', async () => {
      await publishMany('old', 2);
      const clock = jest.spyOn(first.app.get(Clock), 'now').mockReturnValue(new Date(Date.now() + 401 * DAY_MS));
      try {
        const call = first.call('get', STREAM, { key, headers: { 'last-event-id': '1' } });
        expect((await call.expect(410)).body.code).toBe('expired');
        const reader = await open({ after: 0 });
        await reader.until(() => reader.lastId !== '');
        expect(reader.lastId).toBe('2');
      } finally {
        clock.mockRestore();
      }
    });

    it('begins now when the id lies ahead of the newest event', async () => {
      await publishMany('early', 2);
      const reader = await open({ after: 1_000 });
      await publishMany('later', 1);
      await has(reader, 1);
      expect(reader.sequences).toEqual([3]);
    });

    it('tells where it stands at once, so that a reader who got nothing yet can come back without a loss', async () => {
      await publishMany('early', 3);
      const reader = await open({ query: '?type=payment.failed' });
      await reader.until(() => reader.lastId !== '');
      expect(reader.lastId).toBe('3');
      expect(reader.messages).toEqual([]);
    });

    it.each(['-1', 'abc', '1.5', '', '1e3', '0x10', '99999999999999999', '1,2'])('refuses the id %p', async (id) => {
      const { body } = await first.call('get', STREAM, { key, headers: { 'last-event-id': id } }).expect(422);
      expect(body.errors).toMatchObject([{ field: 'Last-Event-ID', code: 'invalid_sequence' }]);
    });
  });

  describe('filters', () => {
    const QUERIES = [
      'type=payment.failed',
      'type=payment.*',
      'type=collect.pending&type=payment.failed',
      'operation_id=pay_last&operation_id=col_1',
      'operation_kind=payment',
      'operation_status=failed',
      'reference=INV-pay_last',
      'external_id=led-last&external_id=led-1',
      'q=adj%C3%B4ua+inv',
      'occurred_after=2026-11-01T00:00:00Z&type=payment.*',
      'occurred_before=2026-11-20T00:00:00Z',
      'created_after=2020-01-01T00:00:00Z&operation_kind=payment',
      'delivery_status=pending',
      'delivery_status=pending&delivery_status=failed&operation_status=failed',
    ];

    it('mean what they mean in the list, for events that come and for events of the past', async () => {
      await first.call('post', '/v1/webhook-endpoints', {
        key,
        body: { url: 'https://shop.example/hook', event_types: ['payment.*'] },
      });
      const live = await Promise.all(QUERIES.map((query) => open({ query: `?${query}` })));
      const customer = { name: 'Adjôua N.' };
      const events = [
        pending('col_1', { external_id: 'led-1', operation: { customer }, occurred_at: '2026-11-10T00:00:00Z' }),
        pending('col_2', { external_id: 'led-2', occurred_at: '2026-11-19T23:59:59.999Z' }),
        pending('col_3', { occurred_at: '2026-11-20T00:00:00Z' }),
        operationEvent('payment.pending', 'pay_1', { operation: { customer }, occurred_at: '2026-10-31T23:59:59Z' }),
        operationEvent('payment.failed', 'pay_1', { occurred_at: '2026-11-01T00:00:00Z' }),
        operationEvent('collect.failed', 'col_1', { operation: { customer: null } }),
        // Passes every query, so that nothing that should have come before it is still to come.
        operationEvent('payment.failed', 'pay_last', {
          external_id: 'led-last',
          operation: { customer },
          occurred_at: '2026-11-02T00:00:00Z',
        }),
      ];
      for (const event of events) await publishNew(first, key, event);
      for (const [index, query] of QUERIES.entries()) {
        const list = await first.call('get', `/v1/events?${query}`, { key }).expect(200);
        const expected = (list.body.data as { id: string }[]).map(({ id }) => id).reverse();
        const past = await open({ query: `?${query}`, after: 0 });
        for (const reader of [live[index]!, past]) {
          await has(reader, expected.length);
          expect({ query, ids: reader.events.map(({ id }) => id) }).toEqual({ query, ids: expected });
        }
      }
    });

    it.each(['limit=5', 'starting_after=evt_1', 'colour=red', 'type=Payment', 'q=%21', 'operation_status=lost'])(
      'refuse ?%s',
      async (query) => {
        const { body } = await first.call('get', `${STREAM}?${query}`, { key }).expect(422);
        expect(body.errors[0].field.split('[')[0]).toBe(query.split('=')[0]);
      },
    );
  });

  describe('who may follow', () => {
    it('is for keys that may read events', async () => {
      expect(await first.outcome('get', STREAM, { key: null })).toBe('401 missing_api_key');
      expect(await first.outcome('get', STREAM, { key: account.test.publicKey })).toBe('403 secret_key_required');
      const restricted = await first.makeRestrictedKey(key, { scopes: ['logs:read'] });
      expect(await first.outcome('get', STREAM, { key: restricted.key })).toBe('403 insufficient_scope');
      expect(await first.outcome('get', STREAM)).toBe('400 acting_headers_required');
    });

    it('ends in every process within a second of the revocation of its key, and of no other', async () => {
      const { id, key: by } = await first.makeRestrictedKey(key);
      const streams = await Promise.all([open({ by }), open({ by, on: second })]);
      const own = await open();
      await first.call('delete', `/v1/api-keys/${id}`, { key }).expect(200);
      const revokedAt = Date.now();
      for (const reader of streams) {
        await reader.untilClosed();
        expect(reader.ending?.code).toBe('api_key_revoked');
      }
      expect(Date.now() - revokedAt).toBeLessThan(1_000);
      await publishNew(first, key, pending('col_1'));
      await own.until(() => own.events.some(({ type }) => type === 'collect.pending'));
      expect(own.isClosed).toBe(false);
    });

    it('ends within a second of the end of its key, without anybody telling it', async () => {
      const expiresAt = Date.now() + 1_500;
      const { key: by } = await first.makeRestrictedKey(key, { expires_at: new Date(expiresAt).toISOString() });
      const reader = await open({ by });
      await reader.untilClosed();
      expect(reader.ending?.code).toBe('api_key_expired');
      expect(Date.now() - expiresAt).toBeLessThan(1_000);
    });

    it('ends within a second of the suspension of its account, in another process too', async () => {
      const streams = await Promise.all([open(), open({ on: second })]);
      await first.call('patch', `/v1/admin/accounts/${account.id}`, { body: { status: 'suspended' } }).expect(200);
      const suspendedAt = Date.now();
      for (const reader of streams) {
        await reader.untilClosed();
        expect(reader.ending?.code).toBe('account_suspended');
      }
      expect(Date.now() - suspendedAt).toBeLessThan(1_000);
    });

    it('gives events, and ends within 5 s of the revocation, while notices cannot be heard', async () => {
      const { id, key: by } = await first.makeRestrictedKey(key);
      const reader = await open({ by, on: second });
      // Connections that exist go on; none can be made, so the one for notices stays lost.
      const allow = (isAllowed: boolean) =>
        administer((client, database) => client.query(`ALTER DATABASE ${database} ALLOW_CONNECTIONS ${isAllowed}`));
      await allow(false);
      try {
        await cutListeners();
        await publishNew(first, key, pending('col_deaf'));
        await reader.until(() => reader.events.some(({ type }) => type === 'collect.pending'));
        await first.call('delete', `/v1/api-keys/${id}`, { key }).expect(200);
        const revokedAt = Date.now();
        await reader.untilClosed();
        expect(reader.ending?.code).toBe('api_key_revoked');
        expect(Date.now() - revokedAt).toBeLessThan(5_000);
      } finally {
        await allow(true);
      }
    });
  });

  describe('its bounds', () => {
    it('cuts a reader that does not read, tells it so, and loses nothing for it; one that reads the past has time', async () => {
      const reader = await open({ query: '?type=collect.*' });
      await reader.until(() => reader.retry !== null);
      reader.pause();
      const big = { data: { text: Array.from({ length: 14 }, () => 'x'.repeat(16_000)) } };
      for (const batch of range(1, 6)) {
        await publishBatch(
          first,
          key,
          range(1, 20).map((n) => pending(`big_${batch}_${n}`, big)),
        );
      }
      await until(async () => (await metric('signalpost_stream_readers_cut_total')) === 1);
      reader.resume();
      await reader.untilClosed();
      expect(reader.ending).toEqual({ code: 'slow_consumer', message: 'Reconnect with Last-Event-ID.' });
      const got = reader.sequences;
      expect(got.length).toBeLessThan(120);
      expect(got).toEqual(range(1, got.length));
      const again = await open({ after: reader.lastId });
      await has(again, 120 - got.length);
      expect(again.sequences).toEqual(range(got.length + 1, 120));

      again.leave();
      await until(async () => (await metric('signalpost_streams_open')) === 0);
      // The past waits for a reader; another one goes through all of it meanwhile.
      const slow = await open({ after: 0 });
      slow.pause();
      const quick = await open({ after: 0 });
      await has(quick, 120);
      slow.resume();
      await has(slow, 120);
      expect(slow.sequences).toEqual(range(1, 120));
      expect(await metric('signalpost_stream_readers_cut_total')).toBe(1);
    }, 30_000);

    it('allows a key STREAMS_PER_KEY streams in a process, and another one when one has gone', async () => {
      const small = await Service.start({ environment: { STREAMS_PER_KEY: '2' } });
      try {
        const { test, live } = await small.makeAccount();
        const streams = await Promise.all([
          open({ on: small, by: test.secretKey }),
          open({ on: small, by: test.secretKey }),
        ]);
        const refused = await small.call('get', STREAM, { key: test.secretKey }).expect(429);
        expect(refused.body.code).toBe('rate_limited');
        expect(Number(refused.headers['retry-after'])).toBeGreaterThan(0);
        expect((await open({ on: small, by: live.secretKey })).status).toBe(200);
        expect(await metric('signalpost_streams_open', small)).toBe(3);
        streams[0].leave();
        await until(async () => (await open({ on: small, by: test.secretKey })).status === 200);
      } finally {
        await small.stop();
      }
    });

    it('takes no slot for an answer that is no stream', async () => {
      const small = await Service.start({ environment: { STREAMS_PER_KEY: '1' } });
      try {
        const { test } = await small.makeAccount();
        const { port } = small.app.getHttpServer().address() as AddressInfo;
        for (let n = 0; n < 3; n++) {
          await small.call('get', `${STREAM}?colour=red`, { key: test.secretKey }).expect(422);
          const head = await fetch(`http://127.0.0.1:${port}${STREAM}`, {
            method: 'HEAD',
            headers: { authorization: `Bearer ${test.secretKey}` },
          });
          expect([head.status, head.headers.get('content-type')]).toEqual([200, 'text/event-stream']);
        }
        expect((await open({ on: small, by: test.secretKey })).status).toBe(200);
      } finally {
        await small.stop();
      }
    });

    it('ends with the process, and says so', async () => {
      const ending = await Service.start({ config: first.config });
      const reader = await open({ on: ending });
      await ending.stop();
      await reader.untilClosed();
      expect(reader.ending?.code).toBe('shutting_down');
    });
  });

  it('gives 50 streams 500 events each without a gap while its connection for notices is cut', async () => {
    const streams = await Promise.all(range(1, 50).map((n) => open({ on: n % 2 ? first : second })));
    for (const part of range(1, 5)) {
      await Promise.all([publishMany(`a${part}`, 50), publishMany(`b${part}`, 50, second), cutListeners()]);
    }
    for (const reader of streams) {
      await has(reader, 500);
      expect(reader.sequences).toEqual(range(1, 500));
    }
  }, 30_000);
});
