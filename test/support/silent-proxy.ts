import { connect, createServer, type AddressInfo, type Socket } from 'node:net';

/** A network between the service and its database, which can swallow everything on the connections that there are, and keep them open. */
export async function startSilentProxy(databaseUrl: string) {
  const target = new URL(databaseUrl);
  const nearUrl = new URL(databaseUrl);
  const sockets = new Set<Socket>();
  const silent = new Set<Socket>();
  const server = createServer((near) => {
    const far = connect(Number(target.port), target.hostname);
    for (const [from, to] of [
      [near, far],
      [far, near],
    ] as const) {
      sockets.add(from);
      from.on('data', (data) => silent.has(from) || to.write(data));
      from.on('error', () => to.destroy());
      from.on('close', () => to.destroy());
    }
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  nearUrl.hostname = '127.0.0.1';
  nearUrl.port = String((server.address() as AddressInfo).port);
  return {
    url: nearUrl.href,
    fallSilent: () => sockets.forEach((socket) => silent.add(socket)),
    stop: async () => {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
