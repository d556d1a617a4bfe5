import { connect, createServer, type AddressInfo, type Socket } from 'node:net';

/** How an answer to a statement outside a transaction ends: ReadyForQuery, idle. */
const END_OF_ANSWER = Buffer.from([0x5a, 0, 0, 0, 5, 0x49]);

interface Link {
  readonly near: Socket;
  readonly far: Socket;
  /** The answer so far to the watched statement; null: none is under way. */
  answer: Buffer | null;
}

/**
 * A network between the service and its database that can lose the answers to one statement, which it knows by its name,
 * together with the connection.
 */
export class LosingProxy {
  private readonly links = new Set<Link>();
  private isLosing: (answer: string) => boolean = () => false;
  private lost: () => void = () => undefined;

  private constructor(
    private readonly target: URL,
    private readonly statement: string,
  ) {}

  static async start(
    databaseUrl: string,
    statement: string,
  ): Promise<{ proxy: LosingProxy; url: string; stop: () => Promise<void> }> {
    const proxy = new LosingProxy(new URL(databaseUrl), statement);
    const server = createServer((near) => proxy.link(near));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const url = new URL(databaseUrl);
    url.hostname = '127.0.0.1';
    url.port = String((server.address() as AddressInfo).port);
    const stop = async () => {
      for (const { near, far } of proxy.links) [near, far].forEach((socket) => socket.destroy());
      await new Promise((resolve) => server.close(resolve));
    };
    return { proxy, url: url.href, stop };
  }

  /** Loses the next answer that contains `text`, when it is there to its end; resolves then. */
  loseAnswerWith(text: string): Promise<void> {
    this.isLosing = (answer) => answer.includes(text);
    return new Promise((resolve) => (this.lost = resolve));
  }

  /** Cuts every connection on which an answer to the statement is awaited. */
  cutAwaiting(): void {
    for (const link of this.links) if (link.answer !== null) link.near.destroy();
  }

  private link(near: Socket): void {
    const far = connect(Number(this.target.port), this.target.hostname);
    const link: Link = { near, far, answer: null };
    this.links.add(link);
    // What may be the beginning of a name that the next chunk ends.
    let seam = Buffer.alloc(0);
    near.on('data', (data) => {
      const asked = Buffer.concat([seam, data]);
      if (asked.includes(this.statement)) link.answer = Buffer.alloc(0);
      seam = asked.subarray(Math.max(0, asked.length - this.statement.length + 1));
      far.write(data);
    });
    far.on('data', (data) => {
      if (link.answer === null) {
        near.write(data);
        return;
      }
      link.answer = Buffer.concat([link.answer, data]);
      if (link.answer.subarray(-END_OF_ANSWER.length).equals(END_OF_ANSWER)) this.pass(link, link.answer);
    });
    near.on('error', () => undefined);
    far.on('error', () => undefined);
    near.on('close', () => {
      this.links.delete(link);
      far.destroy();
    });
    far.on('close', () => near.destroy());
  }

  private pass(link: Link, answer: Buffer): void {
    link.answer = null;
    if (!this.isLosing(answer.toString())) {
      link.near.write(answer);
      return;
    }
    this.isLosing = () => false;
    link.near.destroy();
    this.lost();
  }
}
