import { Webhook } from 'standardwebhooks';
import { deliveryWhen, isEnded, isWaitingAfter, listDeliveries, makeDue, makeEndpoint } from './support/deliveries.js';
import { DispatchFixture } from './support/dispatch-fixture.js';
import { operationEvent } from './support/publishing.js';
import type { Answer } from './support/receiver.js';
import { until } from './support/service.js';

interface ShownLog {
  readonly id: string;
  readonly action: string;
  readonly status: string;
  readonly description: string;
  readonly delivery_id: string | null;
}

describe('sending deliveries', () => {
  const sending = DispatchFixture.install();
  const { call, endpoint, ended, publish, readAll, rows, waiting } = sending;

  const logsOf = async (deliveryId: string) =>
    (await readAll<ShownLog>('/v1/logs')).filter((log) => log.delivery_id === deliveryId);
  /** Answers in this order; afterwards 200. */
  const answerInTurn = (...answers: Answer[]) => (sending.receiver.answer = () => answers.shift() ?? {});

  it('delivers at once, as the bytes that reads give, and ends as succeeded without a log', async () => {
    await endpoint();
    const event = await publish('col_1');
    const [arrival] = await sending.receiver.arrived(1);
    expect(JSON.parse(arrival!.body)).toEqual(event);
    const { text } = await call('get', `/v1/events/${event.id}`).expect(200);
    expect(arrival!.body).toBe(text);
    const delivery = await ended(event);
    expect(delivery).toMatchObject({
      status: 'succeeded',
      status_reason: null,
      attempt_count: 1,
      next_attempt_at: null,
      attempts: [{ number: 1, outcome: 'succeeded', status_code: 200, error: null, response_body: 'ok' }],
    });
    expect(await logsOf(delivery.id)).toEqual([]);
  });

  it('tries again after a failure, under numbered attempts, and tells of both in sentences', async () => {
    await endpoint({ retry_schedule: [60] });
    answerInTurn({ status: 500, body: 'oops' });
    const event = await publish('col_1');
    const failed = await waiting(event);
    const waitMs = Date.parse(failed.next_attempt_at!) - Date.now();
    expect(waitMs).toBeGreaterThan(40_000);
    expect(waitMs).toBeLessThan(72_000);
    await makeDue(sending.service, failed.id);
    const delivery = await ended(event);
    expect(delivery).toMatchObject({ status: 'succeeded', attempt_count: 2 });
    expect(delivery.attempts).toMatchObject([
      { number: 1, outcome: 'failed', status_code: 500, response_body: 'oops' },
      { number: 2, outcome: 'succeeded', status_code: 200 },
    ]);
    const host = sending.receiver.url().replace('http://', '');
    expect((await logsOf(delivery.id)).map(({ action, status, description }) => [action, status, description])).toEqual(
      [
        [
          'delivery.failed',
          'failed',
          expect.stringMatching(new RegExp(`^Webhook to ${host} failed: 500 after .*; next try in`)),
        ],
        ['delivery.succeeded', 'succeeded', expect.stringContaining(`Webhook to ${host}`)],
      ],
    );
    expect(sending.receiver.arrivals.map(({ eventId }) => eventId)).toEqual([event.id, event.id]);
  });

  it('tries again by itself when the time has come', async () => {
    await endpoint({ retry_schedule: [1] });
    answerInTurn({ status: 503 });
    const event = await publish('col_1');
    expect(await ended(event)).toMatchObject({ status: 'succeeded', attempt_count: 2 });
    const [first, second] = sending.receiver.arrivals;
    expect(second!.atMs - first!.atMs).toBeGreaterThanOrEqual(790);
  });

  it('honours Retry-After beyond the schedule', async () => {
    await endpoint({ retry_schedule: [1] });
    answerInTurn({ status: 429, headers: { 'retry-after': '600' } });
    const failed = await waiting(await publish('col_1'));
    expect(Date.parse(failed.next_attempt_at!) - Date.now()).toBeGreaterThan(595_000);
  });

  it('ends an exhausted one as failed, with a log, and an event about it that has a delivery of its own', async () => {
    const { id } = await endpoint({ retry_schedule: [3_600], event_types: ['collect.*', 'delivery.exhausted'] });
    sending.receiver.answer = ({ body }) => (body.includes('"delivery.exhausted"') ? {} : { status: 500 });
    const event = await publish('col_1');
    await makeDue(sending.service, (await waiting(event)).id);
    const delivery = await ended(event);
    expect(delivery).toMatchObject({ status: 'failed', status_reason: 'exhausted', attempt_count: 2 });
    const [, , told] = await sending.receiver.arrived(3);
    expect(JSON.parse(told!.body)).toMatchObject({
      type: 'delivery.exhausted',
      source: 'system',
      operation: null,
      data: { delivery_id: delivery.id, event_id: event.id, endpoint_id: id, attempt_count: 2 },
    });
    expect((await logsOf(delivery.id)).map(({ action }) => action)).toEqual(['delivery.failed', 'delivery.exhausted']);
    const { body } = await call('get', `/v1/webhook-endpoints/${id}`).expect(200);
    expect(body.status).toBe('enabled'); // Its failures began just now.
  });

  it('makes no event about an exhausted delivery of delivery.exhausted itself', async () => {
    await endpoint({ retry_schedule: [], event_types: ['collect.*', 'delivery.exhausted'] });
    sending.receiver.answer = () => ({ status: 500 });
    await publish('col_1');
    await sending.receiver.arrived(2);
    await until(async () => (await sending.listDeliveries({ status: 'failed' })).length === 2);
    const inbox: object[] = await rows('SELECT FROM signalpost.event_inbox');
    expect([inbox.length, (await sending.listDeliveries()).length]).toEqual([0, 2]);
  });

  it('records each kind of failure by its code', async () => {
    const never = new Promise(() => undefined);
    sending.receiver.answer = ({ path }) => {
      if (path === '/slow') return { after: never };
      return path === '/moved' ? { status: 302, headers: { location: sending.receiver.url('/elsewhere') } } : {};
    };
    await endpoint({ url: sending.receiver.url('/slow'), timeout_ms: 1_000 });
    await endpoint({ url: sending.receiver.url('/moved') });
    await endpoint({ url: 'http://127.0.0.1:1/refused' });
    const event = await publish('col_1');
    await until(async () => (await sending.listDeliveries()).every(isWaitingAfter(1)));
    const deliveries = await readAll<{ id: string }>(`/v1/events/${event.id}/deliveries`);
    const attempts = await Promise.all(
      deliveries.map(async ({ id }) => {
        const { body } = await call('get', `/v1/deliveries/${id}`).expect(200);
        return body.attempts[0] as { error: { code: string } | null; status_code: number | null };
      }),
    );
    expect(attempts.map(({ error, status_code: status }) => error?.code ?? status).sort()).toEqual([
      302,
      'connect',
      'timeout',
    ]);
    expect(sending.receiver.at('/elsewhere')).toEqual([]);
  });

  it('signs with both secrets while they overlap, and sends what the endpoint says', async () => {
    const { id, secret } = await endpoint({ headers: { 'x-tenant': 'shop-7' } });
    await publish('col_1');
    await sending.receiver.arrived(1);
    const rotated = await call('post', `/v1/webhook-endpoints/${id}/rotate-secret`, {
      body: { expire_previous_in: 3_600 },
    }).expect(201);
    const event = await publish('col_2');
    const [first, second] = await sending.receiver.arrived(2);
    const verify = (by: string, { headers, body }: typeof first & object) =>
      new Webhook(by).verify(body, headers as Record<string, string>);
    expect(verify(secret, first!)).toBeTruthy();
    expect(() => verify(rotated.body.secret as string, first!)).toThrow();
    for (const live of [secret, rotated.body.secret as string]) expect(verify(live, second!)).toEqual(event);
    expect(second!.headers).toMatchObject({
      'x-tenant': 'shop-7',
      'webhook-id': event.id,
      'content-type': expect.stringContaining('application/json') as string,
    });
  });

  it('keeps accounts and modes apart', async () => {
    const other = await sending.makeAccount({ live_publishing: true });
    await endpoint();
    await makeEndpoint(sending.service, other.test.secretKey, { url: sending.receiver.url('/other') });
    const live = await publish('col_1', 'pending', other.live.secretKey);
    const mine = await publish('col_1');
    const theirs = await publish('col_1', 'pending', other.test.secretKey);
    await Promise.all([sending.receiver.arrived(1), sending.receiver.arrived(1, '/other')]);
    await Promise.all([ended(mine), deliveryWhen(sending.service, other.test.secretKey, theirs.id, isEnded)]);
    expect(sending.receiver.arrivals.map(({ path, eventId }) => `${path} ${eventId}`).sort()).toEqual(
      [`/hook ${mine.id}`, `/other ${theirs.id}`].sort(),
    );
    expect(await listDeliveries(sending.service, other.live.secretKey, { event_id: live.id })).toEqual([]);
  });

  it('holds back nothing of others for an endpoint that answers nothing', async () => {
    let open: () => void = () => undefined;
    const gate = new Promise<void>((resolve) => (open = resolve));
    sending.receiver.answer = ({ path }) => (path === '/stuck' ? { after: gate } : {});
    await endpoint({ url: sending.receiver.url('/stuck'), event_types: ['collect.failed'] });
    await endpoint({ event_types: ['collect.succeeded'] });
    const input = Array.from({ length: 300 }, (_, index) => operationEvent('collect.failed', `col_${index}`));
    await call('post', '/v1/events/batch', { body: { events: input } }).expect(200);
    await sending.receiver.arrived(1, '/stuck');
    expect(await ended(await publish('col_x', 'succeeded'))).toMatchObject({ status: 'succeeded' });
    const inTheAir = sending.receiver.at('/stuck').length;
    expect(inTheAir).toBeLessThanOrEqual(sending.service.config.endpointConcurrency);
    open();
    await sending.receiver.arrived(300, '/stuck');
    expect(new Set(sending.receiver.at('/stuck').map(({ eventId }) => eventId)).size).toBe(300);
  });
});
