import type { AddressInfo } from 'node:net';
import { publishBatch, publishNew } from './support/publishing.js';
import { Service, until } from './support/service.js';
import { administer, has, pending, range, STREAM, StreamFixture } from './support/stream-fixture.js';

describe('a stream of events ends', () => {
  const stream = StreamFixture.install();

  describe('who may follow', () => {
    it('is for keys that may read events', async () => {
      expect(await stream.first.outcome('get', STREAM, { key: null })).toBe('401 missing_api_key');
      expect(await stream.first.outcome('get', STREAM, { key: stream.account.test.publicKey })).toBe(
        '403 secret_key_required',
      );
      const restricted = await stream.first.makeRestrictedKey(stream.key, { scopes: ['logs:read'] });
      expect(await stream.first.outcome('get', STREAM, { key: restricted.key })).toBe('403 insufficient_scope');
      expect(await stream.first.outcome('get', STREAM)).toBe('400 acting_headers_required');
    });

    it('ends in every process within a second of the revocation of its key, and of no other', async () => {
      const { id, key: by } = await stream.first.makeRestrictedKey(stream.key);
      const streams = await Promise.all([stream.open({ by }), stream.open({ by, on: stream.second })]);
      const own = await stream.open();
      await stream.first.call('delete', `/v1/api-keys/${id}`, { key: stream.key }).expect(200);
      const revokedAt = Date.now();
      for (const reader of streams) {
        await reader.untilClosed();
        expect(reader.ending?.code).toBe('api_key_revoked');
      }
      expect(Date.now() - revokedAt).toBeLessThan(1_000);
      await publishNew(stream.first, stream.key, pending('col_1'));
      await own.until(() => own.events.some(({ type }) => type === 'collect.pending'));
      expect(own.isClosed).toBe(false);
    });

    it('ends within a second of the end of its key, without anybody telling it', async () => {
      const expiresAt = Date.now() + 1_500;
      const { key: by } = await stream.first.makeRestrictedKey(stream.key, {
        expires_at: new Date(expiresAt).toISOString(),
      });
      const reader = await stream.open({ by });
      await reader.untilClosed();
      expect(reader.ending?.code).toBe('api_key_expired');
      expect(Date.now() - expiresAt).toBeLessThan(1_000);
    });

    it('ends within a second of the suspension of its account, in another process too', async () => {
      const streams = await Promise.all([stream.open(), stream.open({ on: stream.second })]);
      await stream.first
        .call('patch', `/v1/admin/accounts/${stream.account.id}`, { body: { status: 'suspended' } })
        .expect(200);
      const suspendedAt = Date.now();
      for (const reader of streams) {
        await reader.untilClosed();
        expect(reader.ending?.code).toBe('account_suspended');
      }
      expect(Date.now() - suspendedAt).toBeLessThan(1_000);
    });

    it('gives events, and ends within 5 s of the revocation, while notices cannot be heard', async () => {
      const { id, key: by } = await stream.first.makeRestrictedKey(stream.key);
      const reader = await stream.open({ by, on: stream.second });
      // Connections that exist go on; none can be made, so the one for notices stays lost. Both processes get some that
      // their scheduled work does not need.
      const spare = [stream.first, stream.second].flatMap(({ dataSource }) =>
        range(1, 6).map(() => dataSource.query('SELECT 1')),
      );
      await Promise.all(spare);
      const allow = (isAllowed: boolean) =>
        administer((client, database) => client.query(`ALTER DATABASE ${database} ALLOW_CONNECTIONS ${isAllowed}`));
      await allow(false);
      try {
        await stream.cutListeners();
        await publishNew(stream.first, stream.key, pending('col_deaf'));
        await reader.until(() => reader.events.some(({ type }) => type === 'collect.pending'));
        await stream.first.call('delete', `/v1/api-keys/${id}`, { key: stream.key }).expect(200);
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
      const reader = await stream.open({ query: '?type=collect.*' });
      await reader.until(() => reader.retry !== null);
      reader.pause();
      const big = { data: { text: Array.from({ length: 14 }, () => 'x'.repeat(16_000)) } };
      for (const batch of range(1, 6)) {
        await publishBatch(
          stream.first,
          stream.key,
          range(1, 20).map((n) => pending(`big_${batch}_${n}`, big)),
        );
      }
      await until(async () => (await stream.metric('signalpost_stream_readers_cut_total')) === 1);
      reader.resume();
      await reader.untilClosed();
      expect(reader.ending).toEqual({ code: 'slow_consumer', message: 'Reconnect with Last-Event-ID.' });
      const got = reader.sequences;
      expect(got.length).toBeLessThan(120);
      expect(got).toEqual(range(1, got.length));
      const again = await stream.open({ after: reader.lastId });
      await has(again, 120 - got.length);
      expect(again.sequences).toEqual(range(got.length + 1, 120));

      again.leave();
      await until(async () => (await stream.metric('signalpost_streams_open')) === 0);
      // The past waits for a reader; another one goes through all of it meanwhile.
      const slow = await stream.open({ after: 0 });
      slow.pause();
      const quick = await stream.open({ after: 0 });
      await has(quick, 120);
      slow.resume();
      await has(slow, 120);
      expect(slow.sequences).toEqual(range(1, 120));
      expect(await stream.metric('signalpost_stream_readers_cut_total')).toBe(1);
    }, 30_000);

    it('allows a key STREAMS_PER_KEY streams in a process, and another one when one has gone', async () => {
      const small = await Service.start({ environment: { STREAMS_PER_KEY: '2' } });
      try {
        const { test, live } = await small.makeAccount();
        const streams = await Promise.all([
          stream.open({ on: small, by: test.secretKey }),
          stream.open({ on: small, by: test.secretKey }),
        ]);
        const refused = await small.call('get', STREAM, { key: test.secretKey }).expect(429);
        expect(refused.body.code).toBe('rate_limited');
        expect(Number(refused.headers['retry-after'])).toBeGreaterThan(0);
        expect((await stream.open({ on: small, by: live.secretKey })).status).toBe(200);
        expect(await stream.metric('signalpost_streams_open', small)).toBe(3);
        streams[0].leave();
        await until(async () => (await stream.open({ on: small, by: test.secretKey })).status === 200);
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
        expect((await stream.open({ on: small, by: test.secretKey })).status).toBe(200);
      } finally {
        await small.stop();
      }
    });

    it('ends with the process, and says so', async () => {
      const ending = await Service.start({ config: stream.first.config });
      const reader = await stream.open({ on: ending });
      await ending.stop();
      await reader.untilClosed();
      expect(reader.ending?.code).toBe('shutting_down');
    });
  });
});
