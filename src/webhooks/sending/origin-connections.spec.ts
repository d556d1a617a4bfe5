import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { buildConnector, type Client } from 'undici';
import { OriginConnections } from './origin-connections.js';

const TTL_MS = 300_000;

describe('the connections to one origin', () => {
  let server: Server;
  let connections: OriginConnections;
  beforeEach(async () => {
    server = createServer((request, response) => {
      if (request.url === '/last') response.setHeader('connection', 'close');
      response.end('taken');
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    connections = new OriginConnections(`http://127.0.0.1:${port}`, buildConnector({}));
  });
  afterEach(async () => {
    await connections.destroy();
    server.close();
  });

  const take = (inMs = 0) => connections.take(performance.now() + inMs);
  const use = async (client: Client, path = '/') => (await client.request({ method: 'GET', path })).body.text();
  /** Connected ones, given back in the order in which they were taken. */
  const makeFree = async (count: number) => {
    const clients = Array.from({ length: count }, () => take());
    await Promise.all(clients.map((client) => use(client)));
    clients.forEach((client) => connections.giveBack(client));
    return clients;
  };

  it('serve one request each, the one used last first', async () => {
    const [first, second] = await makeFree(2);
    expect(first).not.toBe(second);
    expect([take(), take()]).toEqual([second, first]);
    expect([first, second]).not.toContain(take());
  });

  it('are made anew when they are old, however busy they are', async () => {
    const [old] = await makeFree(1);
    expect(take(TTL_MS - 1_000)).toBe(old);
    connections.giveBack(old!);
    expect(take(TTL_MS + 1_000)).not.toBe(old);
    expect(old!.destroyed).toBe(true);
  });

  it('are not kept when the receiver closes them', async () => {
    const client = take();
    const closed = once(client, 'disconnect');
    await use(client, '/last');
    connections.giveBack(client);
    await closed;
    expect(connections.size).toBe(0);
    expect(take()).not.toBe(client);
  });

  it('end with the request that is under way when they are closed', async () => {
    const [free, busy] = await makeFree(2);
    take();
    connections.close();
    expect([free!.destroyed, busy!.destroyed]).toEqual([true, false]);
    expect(await use(busy!)).toBe('taken');
    connections.giveBack(busy!);
    expect(busy!.destroyed).toBe(true);
  });
});
