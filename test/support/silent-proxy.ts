import { connect, createServer, type AddressInfo, type Socket } from 'node:net';

/**
 * A network between the service and its database, which can swallow everything on the connections that there are, and keep
 * them open, also on those that come until it is mended; or cut them all and let none through until then.
 */
export async function startSilentProxy(databaseUrl: string) {
  const target = new URL(databaseUrl);
  const nearUrl = new URL(databaseUrl);
  const sockets = new Set<Socket>();
  const silent = new Set<Socket>();
  let isCut = false;
  let isSilent = false;
  const server = createServer((near) => {
    if (isCut) return near.destroy();
    const far = connect(Number(target.port), target.hostname);
    for (const [from, to] of [
      [near, far],
      [far, near],
    ] as const) {
      sockets.add(from);
      if (isSilent) silent.add(from);
      from.on('data', (data) => silent.has(from) || to.write(data));
      from.on('error', () => to.destroy());
      from.on('close', () => to.destroy());
    }
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const destroyAll = () => sockets.forEach((socket) => socket.destroy());
  nearUrl.hostname = '127.0.0.1';
  nearUrl.port = String((server.address() as AddressInfo).port);
  return {
    url: nearUrl.href,
    fallSilent: ({ alsoToNew = false } = {}) => {
      isSilent = alsoToNew;
      sockets.forEach((socket) => silent.add(socket));
    },
    cut: () => {
      isCut = true;
      destroyAll();
    },
    mend: () => {
      isCut = false;
      isSilent = false;
    },
    stop: async () => {
      destroyAll();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
