import type { IncomingMessage } from 'node:http';
import { connect, type Socket } from 'node:net';
import { createLogger } from '../src/common/logging.js';
import { Metrics } from '../src/common/metrics/metrics.js';
import { RequestLogger } from '../src/logs/request-logger.js';
import { type MadeAccount, Service, until } from './support/service.js';

const UNKNOWN = '/v1/webhook-endpoints/we_01k96sd3k8e2r9wq6m4h0v5xtz';

interface Sent {
  readonly method: string;
  readonly path: string;
  readonly body?: object;
  /** How much of the body is sent before the client leaves. */
  readonly bodyBytes?: number;
  /** The account's secret key by default. */
  readonly key?: string;
}
const MAKE: Sent = {
  method: 'POST',
  path: '/v1/webhook-endpoints',
  body: { url: 'https://shop.example/hook', event_types: ['*'] },
};

describe('a client that leaves before its answer', () => {
  let service: Service;
  let logger: RequestLogger;
  let account: MadeAccount;
  let requests = 0;
  let printed = '';
  beforeAll(async () => {
    const printer = createLogger({ level: 'info', destination: { write: (line) => void (printed += line) } });
    service = await Service.start({ logger: printer });
    logger = service.app.get(RequestLogger, { strict: false });
    account = await service.makeAccount();
    // From here on the process remembers the key.
    await service.call('get', '/v1/account', { key: account.test.secretKey }).expect(200);
  });
  afterAll(() => service.stop());

  const nextId = () => `req-left-${String((requests += 1)).padStart(4, '0')}`;
  function textOf(requestId: string, { method, path, body, bodyBytes, key = account.test.secretKey }: Sent): string {
    const text = body === undefined ? '' : JSON.stringify(body);
    const lines = [`${method} ${path} HTTP/1.1`, 'host: localhost', `request-id: ${requestId}`];
    lines.push(`authorization: Bearer ${key}`);
    if (body !== undefined) lines.push('content-type: application/json', `content-length: ${text.length}`);
    return `${lines.join('\r\n')}\r\n\r\n${text.slice(0, bodyBytes)}`;
  }

  /**
   * Sends requests on one connection, which `leave` ends before any is answered; what they began goes on afterwards.
   */
  async function abandon(
    sent: readonly (readonly [requestId: string, Sent])[],
    leave: (socket: Socket) => unknown,
    waitingFor = 'webhook_endpoints',
  ): Promise<void> {
    const held = service.dataSource.createQueryRunner();
    await held.startTransaction();
    try {
      await held.query(`LOCK TABLE signalpost.${waitingFor} IN ACCESS EXCLUSIVE MODE`);
      const { port } = new URL(await service.app.getUrl());
      const server = service.app.getHttpServer();
      const socket = connect(Number(port), '127.0.0.1').on('error', () => undefined);
      let answer = '';
      socket.on('data', (data) => (answer += data.toString()));
      const arrived = new Promise<IncomingMessage>((resolve) => {
        const last = sent.at(-1)![0];
        const onRequest = (request: IncomingMessage): void => {
          if (request.headers['request-id'] !== last) return;
          server.off('request', onRequest);
          resolve(request);
        };
        server.on('request', onRequest);
      });
      socket.write(sent.map(([requestId, one]) => textOf(requestId, one)).join(''));
      const { socket: near } = await arrived;
      const seen = new Promise((resolve) => near.once('close', resolve));
      await leave(socket);
      await seen;
      expect(answer).toBe('');
    } finally {
      await held.rollbackTransaction();
      await held.release();
    }
  }

  interface WrittenLog {
    readonly request_id: string;
    readonly action: string;
    readonly http: { readonly status: number; readonly code: string | null };
    readonly metadata: object;
  }
  const written = async (ids: readonly string[]): Promise<WrittenLog[]> => {
    await logger.runOnce();
    return service.dataSource.query(
      `SELECT request_id, action, http, metadata FROM signalpost.logs
       WHERE request_id = ANY ($1) AND category = 'api' ORDER BY request_id, id`,
      [ids],
    );
  };
  /** The logs of these requests: as many, and those that were to come beside them. */
  async function logsOf(ids: readonly string[], count: number): Promise<WrittenLog[]> {
    await until(async () => (await written(ids)).length >= count);
    const witness = nextId();
    const headers = { 'request-id': witness };
    await service.call('post', '/v1/logs', { key: account.test.secretKey, headers, body: {} }).expect(422);
    await until(async () => (await written([witness])).length > 0);
    return written(ids);
  }

  interface Line {
    readonly request_id: string;
    readonly msg: string;
    readonly status: number;
    readonly client_left?: boolean;
  }
  /** What the process printed of these requests. */
  const linesOf = (ids: readonly string[]): Line[] =>
    printed
      .split('\n')
      .filter((text) => text !== '')
      .map((text) => JSON.parse(text) as Line)
      .filter((line) => line.msg === 'request' && ids.includes(line.request_id));

  const WAYS = [
    ['closes', (socket: Socket) => socket.destroy()],
    ['says that it sends no more', (socket: Socket) => socket.end()],
    ['resets the connection', (socket: Socket) => socket.resetAndDestroy()],
  ] as const;

  it.each(WAYS)('and %s has its write logged, once, with the answer that it would have had', async (_how, leave) => {
    const id = nextId();
    await abandon([[id, MAKE]], leave);
    expect(await logsOf([id], 1)).toEqual([
      {
        request_id: id,
        action: 'request.succeeded',
        http: expect.objectContaining({ method: 'POST', route: '/v1/webhook-endpoints', status: 201, code: null }),
        metadata: { client_left: true },
      },
    ]);
  });

  it.each([
    ['a write', { method: 'PATCH', path: UNKNOWN, body: { description: 'Shop' } }, '404 not_found'],
    ['a read', { method: 'GET', path: UNKNOWN }, '404 not_found'],
    ['a write whose body it did not send whole', { ...MAKE, bodyBytes: 3 }, '400 malformed_request'],
  ])('has the refusal of %s logged, once', async (_what, sent, answered) => {
    const id = nextId();
    await abandon([[id, sent]], (socket) => socket.destroy());
    const logs = await logsOf([id], 1);
    expect(logs.map(({ action, http }) => `${action} ${http.status} ${http.code}`)).toEqual([
      `request.refused ${answered}`,
    ]);
    expect(logs[0]!.metadata).toEqual({ client_left: true });
  });

  it('has requests logged that waited for the answers of others on its connection', async () => {
    const [first, second] = [nextId(), nextId()];
    const wrong: Sent = { method: 'POST', path: '/v1/webhook-endpoints', body: {} };
    await abandon(
      [
        [first, MAKE],
        [second, wrong],
      ],
      (socket) => socket.destroy(),
    );
    const logs = await logsOf([first, second], 2);
    expect(logs.map(({ request_id: id, http }) => [id, http.status])).toEqual([
      [first, 201],
      [second, 422],
    ]);
  });

  it('while its key is proved has its write refused and logged, once', async () => {
    const { key } = await service.makeRestrictedKey(account.test.secretKey, { scopes: ['webhooks:write'] });
    const id = nextId();
    await abandon([[id, { ...MAKE, key }]], (socket) => socket.destroy(), 'api_keys');
    const logs = await logsOf([id], 1);
    expect(logs.map(({ http, metadata }) => [http.code, metadata])).toEqual([
      ['malformed_request', { client_left: true }],
    ]);
  });

  it('leaves no log of what is only read', async () => {
    const id = nextId();
    await abandon([[id, { method: 'GET', path: '/v1/webhook-endpoints' }]], (socket) => socket.destroy());
    await until(async () => linesOf([id]).length > 0);
    expect(await logsOf([id], 0)).toEqual([]);
  });

  describe('is counted and has its line', () => {
    /** The lines of these requests: as many, and those that were to come beside them. */
    const outcomes = async (ids: readonly string[], count: number) => {
      await until(async () => linesOf(ids).length >= count);
      const witness = nextId();
      await service.call('get', '/healthz', { headers: { 'request-id': witness } }).expect(200);
      await until(async () => linesOf([witness]).length > 0);
      return linesOf(ids).map(({ request_id: id, status, client_left: left }) => [ids.indexOf(id), status, left]);
    };
    const counted = async (method: string, status: number): Promise<number> => {
      const series = `http_request_duration_seconds_count{method="${method}",route="${MAKE.path}",status="${status}"} `;
      const text = await service.app.get(Metrics).registry.metrics();
      return Number(
        text
          .split('\n')
          .find((line) => line.startsWith(series))
          ?.slice(series.length) ?? 0,
      );
    };

    it.each(WAYS)('once, where it %s before its answer is made', async (_how, leave) => {
      const ids = [nextId()];
      const before = await counted('GET', 200);
      await abandon([[ids[0]!, { method: 'GET', path: MAKE.path }]], leave);
      expect(await outcomes(ids, 1)).toEqual([[0, 200, true]]);
      expect(await counted('GET', 200)).toBe(before + 1);
    });

    it('once for each, where one waited with its answer behind another one', async () => {
      const ids = [nextId(), nextId()];
      const before = [await counted('POST', 201), await counted('POST', 422)];
      const { answerListeners } = service.app.getHttpAdapter().getInstance();
      const secondIsAnswered = new Promise<void>((resolve) =>
        answerListeners.push((request) => {
          if (request.id === ids[1]) resolve();
        }),
      );
      await abandon(
        [
          [ids[0]!, MAKE],
          [ids[1]!, { ...MAKE, body: {} }],
        ],
        async (socket) => {
          await secondIsAnswered;
          socket.destroy();
        },
      );
      expect(await outcomes(ids, 2)).toEqual([
        [1, 422, true],
        [0, 201, true],
      ]);
      expect([await counted('POST', 201), await counted('POST', 422)]).toEqual(before.map((count) => count + 1));
    });

    it('as gone out, where it took its answer and left', async () => {
      const headers = { 'request-id': nextId(), connection: 'close' };
      await service.call('get', MAKE.path, { key: account.test.secretKey, headers }).expect(200);
      expect(await outcomes([headers['request-id']], 1)).toEqual([[0, 200, undefined]]);
    });
  });
});
