import { createServer, type Server } from 'node:net';
import { once } from 'node:events';
import { Webhook } from 'standardwebhooks';
import { BUILT_IN_EVENT_TYPES } from '../src/common/event-type-names.js';
import { makeEndpoint } from './support/deliveries.js';
import { FakeDns } from './support/fake-dns.js';
import { expectProblem } from './support/problems.js';
import { type Answer, Receiver } from './support/receiver.js';
import { type MadeAccount, Service, until } from './support/service.js';

interface TestAnswer {
  delivered: boolean;
  status_code: number | null;
  duration_ms: number;
  response_body: string | null;
  error: { code: string; message: string; advice: string } | null;
}

/** No test here dispatches: a sample is sent by the process that is asked. */
describe('POST /v1/webhook-endpoints/:id/test', () => {
  let service: Service;
  let receiver: Receiver;
  let merchant: MadeAccount;
  const dns = new FakeDns();
  const servers: Server[] = [];

  beforeAll(async () => {
    receiver = await Receiver.start();
    service = await Service.start({ environment: { WEBHOOK_ALLOWED_PRIVATE_CIDRS: '127.0.0.0/8' } });
    dns.answerFor(service);
  });
  beforeEach(async () => {
    receiver.arrivals.length = 0;
    receiver.answer = () => ({ body: 'thanks' });
    // Each has its own limit.
    merchant = await service.makeAccount();
  });
  afterAll(async () => {
    await service.stop();
    await receiver.stop();
    await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
  });

  const key = () => merchant.test.secretKey;
  const endpoint = (more: object = {}) => makeEndpoint(service, key(), { url: receiver.url(), ...more });
  const post = (id: string, body?: object, headers: Record<string, string> = {}) =>
    service.call('post', `/v1/webhook-endpoints/${id}/test`, { key: key(), body, headers });
  const send = async (id: string, body?: object) => (await post(id, body).expect(200)).body as TestAnswer;
  const rows = (table: string) => service.dataSource.query<object[]>(`SELECT * FROM signalpost.${table}`);

  it('sends a signed sample that verifies, and tells what the receiver answered', async () => {
    const { id, secret } = await endpoint({ headers: { 'X-Shop': 'a' } });
    const answer = await send(id);
    expect(answer).toEqual({
      delivered: true,
      status_code: 200,
      duration_ms: expect.any(Number) as number,
      response_body: 'thanks',
      error: null,
    });
    const [arrival] = receiver.arrivals;
    expect(arrival!.headers).toMatchObject({
      'webhook-test': 'true',
      'x-shop': 'a',
      'content-type': 'application/json',
    });
    const event = new Webhook(secret).verify(arrival!.body, arrival!.headers as Record<string, string>);
    expect(event).toMatchObject({
      id: arrival!.eventId,
      type: 'collect.succeeded',
      account: merchant.id,
      mode: 'test',
    });
    const verdict = await service.call('post', `/v1/webhook-endpoints/${id}/verify-signature`, {
      key: key(),
      body: { headers: arrival!.headers, body: arrival!.body },
    });
    expect(verdict.body).toMatchObject({ valid: true });
  });

  it('sends any type of the catalogue, those that the endpoint does not name and registered ones too', async () => {
    const path = '/v1/admin/event-types';
    const sample = { type: 'payout.sent', data: { payout: 'po_1' } };
    await service.call('post', path, { body: { type: 'payout.sent', description: 'Sent.', sample } }).expect(201);
    const { id } = await endpoint();
    for (const type of [...BUILT_IN_EVENT_TYPES, 'payout.sent']) {
      expect(await send(id, { type })).toMatchObject({ delivered: true });
      expect(JSON.parse(receiver.arrivals.at(-1)!.body)).toMatchObject({ type });
    }
    expect(JSON.parse(receiver.arrivals.at(-1)!.body)).toMatchObject({ data: { payout: 'po_1' } });
    expectProblem(await post(id, { type: 'payout.sents' }), 422, 'invalid_input', ['type: unknown_event_type']);
    await service.call('delete', `${path}/payout.sent`).expect(204);
  });

  it('by default sends a type that the endpoint names', async () => {
    for (const [types, sent] of [
      [['*'], 'payment.succeeded'],
      [['collect.expired'], 'collect.expired'],
      [['api_key.*', 'payment.failed'], 'payment.failed'],
      [['delivery.exhausted'], 'delivery.exhausted'],
    ] as const) {
      await send((await endpoint({ event_types: types })).id);
      expect(JSON.parse(receiver.arrivals.at(-1)!.body)).toMatchObject({ type: sent });
    }
  });

  it('leaves nothing behind but a log', async () => {
    const { id } = await endpoint();
    const kept = ['events', 'deliveries', 'pending_deliveries', 'attempts', 'attempt_counts', 'event_inbox'];
    const before = await Promise.all(kept.map(rows));
    await service.dataSource.query('TRUNCATE signalpost.logs');
    receiver.answer = () => ({ status: 503 });
    await send(id, { type: 'payment.failed' });
    expect(await Promise.all(kept.map(rows))).toEqual(before);
    const logs = await service.dataSource.query<Record<string, unknown>[]>(
      `SELECT status, description, actor_type, metadata FROM signalpost.logs WHERE category = 'webhook'`,
    );
    const metadata = { type: 'payment.failed', webhook_id: receiver.arrivals.at(-1)!.eventId };
    expect(logs).toEqual([
      {
        status: 'failed',
        description: expect.stringMatching(/^Test webhook to 127\.0\.0\.1.*503/) as string,
        actor_type: 'key',
        metadata,
      },
    ]);
  });

  it('works for a disabled endpoint, which stays disabled', async () => {
    const { id } = await endpoint();
    await service
      .call('patch', `/v1/webhook-endpoints/${id}`, { key: key(), body: { status: 'disabled' } })
      .expect(200);
    expect(await send(id)).toMatchObject({ delivered: true });
    const { body } = await service.call('get', `/v1/webhook-endpoints/${id}`, { key: key() }).expect(200);
    expect(body).toMatchObject({ status: 'disabled', disabled_reason: 'manual' });
  });

  it('does not disable an endpoint that answers 410, as a delivery would', async () => {
    receiver.answer = () => ({ status: 410 });
    const { id } = await endpoint();
    expect(await send(id)).toMatchObject({ error: { code: 'status_4xx', advice: expect.stringMatching(/gone/) } });
    const { body } = await service.call('get', `/v1/webhook-endpoints/${id}`, { key: key() }).expect(200);
    expect(body).toMatchObject({ status: 'enabled' });
  });

  describe('when it fails', () => {
    /** A server that does with each connection as the test says. */
    const raw = async (onData: (socket: import('node:net').Socket) => void): Promise<number> => {
      const server = createServer((socket) => {
        socket.on('error', () => undefined);
        socket.once('data', () => onData(socket));
      });
      servers.push(server.listen(0, '127.0.0.1'));
      await once(server, 'listening');
      return (server.address() as { port: number }).port;
    };
    const failure = async (url: string) => {
      const { id } = await endpoint({ url, timeout_ms: 1_000 });
      const { delivered, status_code, error } = await send(id);
      expect(delivered).toBe(false);
      expect(error!.advice).toMatch(/^[A-Z].{30,}\.$/);
      expect(JSON.stringify(error)).not.toMatch(/\d+\.\d+\.\d+\.\d+|::1|stack|Error:/);
      return [error!.code, status_code];
    };

    it.each([
      [{ status: 302, headers: { location: 'http://127.0.0.1:1/' } }, ['status_3xx', 302]],
      [{ status: 404 }, ['status_4xx', 404]],
      [{ status: 500 }, ['status_5xx', 500]],
    ] as [Answer, unknown[]][])('tells the answer %j', async (answer, expected) => {
      receiver.answer = () => answer;
      expect(await failure(receiver.url())).toEqual(expected);
    });

    it('tells a name that does not resolve, and one whose address is not allowed, without the address', async () => {
      dns.addresses.set('inside.example', ['8.8.8.8']);
      const { id } = await endpoint({ url: 'https://inside.example/hook' });
      dns.addresses.set('inside.example', ['10.1.2.3']);
      const { error } = await send(id);
      expect(error).toMatchObject({ code: 'policy' });
      expect(JSON.stringify(error)).not.toContain('10.1.2.3');
      expect(await failure('https://nowhere.example/hook')).toEqual(['dns', null]);
    });

    it('tells a closed port, a server without TLS, one that hangs, one that hangs up and one that is not HTTP', async () => {
      const port = (await raw(() => undefined)).toString();
      expect(await failure('http://127.0.0.1:1/')).toEqual(['connect', null]);
      expect(await failure(`https://127.0.0.1:${new URL(receiver.url()).port}/`)).toEqual(['tls', null]);
      expect(await failure(`http://127.0.0.1:${port}/`)).toEqual(['timeout', null]);
      expect(await failure(`http://127.0.0.1:${await raw((socket) => socket.destroy())}/`)).toEqual(['reset', null]);
      expect(await failure(`http://127.0.0.1:${await raw((socket) => socket.end('SMTP ready\r\n'))}/`)).toEqual([
        'protocol',
        null,
      ]);
    });
  });

  it('holds no transaction open while it waits for the receiver', async () => {
    let answer = () => undefined as void;
    receiver.answer = () => ({ after: new Promise<void>((resolve) => (answer = resolve)) });
    const { id } = await endpoint();
    for (const headers of [{}, { 'idempotency-key': 'slow' }] as Record<string, string>[]) {
      const pending = post(id, {}, headers).then(({ status }) => status);
      const arrivals = receiver.arrivals.length;
      await receiver.until(({ length }) => length > arrivals);
      // One that were held would be there until the receiver has answered; those of scheduled work pass.
      await until(async () => {
        const open = await service.dataSource.query<object[]>(
          `SELECT state, query FROM pg_stat_activity
           WHERE datname = current_database() AND pid <> pg_backend_pid() AND xact_start IS NOT NULL
             AND backend_type = 'client backend'`,
        );
        return open.length === 0;
      });
      answer();
      expect(await pending).toBe(200);
    }
  });

  it('with an Idempotency-Key sends once, and says so while the first is under way', async () => {
    let answer = () => undefined as void;
    receiver.answer = () => ({ after: new Promise<void>((resolve) => (answer = resolve)) });
    const { id } = await endpoint();
    const once = () => post(id, { type: 'payment.failed' }, { 'idempotency-key': 'one' });
    const first = once().then((response) => response);
    await receiver.arrived(1);
    expectProblem(await once(), 409, 'idempotency_in_progress');
    expectProblem(await post(id, {}, { 'idempotency-key': 'one' }), 422, 'idempotency_key_reused');
    answer();
    const { body } = await first;
    const again = await once().expect(200);
    expect(again.body).toEqual(body);
    expect(again.headers['idempotency-replayed']).toBe('true');
    expect(receiver.arrivals).toHaveLength(1);
  });

  it('gives a key free again that was refused, or whose process died more than a minute ago', async () => {
    const { id } = await endpoint();
    const headers = { 'idempotency-key': 'two' };
    expectProblem(await post(id, { type: 'no.such' }, headers), 422, 'invalid_input');
    await post(id, { type: 'payment.failed' }, headers).expect(200);
    await service.dataSource.query(`UPDATE signalpost.idempotency_keys SET status = 0 WHERE key = 'two'`);
    expectProblem(await post(id, { type: 'payment.failed' }, headers), 409, 'idempotency_in_progress');
    await service.dataSource.query(
      `UPDATE signalpost.idempotency_keys SET created_at = now() - interval '61 seconds' WHERE key = 'two'`,
    );
    await post(id, { type: 'payment.failed' }, headers).expect(200);
    expect(receiver.arrivals).toHaveLength(2);
  });

  it('has a limit of its own, far below that of other requests', async () => {
    const { id } = await endpoint();
    // One comes back every two seconds, so that a slow machine may send a few more.
    let refused = await post(id);
    let sent = 0;
    for (; sent < 60 && refused.status === 200; sent += 1) refused = await post(id);
    expectProblem(refused, 429, 'rate_limited');
    expect(refused.headers['retry-after']).toMatch(/^[12]$/);
    expect(sent).toBeGreaterThanOrEqual(30);
    expect(receiver.arrivals).toHaveLength(sent);
    // Others are not held up.
    await service.call('get', `/v1/webhook-endpoints/${id}`, { key: key() }).expect(200);
  });
});
