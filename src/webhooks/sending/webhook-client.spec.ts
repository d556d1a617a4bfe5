import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type RequestListener } from 'node:http';
import { type AddressInfo, createServer as createTcpServer, type Server, type Socket } from 'node:net';
import { createServer as createTlsServer } from 'node:tls';
import { gzipSync } from 'node:zlib';
import { Clock } from '../../common/clock.js';
import type { AppConfig } from '../../config/app-config.js';
import { DnsHostResolver, HostResolver, ResolutionError, type ResolvedAddress } from './host-resolver.js';
import { type SendInput, type SendResult, WebhookClient } from './webhook-client.js';

/** Answers each look-up with the next list of addresses; the last one stays. */
class ScriptedResolver extends HostResolver {
  readonly asked: string[] = [];
  constructor(private readonly answers: (string[] | Error)[]) {
    super();
  }
  async resolve(hostname: string): Promise<ResolvedAddress[]> {
    this.asked.push(hostname);
    const answer = this.answers.length > 1 ? this.answers.shift()! : this.answers[0]!;
    if (answer instanceof Error) throw answer;
    return answer.map((address) => ({ address, family: address.includes(':') ? 6 : 4 }));
  }
}

const closers: (() => unknown)[] = [];

function makeClient(resolver: HostResolver = new DnsHostResolver(), cidrs = ['127.0.0.0/8', '::1/128']): WebhookClient {
  const config = { webhookAllowedPrivateCidrs: cidrs, webhookAllowedPorts: [443, 8443] } as unknown as AppConfig;
  const client = new WebhookClient(config, resolver, new Clock());
  closers.push(() => client.onApplicationShutdown());
  return client;
}

async function listen(server: Server): Promise<number> {
  const sockets = new Set<Socket>();
  server.on('connection', (socket: Socket) => sockets.add(socket.on('error', () => {})));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  closers.push(() => {
    sockets.forEach((socket) => socket.destroy());
    server.close();
  });
  return (server.address() as AddressInfo).port;
}

const httpReceiver = (listener: RequestListener) => listen(createServer(listener));

/** A receiver of raw bytes: `onRequest` runs when a request's first bytes have come. */
const tcpReceiver = (onRequest: (socket: Socket) => void) =>
  listen(createTcpServer((socket) => socket.once('data', () => onRequest(socket))));

function sendTo(url: string, changes: Partial<SendInput> = {}, client = makeClient()): Promise<SendResult> {
  return client.send({ url, mode: 'test', headers: {}, body: Buffer.from('{}'), timeoutMs: 5_000, ...changes });
}

afterEach(async () => {
  await Promise.all(closers.splice(0).map((close) => close()));
});

