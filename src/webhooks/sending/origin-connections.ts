import { type buildConnector, Client } from 'undici';

const MAX_HEADER_BYTES = 16_384;
/** Connections are made anew after this, so that a receiver that moves in DNS is followed under constant traffic. */
const CONNECTION_TTL_MS = 300_000;

/**
 * The connections to one origin, each for one request at a time. The one used last is used first, so that those of a
 * burst end by themselves. (Undici's own pool looks through all connections at each request: with 500 in the air that
 * cost more than sending.)
 */
export class OriginConnections {
  private readonly clients = new Set<Client>();
  private readonly free: Client[] = [];
  /** When each live connection was made. */
  private readonly connectedAtMs = new Map<Client, number>();
  private isClosed = false;

  /** @param connect makes a connection to an address that was vetted */
  constructor(
    private readonly origin: string,
    private readonly connect: buildConnector.connector,
  ) {}

  /** How many are connected, busy or not. */
  get size(): number {
    return this.connectedAtMs.size;
  }

  /** Every client taken is given back, or dropped. */
  take(nowMs: number): Client {
    for (;;) {
      const client = this.free.pop();
      if (client === undefined) return this.make();
      const connectedAtMs = this.connectedAtMs.get(client);
      if (connectedAtMs !== undefined && nowMs - connectedAtMs < CONNECTION_TTL_MS) return client;
      this.drop(client);
    }
  }

  /** After a whole answer: its connection may serve the next request, unless the receiver closes it. */
  giveBack(client: Client): void {
    if (this.isClosed) this.drop(client);
    else this.free.push(client);
  }

  /** Ends the connection with whatever is on it. */
  drop(client: Client): void {
    this.clients.delete(client);
    this.connectedAtMs.delete(client);
    void client.destroy();
  }

  /** No request is taken any more; those under way finish. */
  close(): void {
    this.isClosed = true;
    for (const client of this.free.splice(0)) this.drop(client);
  }

  async destroy(): Promise<void> {
    this.isClosed = true;
    this.free.length = 0;
    await Promise.all([...this.clients].map((client) => client.destroy()));
  }

  private make(): Client {
    const client = new Client(this.origin, {
      pipelining: 1,
      headersTimeout: 0,
      bodyTimeout: 0,
      maxHeaderSize: MAX_HEADER_BYTES,
      connect: this.connect,
    });
    client.on('connect', () => this.connectedAtMs.set(client, performance.now()));
    client.on('disconnect', () => this.onDisconnect(client));
    this.clients.add(client);
    return client;
  }

  /** A free one has nothing left to keep; a busy one is dropped with its request's failure. */
  private onDisconnect(client: Client): void {
    this.connectedAtMs.delete(client);
    const index = this.free.indexOf(client);
    if (index < 0) return;
    this.free.splice(index, 1);
    this.drop(client);
  }
}
