import { setTimeout as pause } from 'node:timers/promises';
import { EVERY_ROUTE, pathTo } from './support/every-route.js';
import { operationEvent, publishNew } from './support/publishing.js';
import { Receiver } from './support/receiver.js';
import { RequestTrail } from './support/request-trail.js';
import { type CallOptions, type MadeAccount, type Method, Service } from './support/service.js';

/** Nobody listens on the discard port. */
const NOBODY = 'http://127.0.0.1:9/hook';
const ADDRESS = '203.0.113.9';
const ACTOR = 'Awa at the desk';
const TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/;

/** What makes a write of a route succeed, beside the body of its description. */
interface GoodCall {
  readonly status: number;
  /** What the path names. */
  readonly id?: string;
  readonly body?: object;
}

/** Their effect is a log by itself, which tells of the request. */
const LOGGED_BY_THEIR_EFFECT = ['POST /v1/events', 'POST /v1/events/batch', 'POST /v1/logs'];
const writes = EVERY_ROUTE.filter(([name, { method }]) => method !== 'GET' && !LOGGED_BY_THEIR_EFFECT.includes(name));

describe('a write that succeeds', () => {
  let service: Service;
  let account: MadeAccount;
  let key: string;
  let endpointId: string;
  let trail: RequestTrail;
  beforeAll(async () => {
    service = await Service.start({
      environment: { TRUST_PROXY: '127.0.0.1', WEBHOOK_ALLOWED_PRIVATE_CIDRS: '127.0.0.0/8' },
    });
    account = await service.makeAccount();
    key = account.test.secretKey;
    trail = new RequestTrail(service, account);
    endpointId = await made('/v1/webhook-endpoints', { url: NOBODY, event_types: ['*'] });
    await publishNew(service, key, operationEvent('payment.pending', 'pay_1'));
    await service
      .call('post', '/v1/admin/event-types', { body: { type: 'payout.made', description: 'A payout.' } })
      .expect(201);
  });
  afterAll(() => service.stop());

  async function made(path: string, body: object = {}): Promise<string> {
    const answer = await service.call('post', path, { key, body });
    expect([path, answer.status < 300]).toEqual([path, true]);
    return answer.body.id as string;
  }
  const event = async (): Promise<string> =>
    (await publishNew(service, key, operationEvent('payment.pending', 'pay_2'))).id;
  const delivery = async (): Promise<string> => {
    const { body } = await service.call('get', `/v1/events/${await event()}/deliveries`, { key }).expect(200);
    return body.data[0].id as string;
  };
  const restrictedKey = (): Promise<string> => made('/v1/api-keys', { name: 'Export', scopes: ['read'] });

  const GOOD_CALLS: Readonly<Record<string, () => Promise<GoodCall> | GoodCall>> = {
    'POST /v1/admin/accounts': () => ({ status: 201 }),
    'PATCH /v1/admin/accounts/:id': () => ({ status: 200, id: account.id }),
    'POST /v1/admin/event-types': () => ({ status: 201 }),
    'PATCH /v1/admin/event-types/:type': () => ({ status: 200, id: 'payout.made' }),
    'DELETE /v1/admin/event-types/:type': () => ({ status: 204, id: 'payout.made' }),
    'POST /v1/api-keys': () => ({ status: 201 }),
    // The key that asks goes on for a while.
    'POST /v1/api-keys/regenerate': () => ({ status: 201, body: { expire_previous_in: 3_600 } }),
    'PATCH /v1/api-keys/:id': async () => ({ status: 200, id: await restrictedKey() }),
    'DELETE /v1/api-keys/:id': async () => ({ status: 200, id: await restrictedKey() }),
    'POST /v1/events/:id/redeliver': async () => ({ status: 202, id: await event() }),
    'POST /v1/operations/:id/client-token': () => ({ status: 201, id: 'pay_1' }),
    'POST /v1/operations/:id/erase': () => ({ status: 200, id: 'pay_1' }),
    'POST /v1/webhook-endpoints': () => ({ status: 201, body: { url: NOBODY, event_types: ['collect.*'] } }),
    'PATCH /v1/webhook-endpoints/:id': () => ({ status: 200, id: endpointId }),
    'DELETE /v1/webhook-endpoints/:id': async () => ({
      status: 204,
      id: await made('/v1/webhook-endpoints', { url: NOBODY, event_types: ['collect.*'] }),
    }),
    'POST /v1/webhook-endpoints/:id/rotate-secret': () => ({ status: 201, id: endpointId }),
    'POST /v1/webhook-endpoints/:id/verify-signature': () => ({ status: 200, id: endpointId }),
    'POST /v1/webhook-endpoints/:id/test': () => ({ status: 200, id: endpointId }),
    'POST /v1/webhook-endpoints/:id/recover': () => ({ status: 202, id: endpointId }),
    'POST /v1/recoveries/:id/cancel': async () => ({
      status: 200,
      id: await made(`/v1/webhook-endpoints/${endpointId}/recover`, { since: new Date().toISOString() }),
    }),
    'POST /v1/deliveries/:id/retry': async () => ({ status: 202, id: await delivery() }),
    'POST /v1/deliveries/:id/cancel': async () => ({ status: 200, id: await delivery() }),
  };

  it('is tried here for every route that changes anything', () => {
    expect(Object.keys(GOOD_CALLS).sort()).toEqual(writes.map(([name]) => name).sort());
  });

  it.each(writes)(
    '%s leaves one request log: method, route, status, duration, request id, key and address',
    async (name, { method, pattern, who, body: usual }) => {
      const { status, id = '', body = usual } = await GOOD_CALLS[name]!();
      const isOfKey = who !== 'platform' && who !== 'acting';
      const headers: Record<string, string> = { 'x-forwarded-for': ADDRESS };
      if (!isOfKey) headers['signalpost-actor'] = ACTOR;
      if (who === 'acting') Object.assign(headers, { 'signalpost-account': account.id, 'signalpost-mode': 'test' });
      const options: CallOptions = { body, headers, ...(isOfKey && { key }) };
      const startedMs = performance.now();
      const left = await trail.of(method.toLowerCase() as Method, pathTo(pattern, id), options, 1, 'api');
      const elapsedMs = performance.now() - startedMs;
      expect(left.answer.status).toBe(status);

      const owner = who === 'platform' ? null : account.id;
      expect(left.logs.filter(({ category }) => category === 'api')).toEqual([
        { account: owner, category: 'api', action: 'request.succeeded', request_id: left.requestId },
      ]);
      const path = owner === null ? '/v1/admin/logs' : '/v1/logs';
      const query = { request_id: left.requestId, category: 'api' };
      const found = await service
        .call('get', path, { query, key: owner === null ? service.adminKey : key })
        .expect(200);
      const keyId = isOfKey ? account.test.secretKeyId : null;
      expect(found.body.data).toEqual([
        {
          id: expect.stringMatching(/^log_/),
          object: 'log',
          mode: owner === null ? null : 'test',
          category: 'api',
          action: 'request.succeeded',
          status: 'succeeded',
          description: `${method} ${pattern} succeeded: ${status}`,
          operation_id: null,
          event_id: null,
          endpoint_id: null,
          delivery_id: null,
          api_key_id: keyId,
          request_id: left.requestId,
          actor: isOfKey
            ? { type: 'key', id: keyId, name: 'Secret key', ip: ADDRESS }
            : { type: 'admin', id: service.config.adminKeys[0]!.name, name: ACTOR, ip: ADDRESS },
          http: { method, route: pattern, status, code: null, duration_ms: expect.any(Number) },
          metadata: {},
          occurred_at: expect.stringMatching(TIME),
          created_at: expect.stringMatching(TIME),
        },
      ]);
      const { duration_ms: durationMs } = found.body.data[0].http as { duration_ms: number };
      expect(Number.isInteger(durationMs) && durationMs >= 0 && durationMs <= Math.ceil(elapsedMs)).toBe(true);
    },
  );

  it('is logged with the whole time that it took', async () => {
    const receiver = await Receiver.start();
    receiver.answer = () => ({ after: pause(60) });
    const slow = await made('/v1/webhook-endpoints', { url: receiver.url(), event_types: ['collect.*'] });
    const { answer, requestId } = await trail.of(
      'post',
      `/v1/webhook-endpoints/${slow}/test`,
      { key, body: {} },
      1,
      'api',
    );
    const { body } = await service
      .call('get', '/v1/logs', { key, query: { request_id: requestId, category: 'api' } })
      .expect(200);
    expect(answer.body.delivered).toBe(true);
    expect(body.data[0].http.duration_ms).toBeGreaterThanOrEqual(answer.body.duration_ms as number);
    await receiver.stop();
  });

  it('is logged for each time that it was asked for, also where Idempotency-Key gave the same answer again', async () => {
    const options = { key, body: { url: NOBODY, event_types: ['*'] }, headers: { 'idempotency-key': 'endpoint-once' } };
    for (const created of [1, 0]) {
      const { answer, logs } = await trail.of('post', '/v1/webhook-endpoints', options, 1, 'api');
      expect(answer.status).toBe(201);
      expect(logs.map(({ action }) => action).sort()).toEqual(
        ['request.succeeded', ...(created ? ['webhook_endpoint.created'] : [])].sort(),
      );
    }
  });
});
