import type { AddressInfo } from 'node:net';
import { decodeId } from '../src/common/ids.js';
import { LogWriter } from '../src/logs/log-writer.js';
import { publishBatch, publishNew } from './support/publishing.js';
import { Service, until } from './support/service.js';
import type { SseReader } from './support/sse-reader.js';
import { pending, range, STREAM as EVENTS, StreamFixture } from './support/stream-fixture.js';

const LOGS = '/v1/logs/stream';
/** Of one item, so that a few dozen fill every buffer between the service and its reader. */
const MUCH = { text: Array.from({ length: 14 }, () => 'x'.repeat(16_000)) };
/** How soon a stream is over whose right has ended. */
const SOON_MS = 1_000;

interface Kind {
  readonly what: 'events' | 'logs';
  readonly path: string;
  readonly otherPath: string;
  readonly scope: string;
  readonly otherScope: string;
  /** What `write` writes, and nothing that the service tells of itself. */
  readonly query: string;
  /** Items of the numbers, in one commit. */
  readonly write: (
    stream: StreamFixture,
    numbers: readonly number[],
    much?: Readonly<Record<string, unknown>>,
  ) => Promise<unknown>;
  /** Of the items that came, in their order. */
  readonly numbers: (reader: SseReader) => number[];
  /** Whether one that comes back may be given again what it was given before. */
  readonly mayRepeat: boolean;
}

const KINDS: readonly Kind[] = [
  {
    what: 'events',
    path: EVENTS,
    otherPath: LOGS,
    scope: 'events:read',
    otherScope: 'logs:read',
    query: '?type=collect.*',
    write: ({ first, key }, numbers, data = {}) => {
      const inputs = numbers.map((number) => pending(`col_${number}`, { data }));
      return inputs.length === 1 ? publishNew(first, key, inputs[0]!) : publishBatch(first, key, inputs);
    },
    // The account's events of collects are its first ones.
    numbers: ({ sequences }) => sequences,
    mayRepeat: false,
  },
  {
    what: 'logs',
    path: LOGS,
    otherPath: EVENTS,
    scope: 'logs:read',
    otherScope: 'events:read',
    query: '?action=note',
    write: ({ first, account }, numbers, metadata = {}) =>
      first.app.get(LogWriter, { strict: false }).write(
        numbers.map((number) => ({
          accountId: decodeId('acct', account.id),
          mode: 'test' as const,
          category: 'operation' as const,
          action: 'note',
          status: 'info' as const,
          description: String(number),
          metadata,
        })),
      ),
    // Without reading the rest of large logs each time.
    numbers: ({ messages }) =>
      messages.flatMap(({ data }) => {
        const match = /"description":"(\d+)"/.exec(data);
        return match ? [Number(match[1])] : [];
      }),
    // What was written in the minute before.
    mayRepeat: true,
  },
];

