import { Socket } from 'node:net';
import { jest } from '@jest/globals';
import { decodeId, encodeId } from '../src/common/ids.js';
import { Metrics } from '../src/common/metrics/metrics.js';
import { DispatchFixture } from './support/dispatch-fixture.js';
import { operationEvent, publishBatch, type PublishedEvent } from './support/publishing.js';
import { until } from './support/service.js';

/** Of a webhook, and of a publish's answer. */
const HEADS = /webhook-id: evt_|^HTTP\/1\.1 201/;

describe('a publish in the process that owns the lane', () => {
  const sending = DispatchFixture.install();
  const { call, ended: settled, publish, rows } = sending;
  let endpointId: string;
  beforeEach(async () => {
    endpointId = (await sending.endpoint()).id;
  });
  afterEach(() => jest.restoreAllMocks());

  const handedOver = async () => {
    const { values } = await sending.service.app
      .get(Metrics)
      .registry.getSingleMetric('dispatcher_handed_deliveries_total')!
      .get();
    return values[0]!.value;
  };
  const records = async () =>
    (await rows<{ ids: string[] }>('SELECT delivery_ids AS ids FROM signalpost.claimed_batches')).flatMap(
      ({ ids }) => ids,
    );
  let operations = 0;
  const publishOne = () => publish(`col_${(operations += 1)}`);
  /** Publishes until one is handed over: from then on the lane is this process's and has nothing else to do. */
  const publishUntilHandedOver = async (hooks?: {
    before: () => void;
    otherwise: () => void;
  }): Promise<PublishedEvent> => {
    for (;;) {
      const before = await handedOver();
      hooks?.before();
      const event = await publishOne();
      if ((await handedOver()) > before) return event;
      hooks?.otherwise();
      await settled(event);
    }
  };

  it('hands its deliveries over, with the bytes that are stored', async () => {
    const { id } = await publishUntilHandedOver();
    await sending.receiver.until((arrivals) => arrivals.some(({ eventId }) => eventId === id));
    const stored = await call('get', `/v1/events/${id}`).expect(200);
    const arrival = sending.receiver.arrivals.find(({ eventId }) => eventId === id)!;
    expect(arrival.body).toBe(stored.text);
    expect(await settled({ id })).toMatchObject({ status: 'succeeded', attempt_count: 1, endpoint_id: endpointId });
    expect(sending.receiver.arrivals.filter(({ eventId }) => eventId === id)).toHaveLength(1);
  });

  it('sends them before it answers the publish', async () => {
    const written = jest.spyOn(Socket.prototype, 'write');
    const orders: string[][] = [];
    for (let n = 0; n < 12; n++) {
      const hooks = { before: () => void written.mockClear(), otherwise: () => undefined };
      await settled(await publishUntilHandedOver(hooks));
      orders.push(written.mock.calls.flatMap(([chunk]) => HEADS.exec(String(chunk).slice(0, 1_000)) ?? []));
    }
    expect(orders).toEqual(orders.map(() => ['webhook-id: evt_', 'HTTP/1.1 201']));
  });

  it('has them recorded as in the air, as a claim does, until they are settled', async () => {
    let open: () => void = () => undefined;
    const event = await publishUntilHandedOver({
      before: () => {
        const gate = new Promise<void>((resolve) => (open = resolve));
        sending.receiver.answer = () => ({ after: gate });
      },
      otherwise: () => open(),
    });
    await sending.receiver.until((arrivals) => arrivals.some(({ eventId }) => eventId === event.id));
    const [delivery] = await rows<{ id: string }>('SELECT id FROM signalpost.pending_deliveries WHERE event_id = $1', [
      decodeId('evt', event.id),
    ]);
    expect(await records()).toContain(delivery!.id);
    const { body } = await call('get', `/v1/deliveries/${encodeId('del', delivery!.id)}`).expect(200);
    expect(body).toMatchObject({ status: 'pending', in_flight: true });
    open();
    await settled(event);
    await until(async () => !(await records()).includes(delivery!.id));
  });

  const ALWAYS = 'SELECT true AS holds WHERE $1::uuid IS NOT NULL';
  it.each([
    ['is ordered since', `UPDATE signalpost.webhook_endpoints SET ordering = 'operation' WHERE id = $1`, ALWAYS],
    ['has a rate since', `UPDATE signalpost.webhook_endpoints SET rate_limit = 500 WHERE id = $1`, ALWAYS],
    [
      'is another process’s since',
      'UPDATE signalpost.lanes SET owner = endpoint_id WHERE endpoint_id = $1',
      'SELECT owner IS NOT DISTINCT FROM endpoint_id AS holds FROM signalpost.lanes WHERE endpoint_id = $1',
    ],
    [
      'has an owner whose lease ran out',
      `UPDATE signalpost.dispatchers AS d SET lease_until = now() - interval '1 minute'
       FROM signalpost.lanes l WHERE l.endpoint_id = $1 AND d.token = l.owner`,
      `SELECT true AS holds FROM signalpost.lanes l JOIN signalpost.dispatchers d ON d.token = l.owner
       WHERE l.endpoint_id = $1 AND d.lease_until < now()`,
    ],
  ])('hands over nothing of a lane that %s, though it has not heard of it', async (_, change, still) => {
    for (let isProven = false; !isProven;) {
      await settled(await publishUntilHandedOver());
      await rows(change, [decodeId('we', endpointId)]);
      const before = await handedOver();
      const event = await publishOne();
      const handed = (await handedOver()) - before;
      // A process frees what is nobody's; where it was quicker, once more.
      isProven = (await rows<{ holds: boolean }>(still, [decodeId('we', endpointId)]))[0]?.holds ?? false;
      if (isProven) expect(handed).toBe(0);
      await settled(event);
      expect(sending.receiver.arrivals.filter(({ eventId }) => eventId === event.id)).toHaveLength(1);
    }
  });

  it('hands over nothing for an account that is suspended since, though it has not heard of it', async () => {
    await settled(await publishUntilHandedOver());
    await rows(`UPDATE signalpost.accounts SET status = 'suspended' WHERE id = $1`, [
      decodeId('acct', sending.account.id),
    ]);
    const before = await handedOver();
    await publish('col_late');
    expect(await handedOver()).toBe(before);
  });

  it('hands over as much as the endpoint may be sent at once, and the rest is claimed', async () => {
    const events = () =>
      Array.from({ length: 100 }, () => operationEvent('collect.pending', `col_${(operations += 1)}`));
    for (let handed = 0; handed === 0;) {
      await settled(await publishUntilHandedOver());
      const before = await handedOver();
      const { results } = await publishBatch(sending.service, sending.key, events());
      handed = (await handedOver()) - before;
      expect(handed).toBeLessThan(100);
      for (const { event } of results) await settled(event!);
    }
    expect(new Set(sending.receiver.arrivals.map(({ eventId }) => eventId)).size).toBe(
      sending.receiver.arrivals.length,
    );
  });
});