describe('what reaches the receiver', () => {
  it('is the very bytes of the body with the given headers and ours, under the name that was asked for', async () => {
    let request: IncomingMessage | undefined;
    let received = Buffer.alloc(0);
    const port = await httpReceiver((incoming, response) => {
      request = incoming;
      incoming.on('data', (chunk: Buffer) => (received = Buffer.concat([received, chunk])));
      incoming.on('end', () => response.end('thanks'));
    });
    const body = Buffer.from([0x7b, 0x00, 0xff, 0xc3, 0xa9, 0x7d]);
    const headers = { 'webhook-id': 'evt_1', 'User-Agent': 'mine', 'X-Shop': 'a  b' };
    const resolver = new ScriptedResolver([['127.0.0.1']]);
    const result = await sendTo(`http://shop.example:${port}/hook?a=1`, { body, headers }, makeClient(resolver));
    expect(result).toMatchObject({ statusCode: 200, error: null, responseBody: 'thanks', responseTruncated: false });
    expect(received.equals(body)).toBe(true);
    expect(request).toMatchObject({ method: 'POST', url: '/hook?a=1' });
    expect(request?.headers).toEqual({
      host: `shop.example:${port}`,
      connection: 'keep-alive',
      'content-length': '6',
      'content-type': 'application/json',
      'accept-encoding': 'identity',
      'user-agent': 'mine',
      'webhook-id': 'evt_1',
      'x-shop': 'a  b',
    });
  });

  it('comes over one kept connection, so the name is resolved once', async () => {
    const resolver = new ScriptedResolver([['127.0.0.1']]);
    const client = makeClient(resolver);
    const ports = new Set<number | undefined>();
    const port = await httpReceiver((request, response) => {
      ports.add(request.socket.remotePort);
      response.end();
    });
    for (let i = 0; i < 3; i += 1) {
      await sendTo(`http://shop.example:${port}/`, {}, client);
      // A connection is free again one turn of the event loop after its answer.
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect(ports.size).toBe(1);
    expect(resolver.asked).toEqual(['shop.example']);
  });

  it('tries the next vetted address when one refuses', async () => {
    const port = await httpReceiver((_request, response) => response.end());
    const resolver = new ScriptedResolver([['127.0.0.2', '127.0.0.1']]);
    expect(await sendTo(`http://shop.example:${port}/`, {}, makeClient(resolver))).toMatchObject({ statusCode: 200 });
  });
});

describe('where a request may go', () => {
  it('refuses a name of which any address is forbidden, and connects nowhere', async () => {
    let isReached = false;
    const port = await tcpReceiver(() => (isReached = true));
    const client = makeClient(new ScriptedResolver([['127.0.0.1', '10.0.0.1']]));
    const result = await sendTo(`http://shop.example:${port}/`, {}, client);
    expect(result).toMatchObject({ statusCode: null, responseBody: null, error: { code: 'policy' } });
    expect(result.error?.message).not.toMatch(/\d+\.\d+\.\d+/);
    expect(isReached).toBe(false);
  });

  it('is not led elsewhere by a name that resolves to a private address the second time (rebinding)', async () => {
    const port = await httpReceiver((_request, response) => response.setHeader('connection', 'close').end());
    const resolver = new ScriptedResolver([['127.0.0.1'], ['169.254.169.254']]);
    const client = makeClient(resolver);
    const url = `http://shop.example:${port}/`;
    expect(await sendTo(url, {}, client)).toMatchObject({ statusCode: 200 });
    expect(await sendTo(url, {}, client)).toMatchObject({ statusCode: null, error: { code: 'policy' } });
    expect(resolver.asked).toHaveLength(2);
  });

  it('connects to the vetted answer itself: the name is never looked up again', async () => {
    const port = await httpReceiver((_request, response) => response.end());
    const resolver = new ScriptedResolver([['127.0.0.1'], new Error('asked twice')]);
    expect(await sendTo(`http://no-such-name.invalid:${port}/`, {}, makeClient(resolver))).toMatchObject({
      statusCode: 200,
    });
  });

  it.each(['http://127.0.0.1', 'http://2130706433', 'http://0x7f.1', 'http://localhost', 'http://a.localhost'])(
    'refuses %s when its range is not opened',
    async (origin) => {
      const port = await httpReceiver((_request, response) => response.end());
      const closed = makeClient(new DnsHostResolver(), []);
      expect((await sendTo(`${origin}:${port}/`, {}, closed)).error?.code).toBe('policy');
      expect((await sendTo(`${origin}/`, {}, closed)).error?.code).toBe('policy');
      expect(await sendTo(`${origin}:${port}/`)).toMatchObject({ statusCode: 200, error: null });
    },
  );

  it('refuses http and literals in live mode even in an opened range', async () => {
    const port = await httpReceiver((_request, response) => response.end());
    expect((await sendTo(`http://localhost:${port}/`, { mode: 'live' })).error?.code).toBe('policy');
    expect((await sendTo('https://127.0.0.1/', { mode: 'live' })).error?.code).toBe('policy');
  });

  it('answers a redirect as what it is, without following it', async () => {
    let count = 0;
    const port = await httpReceiver((_request, response) => {
      count += 1;
      response.writeHead(302, { location: '/elsewhere' }).end();
    });
    expect(await sendTo(`http://127.0.0.1:${port}/`)).toMatchObject({ statusCode: 302, error: null });
    expect(count).toBe(1);
  });

  it('ignores proxies of the environment', async () => {
    const port = await httpReceiver((_request, response) => response.end('direct'));
    process.env.http_proxy = process.env.HTTP_PROXY = 'http://127.0.0.1:1';
    try {
      expect((await sendTo(`http://127.0.0.1:${port}/`)).responseBody).toBe('direct');
    } finally {
      delete process.env.http_proxy;
      delete process.env.HTTP_PROXY;
    }
  });
});

describe('what a receiver may do to us', () => {
  it('ends a body that drips for ever at the deadline, and keeps the status as a failed attempt', async () => {
    let timer: NodeJS.Timeout | undefined;
    const port = await httpReceiver((_request, response) => {
      response.writeHead(200);
      timer = setInterval(() => response.write('.'), 20);
      response.on('close', () => clearInterval(timer));
    });
    const result = await sendTo(`http://127.0.0.1:${port}/`, { timeoutMs: 200 });
    expect(result).toMatchObject({ statusCode: 200, error: { code: 'timeout' } });
    expect(result.responseBody).toMatch(/^\.+$/);
    expect(result.durationMs).toBeLessThan(1_000);
  });

  it('ends at the deadline when no answer comes, and when DNS itself hangs', async () => {
    const port = await tcpReceiver(() => {});
    const silent = await sendTo(`http://127.0.0.1:${port}/`, { timeoutMs: 100 });
    expect(silent).toMatchObject({ statusCode: null, error: { code: 'timeout' } });
    const hanging = new (class extends HostResolver {
      resolve(): Promise<ResolvedAddress[]> {
        return new Promise(() => {});
      }
    })();
    const result = await sendTo('http://shop.example/', { timeoutMs: 100 }, makeClient(hanging));
    expect(result).toMatchObject({ statusCode: null, error: { code: 'timeout' } });
  });

  it('reads no more than 64 KiB of an endless answer, destroys the socket and takes the status', async () => {
    let written = 0;
    const port = await httpReceiver((_request, response) => {
      const chunk = Buffer.alloc(16_384, 'é');
      const write = () => {
        while (!response.destroyed && response.write(chunk)) written += chunk.length;
      };
      response.on('drain', write);
      write();
    });
    const result = await sendTo(`http://127.0.0.1:${port}/`);
    expect(result).toMatchObject({ statusCode: 200, error: null, responseTruncated: true });
    expect(result.responseBody).toBe('é'.repeat(8_192));
    expect(written).toBeLessThan(16 * 1024 * 1024);
  });

  it('keeps 16 KiB of a longer answer that ends, cut at a whole character', async () => {
    const port = await httpReceiver((_request, response) => response.end('x' + 'é'.repeat(10_000)));
    const result = await sendTo(`http://127.0.0.1:${port}/`);
    expect(result).toMatchObject({ statusCode: 200, error: null, responseTruncated: true });
    expect(result.responseBody).toBe('x' + 'é'.repeat(8_191));
  });

  it('never inflates a compressed answer', async () => {
    const bomb = gzipSync(Buffer.alloc(30 * 1024 * 1024));
    const port = await httpReceiver((_request, response) => {
      response.writeHead(200, { 'content-encoding': 'gzip' }).end(bomb);
    });
    const result = await sendTo(`http://127.0.0.1:${port}/`);
    expect(result).toMatchObject({ statusCode: 200, error: null });
    expect(result.responseBody!.length).toBeLessThanOrEqual(16_384);
  });

  it('turns NUL and invalid UTF-8 of an answer into text that can be stored', async () => {
    const port = await httpReceiver((_request, response) =>
      response.end(Buffer.from([0x61, 0, 0xff, 0xed, 0xa0, 0x80])),
    );
    const { responseBody } = await sendTo(`http://127.0.0.1:${port}/`);
    expect(responseBody).toMatch(/^a\ufffd+$/);
  });

  it.each([
    ['too_large_headers', `HTTP/1.1 200 OK\r\nx: ${'a'.repeat(20_000)}\r\n\r\n`],
    ['too_large_headers', `HTTP/1.1 200 OK\r\n${'x: a\r\n'.repeat(10_000)}\r\n`],
    ['protocol', 'SSH-2.0-OpenSSH_9.6\r\n'],
    ['protocol', 'HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: x\r\n\r\n'],
    ['protocol', 'HTTP/1.1 103 Early Hints\r\n\r\n'.repeat(50)],
  ])('calls an answer that breaks the rules %s', async (code, answer) => {
    const port = await tcpReceiver((socket) => socket.write(answer));
    expect(await sendTo(`http://127.0.0.1:${port}/`)).toMatchObject({ statusCode: null, error: { code } });
  });

  it('takes no status beyond those of HTTP for an answer', async () => {
    const port = await tcpReceiver((socket) => socket.end('HTTP/1.1 999 Denied\r\ncontent-length: 0\r\n\r\n'));
    expect(await sendTo(`http://127.0.0.1:${port}/`)).toMatchObject({ statusCode: 999, error: { code: 'protocol' } });
  });

  it('calls a connection closed before or within the answer `reset`', async () => {
    const before = await tcpReceiver((socket) => socket.destroy());
    expect(await sendTo(`http://127.0.0.1:${before}/`)).toMatchObject({ statusCode: null, error: { code: 'reset' } });
    const within = await tcpReceiver((socket) => socket.end('HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nabc'));
    expect(await sendTo(`http://127.0.0.1:${within}/`)).toMatchObject({ statusCode: 200, error: { code: 'reset' } });
  });

  it('calls a refused connection `connect`, a bad certificate `tls` and a missing name `dns`', async () => {
    const free = createTcpServer();
    const freePort = await listen(free);
    free.close();
    await once(free, 'close');
    expect((await sendTo(`http://127.0.0.1:${freePort}/`)).error).toMatchObject({ code: 'connect' });

    const names: (string | false)[] = [];
    const tls = createTlsServer({
      cert: readFileSync('test/fixtures/self-signed-cert.pem'),
      key: readFileSync('test/fixtures/self-signed-key.pem'),
      SNICallback: (name, done) => {
        names.push(name);
        done(null);
      },
    });
    tls.on('tlsClientError', () => {});
    const tlsPort = await listen(tls);
    const pinned = makeClient(new ScriptedResolver([['127.0.0.1']]));
    expect((await sendTo(`https://shop.example:${tlsPort}/`, {}, pinned)).error?.code).toBe('tls');
    expect(names).toEqual(['shop.example']);
    expect((await sendTo(`https://127.0.0.1:${tlsPort}/`)).error?.code).toBe('tls');
    const plain = await tcpReceiver((socket) => socket.destroy());
    expect((await sendTo(`https://127.0.0.1:${plain}/`)).error?.code).toBe('tls');

    const nameless = makeClient(new ScriptedResolver([new ResolutionError('The host name does not exist in DNS.')]));
    expect((await sendTo('http://shop.example/', {}, nameless)).error).toEqual({
      code: 'dns',
      message: 'The host name does not exist in DNS.',
    });
  });

  it('hands Retry-After back as it came, bounded', async () => {
    const port = await httpReceiver((request, response) => {
      response.writeHead(503, { 'retry-after': request.url === '/long' ? 'x'.repeat(500) : '120' }).end();
    });
    expect(await sendTo(`http://127.0.0.1:${port}/`)).toMatchObject({ statusCode: 503, retryAfter: '120' });
    expect((await sendTo(`http://127.0.0.1:${port}/long`)).retryAfter).toHaveLength(128);
  });

  it('ends at once when the caller aborts, before or while it runs', async () => {
    const port = await tcpReceiver(() => abort.abort());
    const abort = new AbortController();
    const url = `http://127.0.0.1:${port}/`;
    expect((await sendTo(url, { signal: abort.signal })).error?.code).toBe('reset');
    expect((await sendTo(url, { signal: AbortSignal.abort() })).error?.code).toBe('reset');
  });
});