describe.each(KINDS)('a stream of $what ends', (kind) => {
  const { path, otherPath, query, write, numbers } = kind;
  const stream = StreamFixture.install(path);

  describe('with the right to it', () => {
    it('is for keys with its scope', async () => {
      const outcome = (key: string | null) => stream.first.outcome('get', path, { key });
      expect(await outcome(null)).toBe('401 missing_api_key');
      expect(await outcome(stream.account.test.publicKey)).toBe('403 secret_key_required');
      const restricted = await stream.first.makeRestrictedKey(stream.key, { scopes: [kind.otherScope] });
      expect(await outcome(restricted.key)).toBe('403 insufficient_scope');
      expect(await stream.first.outcome('get', path)).toBe('400 acting_headers_required');
    });

    it('in every process within a second of the revocation of its key, and of no other', async () => {
      const { id, key: by } = await stream.first.makeRestrictedKey(stream.key, { scopes: [kind.scope] });
      const streams = await Promise.all([stream.open({ by }), stream.open({ by, on: stream.second })]);
      const own = await stream.open({ query });
      await stream.first.call('delete', `/v1/api-keys/${id}`, { key: stream.key }).expect(200);
      const revokedAt = Date.now();
      for (const reader of streams) {
        await reader.untilClosed();
        expect(reader.ending?.code).toBe('api_key_revoked');
      }
      expect(Date.now() - revokedAt).toBeLessThan(SOON_MS);
      await write(stream, [1]);
      await own.until(() => numbers(own).length === 1);
      expect(own.isClosed).toBe(false);
    });

    it('within a second of the end of its key, without anybody telling it', async () => {
      const expiresAt = Date.now() + 3_000;
      const { key: by } = await stream.first.makeRestrictedKey(stream.key, {
        expires_at: new Date(expiresAt).toISOString(),
      });
      const reader = await stream.open({ by });
      await reader.untilClosed();
      expect(reader.ending?.code).toBe('api_key_expired');
      expect(Date.now() - expiresAt).toBeLessThan(SOON_MS);
    });

    it('within a second of the suspension of its account, in another process too', async () => {
      const streams = await Promise.all([stream.open(), stream.open({ on: stream.second })]);
      await stream.first
        .call('patch', `/v1/admin/accounts/${stream.account.id}`, { body: { status: 'suspended' } })
        .expect(200);
      const suspendedAt = Date.now();
      for (const reader of streams) {
        await reader.untilClosed();
        expect(reader.ending?.code).toBe('account_suspended');
      }
      expect(Date.now() - suspendedAt).toBeLessThan(SOON_MS);
    });
  });

  describe('at its bounds', () => {
    it('for a reader that does not read, tells it so, and loses nothing for it; one that reads the past has time', async () => {
      const reader = await stream.open({ query });
      await reader.until(() => reader.retry !== null);
      reader.pause();
      for (const batch of range(0, 5)) await write(stream, range(batch * 20 + 1, batch * 20 + 20), MUCH);
      await until(async () => (await stream.metric('signalpost_stream_readers_cut_total')) === 1);
      reader.resume();
      await reader.untilClosed();
      expect(reader.ending).toEqual({ code: 'slow_consumer', message: 'Reconnect with Last-Event-ID.' });
      const got = numbers(reader);
      expect(got.length).toBeLessThan(120);
      expect(got).toEqual(range(1, got.length));
      const again = await stream.open({ after: reader.lastId, query });
      await again.until(() => numbers(again).includes(120));
      expect(new Set([...got, ...numbers(again)])).toEqual(new Set(range(1, 120)));
      if (!kind.mayRepeat) expect(numbers(again)).toEqual(range(got.length + 1, 120));

      again.leave();
      await until(async () => (await stream.metric('signalpost_streams_open')) === 0);
      // The past waits for a reader; another one goes through all of it meanwhile.
      const slow = await stream.open({ after: 0, query });
      slow.pause();
      const quick = await stream.open({ after: 0, query });
      await quick.until(() => numbers(quick).length === 120);
      slow.resume();
      await slow.until(() => numbers(slow).length === 120);
      expect(numbers(slow)).toEqual(range(1, 120));
      expect(await stream.metric('signalpost_stream_readers_cut_total')).toBe(1);
    }, 60_000);

    it('not before it began: a key has STREAMS_PER_KEY of events and of logs together, another one when one has gone', async () => {
      const small = await Service.start({ environment: { STREAMS_PER_KEY: '3' } });
      try {
        const { test, live } = await small.makeAccount();
        const open = (more: object = {}) => stream.open({ on: small, by: test.secretKey, ...more });
        const [leaving, ...others] = await Promise.all([open(), open(), open({ path: otherPath })]);
        expect([leaving, ...others].map(({ status }) => status)).toEqual([200, 200, 200]);
        for (const refusing of [path, otherPath]) {
          const refused = await small.call('get', refusing, { key: test.secretKey }).expect(429);
          expect(refused.body.code).toBe('rate_limited');
          expect(Number(refused.headers['retry-after'])).toBeGreaterThan(0);
        }
        expect((await open({ by: live.secretKey })).status).toBe(200);
        expect(await stream.metric('signalpost_streams_open', small)).toBe(4);
        leaving.leave();
        await until(async () => (await open()).status === 200);
      } finally {
        await small.stop();
      }
    });

    it('at once for an answer that is no stream, which takes no slot', async () => {
      const small = await Service.start({ environment: { STREAMS_PER_KEY: '1' } });
      try {
        const { test } = await small.makeAccount();
        const { port } = small.app.getHttpServer().address() as AddressInfo;
        for (let n = 0; n < 3; n++) {
          await small.call('get', `${path}?colour=red`, { key: test.secretKey }).expect(422);
          const head = await fetch(`http://127.0.0.1:${port}${path}`, {
            method: 'HEAD',
            headers: { authorization: `Bearer ${test.secretKey}` },
          });
          expect([head.status, head.headers.get('content-type')]).toEqual([200, 'text/event-stream']);
        }
        expect((await stream.open({ on: small, by: test.secretKey })).status).toBe(200);
      } finally {
        await small.stop();
      }
    });

    it('with the process, and says so', async () => {
      const ending = await Service.start({ config: stream.first.config });
      const reader = await stream.open({ on: ending });
      await ending.stop();
      await reader.untilClosed();
      expect(reader.ending?.code).toBe('shutting_down');
    });
  });
});
