import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';

/** How an answer to a statement outside a transaction ends: ReadyForQuery, idle. */
const END_OF_ANSWER = Buffer.from([0x5a, 0, 0, 0, 5, 0x49]);

interface Link {
  readonly near: Socket;
  readonly far: Socket;
  /** Open, but nothing passes any more. */
  isSilent: boolean;
  /** The answer so far to the watched statement; null: none is under way. */
  answer: Buffer | null;
}

/**
 * A network between the service and its database, which can fall silent, be cut, or lose the answers to one statement.
 */
export class DatabaseProxy {
  /** The database by way of this network. */
  readonly url: string;
  private readonly links = new Set<Link>();
  private isCut = false;
  private isSilent = false;
  private isLosing: (answer: string) => boolean = () => false;
  private lost: () => void = () => undefined;

  private constructor(
    private readonly server: Server,
    private readonly target: URL,
    private readonly statement: string | null,
  ) {
    const url = new URL(target);
    url.hostname = '127.0.0.1';
    url.port = String((server.address() as AddressInfo).port);
    this.url = url.href;
  }

  /** @param statement the name of the one whose answers may be lost */
  static async start(databaseUrl: string, statement: string | null = null): Promise<DatabaseProxy> {
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const proxy = new DatabaseProxy(server, new URL(databaseUrl), statement);
    server.on('connection', (near) => proxy.link(near));
    return proxy;
  }

  async stop(): Promise<void> {
    this.destroyAll();
    await new Promise((resolve) => this.server.close(resolve));
  }

  /**
   * Swallows everything on the connections that there are, which stay open; also on those that come until it is mended.
   */
  fallSilent({ alsoToNew = false } = {}): void {
    this.isSilent = alsoToNew;
    for (const link of this.links) link.isSilent = true;
  }

  /** Cuts every connection, and lets none through until it is mended. */
  cut(): void {
    this.isCut = true;
    this.destroyAll();
  }

  mend(): void {
    this.isCut = false;
    this.isSilent = false;
  }

  /** Loses the next answer that contains `text`, when it is there to its end, and the connection; resolves then. */
  loseAnswerWith(text: string): Promise<void> {
    this.isLosing = (answer) => answer.includes(text);
    return new Promise((resolve) => (this.lost = resolve));
  }

  /** Cuts every connection on which an answer to the statement is awaited. */
  cutAwaiting(): void {
    for (const link of this.links) if (link.answer !== null) link.near.destroy();
  }

  private destroyAll(): void {
    for (const { near, far } of this.links) [near, far].forEach((socket) => socket.destroy());
  }

  private link(near: Socket): void {
    near.on('error', () => undefined);
    if (this.isCut) {
      near.destroy();
      return;
    }
    const far = connect(Number(this.target.port), this.target.hostname);
    const link: Link = { near, far, isSilent: this.isSilent, answer: null };
    this.links.add(link);
    // What may be the beginning of a name that the next chunk ends.
    let seam = Buffer.alloc(0);
    near.on('data', (data) => {
      if (link.isSilent) return;
      if (this.statement !== null) {
        const asked = Buffer.concat([seam, data]);
        if (asked.includes(this.statement)) link.answer = Buffer.alloc(0);
        seam = asked.subarray(Math.max(0, asked.length - this.statement.length + 1));
      }
      far.write(data);
    });
    far.on('data', (data) => {
      if (!link.isSilent) this.answer(link, data);
    });
    far.on('error', () => undefined);
    near.on('close', () => {
      this.links.delete(link);
      far.destroy();
    });
    far.on('close', () => near.destroy());
  }

  private answer(link: Link, data: Buffer): void {
    if (link.answer === null) {
      link.near.write(data);
      return;
    }
    const answer = Buffer.concat([link.answer, data]);
    const isWhole = answer.subarray(-END_OF_ANSWER.length).equals(END_OF_ANSWER);
    link.answer = isWhole ? null : answer;
    if (!isWhole) return;
    if (!this.isLosing(answer.toString())) {
      link.near.write(answer);
      return;
    }
    this.isLosing = () => false;
    link.near.destroy();
    this.lost();
  }
}
