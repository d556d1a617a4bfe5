import { connect, createServer } from 'node:net';

/** A TCP link that can be made slow, cut, held or half open, in the driver's process. */
export class FaultProxy {
  delayMs = 0;
  /** New connections are refused. */
  isRefusing = false;
  #targetPort;
  #server;
  #links = new Set();
  #isHeld = false;

  static async listen(targetPort) {
    const proxy = new FaultProxy();
    proxy.#targetPort = targetPort;
    proxy.#server = createServer((client) => proxy.#link(client));
    await new Promise((resolve) => proxy.#server.listen(0, '127.0.0.1', resolve));
    proxy.port = proxy.#server.address().port;
    return proxy;
  }

  retarget(port) {
    this.#targetPort = port;
  }

  get connections() {
    return this.#links.size;
  }

  /** Resets every connection. */
  cut() {
    for (const link of this.#links) this.#drop(link);
  }

  /** From now on nothing passes over the connections that there are, and neither end is told; new ones work. */
  halfOpen() {
    for (const link of this.#links) link.isBlackHole = true;
  }

  /** Nothing passes, and nothing is lost. */
  hold() {
    this.#isHeld = true;
    for (const { client, server } of this.#links) [client, server].forEach((socket) => socket.pause());
  }

  /** As it was before any fault; connections that were half open are reset. */
  heal() {
    this.delayMs = 0;
    this.isRefusing = false;
    this.#isHeld = false;
    for (const link of this.#links) {
      if (link.isBlackHole) this.#drop(link);
      else [link.client, link.server].forEach((socket) => socket.resume());
    }
  }

  close() {
    this.cut();
    this.#server.close();
  }

  #link(client) {
    client.on('error', () => undefined);
    if (this.isRefusing) {
      client.resetAndDestroy();
      return;
    }
    const server = connect(this.#targetPort, '127.0.0.1');
    const link = { client, server, isBlackHole: false };
    this.#links.add(link);
    for (const socket of [client, server]) socket.setNoDelay(true);
    this.#forward(link, client, server);
    this.#forward(link, server, client);
    if (this.#isHeld) [client, server].forEach((socket) => socket.pause());
  }

  #forward(link, from, to) {
    let lastAtMs = 0;
    const later = (work) => {
      const atMs = Math.max(lastAtMs, performance.now() + this.delayMs);
      lastAtMs = atMs;
      if (atMs <= performance.now()) work();
      else setTimeout(work, atMs - performance.now());
    };
    from.on('data', (chunk) => {
      if (link.isBlackHole) return;
      later(() => {
        if (link.isBlackHole || to.destroyed) return;
        if (to.write(chunk)) return;
        from.pause();
        to.once('drain', () => !this.#isHeld && from.resume());
      });
    });
    from.on('error', () => undefined);
    from.on('end', () => later(() => !link.isBlackHole && to.end()));
    from.on('close', () => {
      if (link.isBlackHole) return;
      later(() => this.#drop(link));
    });
  }

  #drop(link) {
    this.#links.delete(link);
    for (const socket of [link.client, link.server]) {
      if (socket.connecting) socket.destroy();
      else socket.resetAndDestroy();
    }
  }
}
