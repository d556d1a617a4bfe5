import { publish, publishNew, operationEvent } from './support/publishing.js';
import { has, pending, STREAM, StreamFixture } from './support/stream-fixture.js';

describe('the stream of events', () => {
  const stream = StreamFixture.install();

  describe('what it gives', () => {
    it('begins with the time to reconnect, and then gives what is published from now on, byte for byte', async () => {
      await publishNew(stream.first, stream.key, pending('col_before'));
      const reader = await stream.open();
      expect(reader.status).toBe(200);
      expect(reader.response.headers).toMatchObject({
        'content-type': 'text/event-stream',
        'cache-control': 'no-store',
        'x-accel-buffering': 'no',
        'request-id': expect.any(String),
      });
      const data = { b: 1, a: 'é\u2028\r\n', 10: [1.0, { z: null }] };
      const published = await publish(stream.first, stream.key, pending('col_1', { data })).expect(201);
      await has(reader, 1);
      expect(reader.retry).toBe('2000');
      expect(reader.messages).toEqual([{ event: 'message', id: '2', data: published.text }]);
      const one = await stream.first.call('get', `/v1/events/${published.body.id}`, { key: stream.key }).expect(200);
      expect(reader.messages[0]!.data).toBe(one.text);
    });

    it('gives a reader of another process the same events', async () => {
      const reader = await stream.open({ on: stream.second });
      const published = await publish(stream.first, stream.key, pending('col_1')).expect(201);
      await has(reader, 1);
      expect(reader.messages[0]!.data).toBe(published.text);
    });

    it('never gives events of another account or of the other mode', async () => {
      const other = await stream.first.makeAccount({ live_publishing: true });
      const [ours, live, theirs] = await Promise.all([
        stream.open(),
        stream.open({ by: other.live.secretKey, after: 0 }),
        stream.open({ by: other.test.secretKey, after: 0 }),
      ]);
      await publishNew(stream.first, other.live.secretKey, pending('col_live'));
      await publishNew(stream.first, other.test.secretKey, pending('col_theirs'));
      await publishNew(stream.first, stream.key, pending('col_ours'));
      // One more of each, so that anything that came before it would show.
      await publishNew(stream.first, other.live.secretKey, pending('col_live_2'));
      await publishNew(stream.first, other.test.secretKey, pending('col_theirs_2'));
      await publishNew(stream.first, stream.key, pending('col_ours_2'));
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
      await stream.first.call('post', '/v1/webhook-endpoints', {
        key: stream.key,
        body: { url: 'https://shop.example/hook', event_types: ['payment.*'] },
      });
      const live = await Promise.all(QUERIES.map((query) => stream.open({ query: `?${query}` })));
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
      for (const event of events) await publishNew(stream.first, stream.key, event);
      for (const [index, query] of QUERIES.entries()) {
        const list = await stream.first.call('get', `/v1/events?${query}`, { key: stream.key }).expect(200);
        const expected = (list.body.data as { id: string }[]).map(({ id }) => id).reverse();
        const past = await stream.open({ query: `?${query}`, after: 0 });
        for (const reader of [live[index]!, past]) {
          await has(reader, expected.length);
          expect({ query, ids: reader.events.map(({ id }) => id) }).toEqual({ query, ids: expected });
        }
      }
    });

    it.each(['limit=5', 'starting_after=evt_1', 'colour=red', 'type=Payment', 'q=%21', 'operation_status=lost'])(
      'refuse ?%s',
      async (query) => {
        const { body } = await stream.first.call('get', `${STREAM}?${query}`, { key: stream.key }).expect(422);
        expect(body.errors[0].field.split('[')[0]).toBe(query.split('=')[0]);
      },
    );
  });
});
