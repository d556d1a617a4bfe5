import type { AddressInfo } from 'node:net';
import { decodeId } from '../src/common/ids.js';
import { LogWriter } from '../src/logs/log-writer.js';
import { Service, until } from './support/service.js';
import { range, STREAM as EVENTS, StreamFixture } from './support/stream-fixture.js';
import type { SseReader } from './support/sse-reader.js';

const STREAM = '/v1/logs/stream';
const NOTES = '?action=note';

/** How soon a stream ends is measured with those of events, which have the same home. */
describe('a stream of logs ends', () => {
  const stream = StreamFixture.install(STREAM);

  const write = (texts: readonly string[], metadata = {}) =>
    stream.first.app.get(LogWriter, { strict: false }).write(
      texts.map((description) => ({
        accountId: decodeId('acct', stream.account.id),
        mode: 'test' as const,
        category: 'operation' as const,
        action: 'note',
        status: 'info' as const,
        description,
        metadata,
      })),
    );
  const texts = (reader: SseReader): string[] => reader.events.map(({ description }) => description as string);
  /** Of the descriptions, without reading the rest of large logs each time. */
  const numbers = (reader: SseReader): number[] =>
    reader.messages.flatMap(({ data }) => {
      const match = /"description":"(\d+)"/.exec(data);
      return match ? [Number(match[1])] : [];
    });

  describe('with the right to it', () => {
    it('is for keys that may read logs', async () => {
      const outcome = (key: string | null) => stream.first.outcome('get', STREAM, { key });
      expect(await outcome(null)).toBe('401 missing_api_key');
      expect(await outcome(stream.account.test.publicKey)).toBe('403 secret_key_required');
      const restricted = await stream.first.makeRestrictedKey(stream.key, { scopes: ['events:read'] });
      expect(await outcome(restricted.key)).toBe('403 insufficient_scope');
      expect(await stream.first.outcome('get', STREAM)).toBe('400 acting_headers_required');
    });

    it('in every process with the revocation of its key, and of no other', async () => {
      const { id, key: by } = await stream.first.makeRestrictedKey(stream.key, { scopes: ['logs:read'] });
      const streams = await Promise.all([stream.open({ by }), stream.open({ by, on: stream.second })]);
      const own = await stream.open({ query: NOTES });
      await stream.first.call('delete', `/v1/api-keys/${id}`, { key: stream.key }).expect(200);
      for (const reader of streams) {
        await reader.untilClosed();
        expect(reader.ending?.code).toBe('api_key_revoked');
      }
      await write(['still here']);
      await own.until(() => texts(own).includes('still here'));
      expect(own.isClosed).toBe(false);
    });

    it('with the end of its key, without anybody telling it', async () => {
      const { key: by } = await stream.first.makeRestrictedKey(stream.key, {
        expires_at: new Date(Date.now() + 3_000).toISOString(),
      });
      const reader = await stream.open({ by });
      await reader.untilClosed();
      expect(reader.ending?.code).toBe('api_key_expired');
    });

    it('with the suspension of its account, in another process too', async () => {
      const streams = await Promise.all([stream.open(), stream.open({ on: stream.second })]);
      await stream.first
        .call('patch', `/v1/admin/accounts/${stream.account.id}`, { body: { status: 'suspended' } })
        .expect(200);
      for (const reader of streams) {
        await reader.untilClosed();
        expect(reader.ending?.code).toBe('account_suspended');
      }
    });
  });

  describe('at its bounds', () => {
    it('for a reader that does not read, tells it so, and loses nothing for it; one that reads the past has time', async () => {
      const reader = await stream.open({ query: NOTES });
      await reader.until(() => reader.retry !== null);
      reader.pause();
      const big = { text: Array.from({ length: 14 }, () => 'x'.repeat(16_000)) };
      for (const batch of range(0, 5))
        await write(
          range(1, 20).map((n) => String(batch * 20 + n)),
          big,
        );
      await until(async () => (await stream.metric('signalpost_stream_readers_cut_total')) === 1);
      reader.resume();
      await reader.untilClosed();
      expect(reader.ending).toEqual({ code: 'slow_consumer', message: 'Reconnect with Last-Event-ID.' });
      const got = numbers(reader);
      expect(got.length).toBeLessThan(120);
      expect(got).toEqual(range(1, got.length));
      // A stream of logs may repeat what it gave in the minute before.
      const again = await stream.open({ after: reader.lastId, query: NOTES });
      await again.until(() => numbers(again).includes(120));
      expect(new Set([...got, ...numbers(again)])).toEqual(new Set(range(1, 120)));

      again.leave();
      await until(async () => (await stream.metric('signalpost_streams_open')) === 0);
      const slow = await stream.open({ after: 0, query: NOTES });
      slow.pause();
      const quick = await stream.open({ after: 0, query: NOTES });
      await quick.until(() => numbers(quick).length === 120);
      slow.resume();
      await slow.until(() => numbers(slow).length === 120);
      expect(numbers(slow)).toEqual(range(1, 120));
      expect(await stream.metric('signalpost_stream_readers_cut_total')).toBe(1);
    }, 60_000);

    it('not before it began: a key has STREAMS_PER_KEY of them and of events together, another one when one has gone', async () => {
      const small = await Service.start({ environment: { STREAMS_PER_KEY: '2' } });
      try {
        const { test, live } = await small.makeAccount();
        const ofLogs = await stream.open({ on: small, by: test.secretKey });
        expect((await stream.open({ on: small, by: test.secretKey, path: EVENTS })).status).toBe(200);
        for (const path of [STREAM, EVENTS]) {
          const refused = await small.call('get', path, { key: test.secretKey }).expect(429);
          expect(refused.body.code).toBe('rate_limited');
          expect(Number(refused.headers['retry-after'])).toBeGreaterThan(0);
        }
        expect((await stream.open({ on: small, by: live.secretKey })).status).toBe(200);
        ofLogs.leave();
        await until(async () => (await stream.open({ on: small, by: test.secretKey })).status === 200);
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
          await small.call('get', `${STREAM}?colour=red`, { key: test.secretKey }).expect(422);
          const head = await fetch(`http://127.0.0.1:${port}${STREAM}`, {
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
